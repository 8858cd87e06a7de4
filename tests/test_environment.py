"""The set-up of a new machine: the lock, make, the set-up script, the package's data."""

import ast
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata, resources
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = [Requirement(line.rstrip("\\ ")) for line in LOCK.splitlines() if re.match(r"\w", line)]
OTHER_PYTHON = "3.11" if sys.version_info < (3, 11) else "3.10"


def pinned(name: str, python: str) -> str | None:
    """The version of a package that the lock gives to a Python on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    for pin in PINS:
        if pin.name == name and (pin.marker is None or pin.marker.evaluate(environment)):
            return str(pin.specifier).removeprefix("==")
    return None


def test_the_lock_has_no_address():
    assert not re.findall(r"\w+://\S+|^--(?!hash)\S+|^-\w.*| @ .*", LOCK, re.MULTILINE)


def test_every_pin_is_exact_and_hashed():
    entries = re.split(r"\n(?=\w)", LOCK)
    assert len(entries) == len(PINS)
    assert [entry for entry in entries if not re.match(r"\S+==\S+ .*\\\n    --hash=sha256:", entry)] == []


@pytest.mark.parametrize(
    ("python", "versions"),
    [
        ("3.10", {"tfx": "1.16.0", "tensorflow": "2.16", "apache-beam": "2.61"}),
        ("3.11", {"tfx": "1.21.0", "tensorflow": "2.21"}),
        ("3.13", {"tfx": "1.21.0", "tensorflow": "2.21"}),
    ],
)
def test_the_lock_holds_both_stacks(python, versions):
    found = {name: pinned(name, python) or "" for name in versions}
    assert {name: found[name][: len(version)] for name, version in versions.items()} == versions


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_the_lock_satisfies_pyproject(python):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    required = [Requirement(text) for text in project["project"]["dependencies"] + project["dependency-groups"]["dev"]]
    unsatisfied = [
        str(requirement)
        for requirement in required
        if (requirement.marker is None or requirement.marker.evaluate({"python_version": python}))
        and not requirement.specifier.contains(
            pinned(requirement.name.lower(), python) or "0.0.dev0", prereleases=False
        )
    ]
    assert unsatisfied == []


OVERRIDDEN = {"pyfarmhash"}  # pyproject.toml has the reason


def test_what_is_installed_has_what_it_asks_for():
    """Since the lock is installed without looking at that."""
    ours = {canonicalize_name(pin.name) for pin in PINS}
    versions = {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}
    unsatisfied = [
        f"{name}: {requirement}"
        for name in ours & versions.keys()
        for requirement in map(Requirement, metadata.requires(name) or ())
        if (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
        and (wanted := canonicalize_name(requirement.name)) not in OVERRIDDEN
        and not requirement.specifier.contains(versions.get(wanted, "0.0.dev0"), prereleases=True)
    ]
    assert unsatisfied == []


def test_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[1].split()
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make (\S+) +\S", shown, re.MULTILINE) == targets


@pytest.mark.parametrize(
    ("file", "text", "broken"),
    [
        ("models/errors.py", "import components", "models is not allowed to import components"),
        (
            "models/data/features.py",
            "import models.training.steps",
            "models.data is not allowed to import models",
        ),
        ("pipeline/runners/kubeflow/client/runs.py", "import yaml", "is not allowed to import yaml"),
    ],
)
def test_an_import_against_the_layers_is_found(tmp_path, file, text, broken):
    for package in ("models", "components", "pipeline"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / file
    planted.write_text(f"{planted.read_text(encoding='utf-8')}\n{text}\n", encoding="utf-8")
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert broken in " ".join(done.stdout.split())


CLIENT = ROOT / "pipeline" / "runners" / "kubeflow" / "client"  # in a separate environment


def imports(files) -> set[str]:
    """The packages that files import, without our own and the standard library."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return (
        {name.partition(".")[0] for name in imported} - {"components", "models", "pipeline"} - sys.stdlib_module_names
    )


def test_every_import_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # TFX's own family comes in the versions that this TFX asks for, pydantic's core in that of pydantic, and
    # botocore in that of aiobotocore, which s3fs asks for.
    families = ("tfx", "tfx-bsl", "tensorflow-transform", "pydantic", "aiobotocore")
    family = [text for name in families for text in metadata.requires(name)]
    declared = {
        canonicalize_name(Requirement(text).name)
        for text in project["dependencies"] + project["optional-dependencies"]["heif"] + family
    }
    names = imports(
        file
        for package in ("components", "models", "pipeline")
        for file in (ROOT / package).rglob("*.py")
        if CLIENT not in file.parents
    )
    provided = {
        file.parts[0].removesuffix(".py")
        for distribution in metadata.distributions()
        if canonicalize_name(distribution.metadata["Name"]) in declared
        for file in distribution.files or []
    }
    assert sorted(names - provided) == []


