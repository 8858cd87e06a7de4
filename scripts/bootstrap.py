"""Sets up ``.venv``: a Python, the packages of ``requirements.lock``, this project. Every ``make`` target calls it.

Runs on any Python 3.9+ with only the standard library; pip and ensurepip are optional (a minimal Debian has neither).
When the stamp in ``.venv`` matches the lock, it returns at once. The machine decides the stack: TFX 1.21 on Python 3.11
to 3.13 where its wheels run (glibc 2.39 or later), TFX 1.16 on Python 3.10 elsewhere. ``PYTHON`` in the environment
(``3.12``, ``python3.12`` or a path) selects a Python.

Exit codes: 0 ready; 2 this machine lacks something that its owner must install (one clear line); 1 anything else.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
COMPILER_LOCK = ROOT / "scripts" / "compiler.lock"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".installed"  # written at the end of an installation
UNFINISHED = VENV / ".installing"  # exists during an installation, and after an interrupted one

CURRENT = ("3.13", "3.12", "3.11")  # in the order of choice
OLDER = "3.10"
PYTHONS = (*CURRENT, OLDER)
TFX = {**dict.fromkeys(CURRENT, "1.21"), OLDER: "1.16"}
OLDEST_GLIBC = {**dict.fromkeys(CURRENT, (2, 39)), OLDER: (2, 28)}  # of the wheels of TensorFlow and TFX


class Interpreter(NamedTuple):
    """A working Python: its version, its path (of a virtual environment, its base's), whether it has C headers."""

    version: str
    path: str
    has_headers: bool


class SetupError(Exception):
    """A problem that the machine's owner must fix; the message is one line."""


def main() -> int:
    """Sets up ``.venv``, unless it is ready."""
    try:
        wanted = wanted_python(os.environ.get("PYTHON", ""))
        if not is_ready(wanted):
            with LOCK.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # of two makes at once, the second waits and finds it ready
                if not is_ready(wanted):
                    install(wanted)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"error: set-up failed in {Path(error.cmd[0]).name} (see above)", file=sys.stderr)
        return 1
    return 0


def wanted_python(choice: str) -> str:
    """The version that ``PYTHON`` selects; default: that of a working ``.venv``, or what suits this machine."""
    if not choice:
        found = probe(VENV_PYTHON)
        if found and found.version in PYTHONS:
            return found.version
        if not runs_here(CURRENT[0]):
            return OLDER
        return next(filter(find_python, CURRENT), CURRENT[0])
    named = re.search(r"(?:^|/|python)(3\.\d+)$", choice)
    found = probe(choice)
    version = found.version if found else named[1] if named else ""
    if version not in PYTHONS:
        ours = CURRENT if runs_here(CURRENT[0]) else (OLDER,)
        raise SetupError(f"PYTHON={choice} is {version or 'no Python that runs'}; here it can be {', '.join(ours)}.")
    return version


def runs_here(version: str) -> bool:
    """Whether the wheels of TFX for a Python run with this machine's C library, unless it is another one than glibc."""
    return not glibc() or glibc() >= OLDEST_GLIBC[version]


def glibc() -> tuple[int, ...]:
    """The version of this machine's glibc; empty if it has another C library."""
    library, version = platform.libc_ver()
    return tuple(map(int, version.split(".")[:2])) if library == "glibc" else ()


def reason(version: str) -> str:
    """Why this Python, and with it this TFX."""
    stack, here = f"Python {version} with TFX {TFX[version]}", written(glibc()) or "another C library"
    needed = written(OLDEST_GLIBC[CURRENT[0]])
    if os.environ.get("PYTHON"):
        return f"{stack}: PYTHON={os.environ['PYTHON']}"
    if version == OLDER and runs_here(CURRENT[0]):
        return f"{stack}: .venv has it; make setup PYTHON={CURRENT[0]} makes one of the current stack"
    if version == OLDER:
        return f"{stack}, the older stack: TFX {TFX[CURRENT[0]]} needs glibc {needed} or later, this machine has {here}"
    return f"{stack}, the current stack, which needs glibc {needed}: this machine has {here}"


def written(version: tuple[int, ...]) -> str:
    """A version as text."""
    return ".".join(map(str, version))


