"""Makes ``.venv`` ready: a Python, what ``requirements.lock`` pins, this project. ``make`` calls it before any target.

Runs on any Python 3.9+ with the standard library alone; a Python without pip or ensurepip (a bare Debian's) will do.
When the stamp in ``.venv`` is that of the present lock, it returns at once. ``PYTHON`` in the environment (``3.13``,
``python3.13`` or a path) chooses another Python than 3.10.

Exit codes: 0 ready; 2 this machine lacks something that only its owner can give (one clear line); 1 anything else.
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
STAMP = VENV / ".installed"  # the last thing that an installation writes
UNFINISHED = VENV / ".installing"  # there while one is under way, and after one that was cut off

DEFAULT_PYTHON = "3.10"
# What the wheels of TensorFlow and TFX need, by Python.
OLDEST_GLIBC = {"3.10": (2, 28), "3.11": (2, 39), "3.12": (2, 39), "3.13": (2, 39)}


class Interpreter(NamedTuple):
    """A Python that runs: its version, its path (of a virtual environment that of its base), whether it can compile."""

    version: str
    path: str
    has_headers: bool


class SetupError(Exception):
    """Something that the machine's owner has to change; the message is the one line they read."""


def main() -> int:
    """Makes ``.venv`` ready, unless it is."""
    try:
        wanted = wanted_python(os.environ.get("PYTHON", ""))
        if not is_ready(wanted):
            with LOCK.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second waits, and finds all done
                if not is_ready(wanted):
                    install(wanted)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"error: the set-up stopped: {Path(error.cmd[0]).name} failed (see above)", file=sys.stderr)
        return 1
    return 0


def wanted_python(choice: str) -> str:
    """The version that ``PYTHON`` asks for; without one that of a working ``.venv``, or else the default."""
    if not choice:
        found = probe(VENV_PYTHON)
        return found.version if found and found.version in OLDEST_GLIBC else DEFAULT_PYTHON
    named = re.search(r"(?:^|/|python)(3\.\d+)$", choice)
    found = probe(choice)
    version = found.version if found else named[1] if named else ""
    if version not in OLDEST_GLIBC:
        versions = ", ".join(OLDEST_GLIBC)
        raise SetupError(f"PYTHON={choice} is {version or 'no Python that runs'}; this project runs on {versions}.")
    return version


def is_ready(wanted: str) -> bool:
    """Whether ``.venv`` has that Python and all that the lock and the project now ask for."""
    found = probe(VENV_PYTHON)
    return bool(found and found.version == wanted and STAMP.is_file() and STAMP.read_text() == stamp())


def stamp() -> str:
    """What an installation hangs on: where it lies (its scripts name their Python by path) and what it was made of."""
    digest = hashlib.sha256(LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes())
    return f"{ROOT}\n{digest.hexdigest()}\n"