def test_the_client_of_the_cluster_imports_what_its_lock_pins():
    lock = (ROOT / "kubeflow" / "client.lock").read_text(encoding="utf-8")
    pinned_there = {name.replace("-", "_") for name in re.findall(r"^([\w-]+)==", lock, re.MULTILINE)}
    assert sorted(imports(CLIENT.rglob("*.py")) - pinned_there) == []
    assert not re.findall(r"\w+://\S+|^--(?!hash)\S+|^-\w.*| @ .*", lock, re.MULTILINE), "it names no address"
    entries = re.split(r"\n(?=\w)", lock)
    assert [entry for entry in entries if not re.match(r"\S+==\S+ .*\\\n    --hash=sha256:", entry)] == []


def test_the_configurations_come_with_the_package():
    assert (resources.files("configs") / "digits.yaml").is_file()


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """The set-up script on a separate project, with an empty PATH."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("[project]\n")
    (project / "requirements.lock").write_text("uv==1.0 \\\n    --hash=sha256:00\n")
    venv = project / ".venv"
    monkeypatch.setattr(module, "ROOT", project)
    monkeypatch.setattr(module, "LOCK", project / "requirements.lock")
    monkeypatch.setattr(module, "VENV", venv)
    monkeypatch.setattr(module, "VENV_PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(module, "STAMP", venv / ".installed")
    monkeypatch.setattr(module, "UNFINISHED", venv / ".installing")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CC", "CXX", "PYENV_ROOT", "PYTHON", "UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    return module


def command(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def python(path: Path, version: str, headers: bool = True) -> Path:
    return command(path, f"echo {version}; echo {path}; echo {headers}")


GLIBC = {"3.10": "2.36", "3.13": "2.41"}  # of machines with the one stack and the other


@pytest.fixture(params=GLIBC)
def machine(request, monkeypatch) -> str:
    """The version of Python that suits this machine: an older one, or a current one."""
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", GLIBC[request.param]))
    return request.param


def installed(bootstrap, version="3.10"):
    """A finished installation."""
    python(bootstrap.VENV_PYTHON, version)
    bootstrap.STAMP.write_text(bootstrap.stamp())


def test_a_finished_installation_is_ready(bootstrap):
    installed(bootstrap)
    assert bootstrap.main() == 0


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_project_installs_again(bootstrap, name):
    installed(bootstrap)
    (bootstrap.ROOT / name).write_text("changed")
    assert not bootstrap.is_ready("3.10")
    assert bootstrap.is_sound("3.10")


def test_an_interrupted_installation_is_repeated(bootstrap):
    installed(bootstrap)
    bootstrap.STAMP.unlink()
    bootstrap.UNFINISHED.touch()
    assert not bootstrap.is_ready("3.10")
    assert not bootstrap.is_sound("3.10")


def test_a_moved_project_is_installed_again(bootstrap, monkeypatch):
    installed(bootstrap)
    monkeypatch.setattr(bootstrap, "ROOT", bootstrap.ROOT.rename(bootstrap.ROOT.with_name("moved")))
    for name in ("LOCK", "VENV", "VENV_PYTHON", "STAMP", "UNFINISHED"):
        monkeypatch.setattr(bootstrap, name, Path(str(getattr(bootstrap, name)).replace("project", "moved")))
    assert not bootstrap.is_ready("3.10")
    assert not bootstrap.is_sound("3.10")


def test_another_python_is_installed_and_then_kept(bootstrap):
    installed(bootstrap, "3.10")
    assert not bootstrap.is_ready("3.13")
    assert not bootstrap.is_sound("3.13")
    installed(bootstrap, "3.13")
    assert bootstrap.is_ready(bootstrap.wanted_python(""))


def test_pyenv_comes_before_the_path_and_failing_shims_are_skipped(bootstrap, tmp_path):
    wanted = OTHER_PYTHON
    command(tmp_path / "bin" / f"python{wanted}", "echo pyenv: version not installed >&2; exit 127")
    assert bootstrap.find_python(wanted) is None
    on_path = python(tmp_path / "bin" / "python3", wanted)
    assert bootstrap.find_python(wanted) == str(on_path)
    pyenvs = python(tmp_path / ".pyenv" / "versions" / f"{wanted}.4" / "bin" / f"python{wanted}", wanted)
    assert bootstrap.find_python(wanted) == str(pyenvs)


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.13"])
def test_a_python_that_cannot_compile_will_do_for_the_current_stack(bootstrap, tmp_path, version):
    """Whose packages are all wheels."""
    found = python(tmp_path / "bin" / f"python{version}", version, headers=False)
    expected = None if version == "3.10" else str(found)
    if version == "{}.{}".format(*sys.version_info) and version == "3.10":
        expected = bootstrap.probe(sys.executable).path  # the last candidate
    assert bootstrap.find_python(version) == expected


def test_the_machine_decides_the_stack_and_the_reason_is_said(bootstrap, machine):
    assert bootstrap.wanted_python("") == machine
    reason = bootstrap.reason(machine)
    assert reason.startswith(f"Python {machine} with TFX {bootstrap.TFX[machine]}, the ")
    assert f"this machine has {GLIBC[machine]}" in reason


def test_an_environment_of_the_older_stack_is_kept_and_the_way_out_is_said(bootstrap, monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.41"))
    installed(bootstrap, "3.10")
    assert bootstrap.wanted_python("") == "3.10"
    assert bootstrap.reason("3.10").endswith(".venv has it; make setup PYTHON=3.13 makes one of the current stack")


@pytest.mark.parametrize("versions", [["3.12"], ["3.11", "3.12"], ["3.10", "3.11"], ["3.10"], []])
def test_a_current_machine_gets_the_newest_python_that_it_has(bootstrap, tmp_path, monkeypatch, versions):
    """Never one that is past its end of life."""
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.39"))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    for version in versions:
        python(tmp_path / "bin" / f"python{version}", version)
    newest = max([version for version in versions if version != "3.10"], default="3.13")
    assert bootstrap.wanted_python("") == newest


def test_a_chosen_python_is_the_reason(bootstrap, machine, monkeypatch):
    monkeypatch.setenv("PYTHON", "python3.12")
    assert bootstrap.reason("3.12") == "Python 3.12 with TFX 1.21: PYTHON=python3.12"


def test_no_message_asks_for_a_python_past_its_end_of_life_where_a_current_one_would_do(bootstrap, monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.39"))
    with pytest.raises(bootstrap.SetupError) as refused:
        bootstrap.wanted_python("3.9")
    assert str(refused.value) == "PYTHON=3.9 is 3.9; here it can be 3.13, 3.12, 3.11."
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    with pytest.raises(bootstrap.SetupError, match=r"here it can be 3\.10\.$"):
        bootstrap.wanted_python("3.9")


def test_the_stacks_are_those_of_the_lock(bootstrap):
    assert {python: pinned("tfx", python).rpartition(".")[0] for python in bootstrap.PYTHONS} == bootstrap.TFX


def test_a_compiler_is_fetched_only_where_there_is_none(bootstrap, tmp_path, monkeypatch):
    uv = command(tmp_path / "uv", f'echo "$@" >> {tmp_path}/calls')
    fetched = bootstrap.compilers(str(uv), tmp_path)
    assert fetched == {"CC": f"{tmp_path}/compiler/ziglang/zig cc", "CXX": f"{tmp_path}/compiler/ziglang/zig c++"}
    calls = (tmp_path / "calls").read_text()
    assert "--require-hashes" in calls
    for name in ("cc", "c++"):
        command(tmp_path / "bin" / name, "")
    assert bootstrap.compilers(str(uv), tmp_path) == {"CC": "cc", "CXX": "c++"}
    assert (tmp_path / "calls").read_text() == calls


def test_without_a_python_uv_is_tried_and_then_it_is_one_line_of_error(bootstrap, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.39"))
    monkeypatch.setenv("PYTHON", OTHER_PYTHON)
    command(tmp_path / "bin" / "uv", f'echo "$@" >> {tmp_path}/calls; test "$1" = --version && echo uv 1.0')
    assert bootstrap.main() == 2
    assert f"venv --quiet --python {OTHER_PYTHON}" in (tmp_path / "calls").read_text()
    headers = " with its headers" if OTHER_PYTHON == "3.10" else ""
    assert capsys.readouterr().err.startswith(f"error: no Python {OTHER_PYTHON}{headers} in pyenv's versions, on the")


@pytest.mark.parametrize("choice", ["3.9", "python2.7", "/nowhere/python"])
def test_an_unsupported_python_is_an_error(bootstrap, monkeypatch, capsys, choice):
    monkeypatch.setenv("PYTHON", choice)
    assert bootstrap.main() == 2
    line = capsys.readouterr().err
    assert line.startswith(f"error: PYTHON={choice} is ")
    assert line.count("\n") == 1


def test_the_current_stack_is_refused_on_an_old_glibc(bootstrap, monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    bootstrap.check_machine("3.10")
    with pytest.raises(bootstrap.SetupError, match=r"needs glibc 2\.39 or later, this machine has 2\.36; Python 3\.10"):
        bootstrap.check_machine("3.13")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index on this machine with one wheel of uv 1.0; the wheel's hash."""
    wheel = tmp_path / "index" / "uv" / "uv-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    wheel.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("uv-1.0.data/scripts/uv", "#!/bin/sh\necho uv 1.0\n")
    (wheel.parent / "index.html").write_text(
        f'<a href="/uv/uv-1.0.tar.gz#x">a</a><a href="/uv/{wheel.name}#sha256=0">b</a>'
    )
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "index")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/")
        yield hashlib.sha256(wheel.read_bytes()).hexdigest()
        server.shutdown()


def test_uv_is_fetched_where_there_is_no_pip(bootstrap, index, tmp_path):
    uv = bootstrap.download_uv(f"uv==1.0 \\\n    --hash=sha256:{index}\n", tmp_path)
    assert bootstrap.output_of(uv) == "uv 1.0\n"
    assert os.access(uv, os.X_OK)


def test_a_uv_that_is_not_in_the_lock_is_refused(bootstrap, index, tmp_path):
    with pytest.raises(bootstrap.SetupError, match="not the one that"):
        bootstrap.download_uv("uv==1.0 \\\n    --hash=sha256:00\n", tmp_path)