def is_ready(wanted: str) -> bool:
    """Whether ``.venv`` has that Python and the packages of the current lock and project."""
    found = probe(VENV_PYTHON)
    return bool(found and found.version == wanted and STAMP.is_file() and STAMP.read_text() == stamp())


def stamp() -> str:
    """What an installation depends on: its path (scripts name their Python by path), the lock and the project."""
    digest = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    return f"{ROOT}\n{digest.hexdigest()}\n"


def install(wanted: str) -> None:
    """Makes or repairs ``.venv``."""
    check_machine(wanted)
    announce(reason(wanted))
    with tempfile.TemporaryDirectory(prefix="siamese-setup-") as folder:
        uv = find_uv(Path(folder))
        if not is_sound(wanted):
            create(uv, wanted)
        UNFINISHED.touch()
        STAMP.unlink(missing_ok=True)
        announce("Installing requirements.lock (about 3 GB the first time) ...")
        pip_install = (uv, "pip", "install", "--python", str(VENV_PYTHON))
        # The lock is complete, and has newer packages than some of its others ask for (pyproject.toml).
        locked = ("--no-deps", "--require-hashes", "--requirements", str(LOCK))
        run(*pip_install, *locked, **(compilers(uv, Path(folder)) if wanted == OLDER else {}))
        run(*pip_install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        UNFINISHED.unlink()
        STAMP.write_text(stamp())


def check_machine(wanted: str) -> None:
    """Raises SetupError where no wheels exist for this machine."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(f"TFX has wheels for x86-64 Linux only, not for {platform.system()} {platform.machine()}.")
    if not runs_here(wanted):
        needs = f"TFX for Python {wanted} needs glibc {written(OLDEST_GLIBC[wanted])} or later"
        hint = f"; Python {OLDER} is what runs here" if runs_here(OLDER) else ""
        raise SetupError(f"{needs}, this machine has {written(glibc())}{hint}.")


def is_sound(wanted: str) -> bool:
    """Whether ``.venv`` can be reused: the right Python, no interrupted installation, not moved."""
    found = probe(VENV_PYTHON)
    if not found or found.version != wanted or UNFINISHED.exists():
        return False
    return not STAMP.is_file() or STAMP.read_text().splitlines()[:1] == [str(ROOT)]


def create(uv: str, wanted: str) -> None:
    """Makes an empty ``.venv``, replacing an existing one."""
    python = find_python(wanted)
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    announce(f"Making .venv with Python {wanted} ({python or 'found or downloaded by uv'}) ...")
    command = [uv, "venv", "--quiet", "--python", python or wanted, str(VENV)]
    if not python:
        command += ["--python-preference", "only-managed"]  # the system's were tried above
    made = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        print(made.stderr, file=sys.stderr, end="")
        older = wanted == OLDER
        package, with_headers = (f"python{wanted}-dev", " with its headers") if older else ("python3", "")
        raise SetupError(
            f"no Python {wanted}{with_headers} in pyenv's versions, on the PATH or through uv. Install it (your "
            f"system's {package}, or pyenv install {wanted}), or name one: make PYTHON=/path/to/python{wanted}."
        )


def find_python(wanted: str) -> str | None:
    """An interpreter of that version: PYTHON's, pyenv's, the PATH's or the current one; None if uv must find one.

    One of the older stack without its C headers (python3.10 without python3.10-dev) is skipped: some of its packages
    are compiled here.
    """
    for candidate in python_candidates(wanted):
        found = probe(candidate)
        if found and found.version == wanted and (found.has_headers or wanted != OLDER):
            return found.path
    return None


def python_candidates(wanted: str) -> Iterator[str | Path]:
    """Possible interpreters of that version, the likeliest first."""
    if os.environ.get("PYTHON"):
        yield os.environ["PYTHON"]
    roots = [os.environ.get("PYENV_ROOT", ""), str(Path.home() / ".pyenv"), output_of("pyenv", "root").strip()]
    for root in filter(None, roots):
        # By the name with the version: pyenv's shims refuse versions that are not in .python-version.
        yield from sorted(Path(root).glob(f"versions/{wanted}*/bin/python{wanted}"), reverse=True)
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    yield from (folder / name for name in (f"python{wanted}", "python3", "python") for folder in folders)
    yield sys.executable


def probe(python: str | Path) -> Interpreter | None:
    """Runs an interpreter and describes it; None if it fails, as a pyenv shim may."""
    if str(python) == sys.executable == str(VENV_PYTHON):  # the fast case
        return Interpreter("{}.{}".format(*sys.version_info), getattr(sys, "_base_executable", sys.executable), True)
    if os.sep in str(python) and not os.access(python, os.X_OK):
        return None
    code = (
        "import os, sys, sysconfig; print('%d.%d' % sys.version_info[:2]); print(sys._base_executable);"
        "print(os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')))"
    )
    lines = output_of(str(python), "-I", "-c", code).splitlines()
    return Interpreter(lines[0], lines[1], lines[2] == "True") if len(lines) == 3 else None


def compilers(uv: str, folder: Path) -> dict[str, str]:
    """The variables CC and CXX: the user's, the system's, or Zig's, which is installed into the folder."""
    if os.environ.get("CC") and os.environ.get("CXX"):
        return {}
    if shutil.which("cc") and shutil.which("c++"):
        return {"CC": "cc", "CXX": "c++"}
    announce("Downloading a C++ compiler (Zig): there is none on the PATH ...")
    pip_install = (uv, "pip", "install", "--quiet", "--python", str(VENV_PYTHON), "--target", str(folder / "compiler"))
    run(*pip_install, "--require-hashes", "--requirements", str(COMPILER_LOCK))
    zig = folder / "compiler" / "ziglang" / "zig"
    return {"CC": f"{zig} cc", "CXX": f"{zig} c++"}


def find_uv(folder: Path) -> str:
    """A working uv: ``.venv``'s, the PATH's, or that of the lock, which is installed into the folder."""
    if output_of(str(VENV / "bin" / "uv"), "--version"):
        return str(shutil.copy(VENV / "bin" / "uv", folder / "uv"))  # .venv may be replaced
    on_path = shutil.which("uv")
    if on_path and output_of(on_path, "--version"):
        return on_path
    announce("Downloading uv, which installs the rest ...")
    entry = re.search(r"^uv==(?:.*\\\n)*.*\n", LOCK.read_text(), re.MULTILINE)
    if not entry:
        raise RuntimeError("requirements.lock pins no uv")
    requirement = folder / "uv.txt"
    requirement.write_text(entry[0])
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq")
    options = ("--target", str(folder), "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(requirement))
    if output_of(*pip, "--version"):
        run(*pip, "install", *options)
        return str(folder / "bin" / "uv")
    return download_uv(entry[0], folder)


def download_uv(entry: str, folder: Path) -> str:
    """Downloads uv's wheel without pip; its hash must be in the lock's entry."""
    import urllib.parse  # late: every call of make pays for the imports above
    import urllib.request
    import zipfile

    version = entry.split(maxsplit=1)[0].removeprefix("uv==")
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    page = f"{index.rstrip('/')}/uv/"
    try:
        with urllib.request.urlopen(page, timeout=60) as response:
            wheel_name = rf"uv-{re.escape(version)}-[^\"#/]*manylinux[^\"#/]*x86_64\.whl"
            link = re.search(rf'href="([^"#]*/{wheel_name})', response.read().decode())
        if not link:
            raise SetupError(f"{page} lists no uv {version} for x86-64 Linux; install uv, or pip for {sys.executable}.")
        with urllib.request.urlopen(urllib.parse.urljoin(page, link[1]), timeout=60) as response:
            wheel = response.read()
    except OSError as error:
        raise SetupError(f"cannot download uv from {page}: {error}") from error
    if f"sha256:{hashlib.sha256(wheel).hexdigest()}" not in entry:
        raise SetupError(f"the uv {version} that {page} serves is not the one that requirements.lock pins.")
    archive = folder / "uv.zip"
    archive.write_bytes(wheel)
    with zipfile.ZipFile(archive) as files:
        binary = Path(files.extract(f"uv-{version}.data/scripts/uv", folder))
    binary.chmod(0o755)
    return str(binary)


def output_of(*command: str) -> str:
    """The output of a command; empty if it cannot be run or fails."""
    try:
        # From /: a .python-version of this folder's parents makes pyenv's shims fail where pyenv has no such Python.
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def run(*command: str, **variables: str) -> None:
    """Runs a command with visible output and more environment variables; raises CalledProcessError if it fails."""
    subprocess.run(command, env={**os.environ, **variables}, check=True)


def announce(line: str) -> None:
    """Prints a line before the output of the next command."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
