"""Packages whose ``__init__`` runs once something in it is asked for: whoever imports them sees no other difference."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from models import postponed_packages

ROOT = Path(postponed_packages.__file__).parents[1]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that counts how often it ran, and its name."""
    folder = tmp_path / "heavy_one"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import sys\nsys.heavy_ran = getattr(sys, 'heavy_ran', 0) + 1\n"
        "from heavy_one.part import value\n__version__ = '3'\n__all__ = ['listed']\nlisted = 5\n"
    )
    (folder / "part.py").write_text("value = 7\n")
    (folder / "part_of_part").mkdir()
    (folder / "part_of_part" / "__init__.py").write_text("deep = 9\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(postponed_packages, "_PACKAGES", {"heavy_one", "heavy_missing"})
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    postponed_packages.postpone()
    postponed_packages.postpone()
    yield "heavy_one"
    for name in [one for one in sys.modules if one.startswith("heavy_one")]:
        del sys.modules[name]
    if hasattr(sys, "heavy_ran"):
        del sys.heavy_ran


def ran() -> int:
    return getattr(sys, "heavy_ran", 0)


def test_importing_it_or_a_part_does_not_run_it(package):
    module = importlib.import_module(package)
    assert importlib.import_module(f"{package}.part").value == 7
    assert importlib.import_module(f"{package}.part_of_part").deep == 9
    assert module.part.value == 7
    assert not hasattr(module, "__wrapped__")
    assert module.__path__
    assert Path(module.__file__).name == "__init__.py"
    assert ran() == 0


def test_a_part_is_found_as_an_attribute(package):
    namespace = {}
    exec(f"from {package} import part, part_of_part", namespace)
    assert (namespace["part"].value, namespace["part_of_part"].deep) == (7, 9)
    assert ran() == 0


@pytest.mark.parametrize(
    ("name", "value"), [("listed", 5), ("value", 7), ("__version__", "3"), ("__all__", ["listed"])]
)
def test_what_it_defines_runs_it_once(package, name, value):
    module = importlib.import_module(package)
    assert getattr(module, name) == value
    assert module.listed == 5
    assert importlib.import_module(package) is module
    assert ran() == 1


def test_all_of_it(package):
    namespace = {}
    exec(f"from {package} import *", namespace)
    assert namespace["listed"] == 5
    assert "value" not in namespace


def test_what_it_does_not_have(package):
    module = importlib.import_module(package)
    for _ in range(2):
        with pytest.raises(AttributeError):
            _ = module.nothing
    assert ran() == 1


def test_a_package_that_cannot_be_run_says_so_each_time(package, tmp_path):
    (tmp_path / package / "__init__.py").write_text("raise ImportError('no such library')")
    module = importlib.import_module(package)
    for _ in range(2):
        with pytest.raises(ImportError, match="no such library"):
            _ = module.listed


def test_a_package_that_is_not_installed(package):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("heavy_missing")


@pytest.mark.e2e
def test_what_a_local_run_loads():
    """What nothing here needs is not run, and can be asked for nevertheless."""
    program = """
        import sys
        from models.library_environment import loading, prepare_native_libraries
        prepare_native_libraries()
        with loading():
            import pipeline.runners.local.runner
        heavy = {"kubernetes.dynamic", "google.cloud.bigquery.client", "google.cloud.pubsub_v1.publisher.client"}
        print(sorted(heavy & sys.modules.keys()))
        import kubernetes
        print(kubernetes.client.V1Pod.__name__, kubernetes.__version__ > "")
    """
    lines = "\n".join(line[8:] for line in program.splitlines())
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "V1Pod True"]