def install(wanted: str) -> None:
    """Makes or mends ``.venv``."""
    check_machine(wanted)
    with tempfile.TemporaryDirectory(prefix="siamese-setup-") as folder:
        uv = find_uv(Path(folder))
        if not is_sound(wanted):
            create(uv, wanted)
        UNFINISHED.touch()
        STAMP.unlink(missing_ok=True)
        say("Installing what requirements.lock pins (about 3 GB the first time) ...")
        pip_install = (uv, "pip", "install", "--python", str(VENV_PYTHON))
        run(*pip_install, "--require-hashes", "--requirements", str(LOCK), **compilers(uv, Path(folder)))
        run(*pip_install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        UNFINISHED.unlink()
        STAMP.write_text(stamp())


def check_machine(wanted: str) -> None:
    """Raises SetupError where no wheels exist for this machine."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(f"TFX has wheels for x86-64 Linux alone, not for {platform.system()} {platform.machine()}.")
    library, version = platform.libc_ver()
    oldest = OLDEST_GLIBC[wanted]
    if library == "glibc" and tuple(map(int, version.split(".")[:2])) < oldest:
        needed = ".".join(map(str, oldest))
        hint = "" if wanted == DEFAULT_PYTHON else f" Python {DEFAULT_PYTHON} (the default) needs only 2.28."
        raise SetupError(f"TFX for Python {wanted} needs glibc {needed} or later; this machine has {version}.{hint}")


def is_sound(wanted: str) -> bool:
    """Whether ``.venv`` can be added to: the right Python, no installation cut off midway, not moved from elsewhere."""
    found = probe(VENV_PYTHON)
    if not found or found.version != wanted or UNFINISHED.exists():
        return False
    return not STAMP.is_file() or STAMP.read_text().splitlines()[:1] == [str(ROOT)]


def create(uv: str, wanted: str) -> None:
    """Makes an empty ``.venv`` in place of what is there."""
    python = find_python(wanted)
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    say(f"Making .venv with Python {wanted} ({python or 'uv looks for one, or fetches it'}) ...")
    command = [uv, "venv", "--quiet", "--python", python or wanted, str(VENV)]
    if not python:
        command += ["--python-preference", "only-managed"]  # the system's were looked at above
    made = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode:
        print(made.stderr, file=sys.stderr, end="")
        raise SetupError(
            f"no Python {wanted} with its headers in pyenv's versions, on the PATH or through uv. Install it (pyenv "
            f"install {wanted}, or your system's python{wanted}-dev), or name one: make PYTHON=/path/to/python{wanted}."
        )


def find_python(wanted: str) -> str | None:
    """An interpreter of that version: PYTHON's, pyenv's, the PATH's or the one that runs this; None leaves it to uv.

    One without its C headers (a system's python3.10 without python3.10-dev) is passed by: some of the packages that the
    lock pins are compiled here.
    """
    for candidate in python_candidates(wanted):
        found = probe(candidate)
        if found and found.version == wanted and found.has_headers:
            return found.path
    return None


def python_candidates(wanted: str) -> Iterator[str | Path]:
    """What might be that version, the likeliest first."""
    if os.environ.get("PYTHON"):
        yield os.environ["PYTHON"]
    roots = [os.environ.get("PYENV_ROOT", ""), str(Path.home() / ".pyenv"), output_of("pyenv", "root").strip()]
    for root in filter(None, roots):
        # By the version's own name: pyenv's shims refuse versions that .python-version does not name.
        yield from sorted(Path(root).glob(f"versions/{wanted}*/bin/python{wanted}"), reverse=True)
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    yield from (folder / name for name in (f"python{wanted}", "python3", "python") for folder in folders)
    yield sys.executable


def probe(python: str | Path) -> Interpreter | None:
    """What an interpreter is, found out by running it: pyenv's shims, for one, may be there and yet fail."""
    if str(python) == sys.executable == str(VENV_PYTHON):  # the case that must be quick
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
    """The variables that name a C and a C++ compiler: the user's, the system's or else Zig's, put into the folder."""
    if os.environ.get("CC") and os.environ.get("CXX"):
        return {}
    if shutil.which("cc") and shutil.which("c++"):
        return {"CC": "cc", "CXX": "c++"}
    say("Fetching a C++ compiler (Zig), for there is none on the PATH ...")
    pip_install = (uv, "pip", "install", "--quiet", "--python", str(VENV_PYTHON), "--target", str(folder / "compiler"))
    run(*pip_install, "--require-hashes", "--requirements", str(COMPILER_LOCK))
    zig = folder / "compiler" / "ziglang" / "zig"
    return {"CC": f"{zig} cc", "CXX": f"{zig} c++"}


def find_uv(folder: Path) -> str:
    """A uv that runs: ``.venv``'s, the PATH's, or the one that the lock pins, put into the folder."""
    if output_of(str(VENV / "bin" / "uv"), "--version"):
        return str(shutil.copy(VENV / "bin" / "uv", folder / "uv"))  # .venv may be made anew
    on_path = shutil.which("uv")
    if on_path and output_of(on_path, "--version"):
        return on_path
    say("Fetching uv, which installs the rest ...")
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
    """Fetches uv's wheel without pip, accepting only a file that the lock's entry names by its hash."""
    import urllib.parse  # late: every call of make pays for what is imported above
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
        raise SetupError(f"cannot fetch uv from {page}: {error}") from error
    if f"sha256:{hashlib.sha256(wheel).hexdigest()}" not in entry:
        raise SetupError(f"the uv {version} that {page} serves is not the one that requirements.lock pins.")
    archive = folder / "uv.zip"
    archive.write_bytes(wheel)
    with zipfile.ZipFile(archive) as files:
        binary = Path(files.extract(f"uv-{version}.data/scripts/uv", folder))
    binary.chmod(0o755)
    return str(binary)


def output_of(*command: str) -> str:
    """What a command prints; nothing if it cannot be run or fails."""
    try:
        # From /: in this folder .python-version makes pyenv's shims fail where pyenv has no 3.10.
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def run(*command: str, **variables: str) -> None:
    """Runs a command in the open, with more environment variables; raises CalledProcessError if it fails."""
    subprocess.run(command, env={**os.environ, **variables}, check=True)


def say(line: str) -> None:
    """Prints a line ahead of what the next command prints."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
