import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from models import code_digest as module
from models.code_digest import SourceTree, code_digest
from models.data import image_formats

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(module.__file__).parents[1]

PROJECT = {
    "components/__init__.py": '"""Components."""\n',
    "components/room/__init__.py": '"""A room."""\n',
    "components/room/component.py": "from components.room.executor import Executor\n",
    "components/room/executor.py": (
        "import json\n"
        "from typing import TYPE_CHECKING\n"
        "from models import data\n"
        "from models.settings import Wanted\n"
        "from ..other.near import near\n"
        "if TYPE_CHECKING:\n"
        "    from models.checked import Checked\n"
        "def run():\n"
        '    """As ``models.mentioned`` does it."""\n'
        "    from models.late import late\n"
        '    command = ["python", "-m", "models.program"], f"from models.embedded import main; {late}"\n'
        '    return command, "models.trainer.run_fn"\n'
    ),
    "components/room/templates/page.html.j2": "<p>\n",
    "components/other/__init__.py": "",
    "components/other/near.py": "import models.far as far\nnear = far\n",
    "components/other/unrelated.py": "x = 1\n",
    "models/__init__.py": "",
    "models/data.py": "",
    "models/checked.py": "",
    "models/embedded.py": "",
    "models/far.py": "from models import farther\n",
    "models/farther.py": "",
    "models/late.py": "",
    "models/mentioned.py": "",
    "models/program.py": "",
    "models/trainer.py": "from models.losses import LOSSES\n",
    "models/losses/__init__.py": "import pkgutil\nLOSSES = [one.name for one in pkgutil.iter_modules(__path__)]\n",
    "models/losses/contrastive.py": "from models import margins\n",
    "models/margins.py": "",
    "models/settings/__init__.py": (
        "from models.settings.wanted import Wanted\nfrom models.settings.other import Other\n"
        '__all__ = ["Other", "Wanted"]\n'
    ),
    "models/settings/wanted.py": "",
    "models/settings/other.py": "",
}  # fmt: skip
READ = {
    "components/room/component.py",
    "components/room/executor.py",
    "components/room/templates/page.html.j2",
    "components/other/near.py",
    "models/data.py",
    "models/embedded.py",
    "models/far.py",
    "models/farther.py",
    "models/late.py",
    "models/losses/__init__.py",
    "models/losses/contrastive.py",
    "models/margins.py",
    "models/program.py",
    "models/settings/wanted.py",
    "models/trainer.py",
}
COMPONENT = "components.room.component"


@pytest.fixture
def project(tmp_path):
    for name, text in PROJECT.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_closure_is_what_is_imported_named_discovered_and_loaded(project):
    assert set(SourceTree(project).closure(COMPONENT)) == READ


@pytest.mark.parametrize("changed", sorted(READ))
def test_a_change_of_any_file_of_the_closure_changes_the_digest(project, changed):
    before = SourceTree(project).digest(COMPONENT)
    with (project / changed).open("a") as file:
        file.write("# changed\n")
    assert SourceTree(project).digest(COMPONENT) != before


def test_a_change_of_any_other_file_does_not(project):
    before = SourceTree(project).digest(COMPONENT)
    for name in PROJECT.keys() - READ:
        with (project / name).open("a") as file:
            file.write('"""Changed."""\n')
    (project / "components/other/table.csv").write_text("beside a module that is read")
    assert SourceTree(project).digest(COMPONENT) != before
    (project / "components/other/table.csv").unlink()
    (project / "components/room/__pycache__").mkdir()
    (project / "components/room/__pycache__/component.pyc").write_text("compiled")
    assert SourceTree(project).digest(COMPONENT) == before


def test_a_module_that_a_discovering_package_gains_changes_the_digest(project):
    before = SourceTree(project).digest(COMPONENT)
    (project / "models/losses/triplet.py").write_text("")
    assert SourceTree(project).digest(COMPONENT) != before


def test_a_module_that_discovers_those_of_another_package_has_them_in_its_closure(project):
    (project / "models/program.py").write_text(
        "import pkgutil\nfrom models import settings\nfound = list(pkgutil.iter_modules(settings.__path__))\n"
    )
    assert "models/settings/other.py" in SourceTree(project).closure(COMPONENT)


def test_a_package_with_code_of_its_own_counts_with_all_that_it_imports(project):
    with (project / "models/settings/__init__.py").open("a") as file:
        file.write("x = 1\n")
    assert {"models/settings/__init__.py", "models/settings/other.py"} < set(SourceTree(project).closure(COMPONENT))


def test_a_name_that_comes_from_another_module_changes_the_digest(project):
    (project / "models/trainer.py").write_text("from models.settings import Other\n")
    before = SourceTree(project).digest(COMPONENT)
    listing = project / "models/settings/__init__.py"
    listing.write_text(listing.read_text().replace("wanted import Wanted", "other import Wanted"))
    one = SourceTree(project).digest(COMPONENT)
    listing.write_text(listing.read_text().replace("other import Other", "wanted import Other"))
    assert len({before, one, SourceTree(project).digest(COMPONENT)}) == 3


def test_the_versions_of_libraries_count(project, monkeypatch):
    before = SourceTree(project).digest(COMPONENT)
    monkeypatch.setattr(module, "_library_versions", lambda: ["another"])
    assert SourceTree(project).digest(COMPONENT) != before


def test_the_formats_that_pillow_was_built_for_count(project, monkeypatch):
    before = {SourceTree(project).digest(COMPONENT)}
    check = module.features.check
    for missing in ("webp", "avif", "libtiff"):
        monkeypatch.setattr(module.features, "check", lambda name, missing=missing: name != missing and check(name))
        module._library_versions.cache_clear()
        before.add(SourceTree(project).digest(COMPONENT))
    monkeypatch.undo()
    module._library_versions.cache_clear()
    assert len(before) == 3 + check("avif")


@pytest.mark.parametrize("name", ["pillow_heif", "scipy"])
def test_a_library_that_may_be_missing_counts_where_it_is_imported(project, monkeypatch, name):
    (project / "models/far.py").write_text(f"def read():\n    import {name}\n    from models import farther\n")
    digests = set()
    for version in ("", "1.0", "1.1"):
        monkeypatch.setattr(module, "_version_of_module", lambda name, version=version: version)
        digests.add((SourceTree(project).digest(COMPONENT), SourceTree(project).digest("models.trainer")))
    assert [len(set(each)) for each in zip(*digests, strict=True)] == [3, 1]


def test_a_hidden_library_is_missing(monkeypatch):
    assert module._version_of_module("scipy")
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert not module._version_of_module("scipy")
    assert not module._version_of_module("no_such_library_at_all")


@pytest.mark.parametrize("name", ["models.no_such_module.at_all", "numpy.random", "models_of_another"])
def test_what_is_not_of_the_project_is_an_error(name):
    with pytest.raises(ModuleNotFoundError, match=name):
        code_digest(name)


def test_a_class_stands_for_its_module():
    assert code_digest(SourceTree) == code_digest("models.code_digest") != code_digest("models.errors")


class TestThisProject:
    TRAINER = "models.training.trainer.run_fn"

    def test_every_library_that_may_be_missing_counts(self):
        """What a component reads with the libraries of an extra, or asks for with find_spec."""
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        required = {"tensorflow", "pillow"}  # always installed: an extra asks for another variant
        optional = {re.split(r"[\[>=<]", one)[0] for some in extras.values() for one in some} - required
        modules = {one.replace("-", "_") for one in optional}
        imported = set()
        for file in (path for package in ("components", "models") for path in (ROOT / package).rglob("*.py")):
            text = file.read_text()
            imported |= set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE)) & modules
            imported |= set(re.findall(r"""(?:find_spec|import_module)\(["'](\w+)""", text))
        assert "pillow_heif" in imported
        assert imported <= module._WHERE_IMPORTED

    @pytest.mark.skipif(not find_spec("pillow_heif"), reason="an optional library")
    def test_heic_counts_for_ingest_and_not_for_the_trainer(self, monkeypatch):
        names = ("components.image_example_gen.component", self.TRAINER)
        before = [SourceTree(ROOT).digest(name) for name in names]
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        changed = [SourceTree(ROOT).digest(name) != one for name, one in zip(names, before, strict=True)]
        assert changed == [True, False]

    @pytest.fixture
    def scratch(self, tmp_path):
        for package in ("components", "models"):
            shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
        return tmp_path

    def test_a_package_stands_for_all_its_modules(self):
        closure = SourceTree(ROOT).closure("components.gates.new_data")
        assert {"components/gates/new_data/decision.py", "components/gates/new_data/executor.py"} <= set(closure)

    def test_a_copy_elsewhere_has_the_same_digest(self, scratch):
        assert SourceTree(scratch).digest(self.TRAINER) == code_digest(self.TRAINER)

    def test_ingest_changes_with_a_module_three_imports_away(self, scratch):
        ingest = "components.image_example_gen.component"
        before = {name: SourceTree(scratch).digest(name) for name in (ingest, self.TRAINER)}
        file = scratch / Path(image_formats.__file__).relative_to(ROOT)
        file.write_text(file.read_text() + "\nchanged = True\n")
        after = {name: SourceTree(scratch).digest(name) for name in before}
        assert after[ingest] != before[ingest]
        assert after[self.TRAINER] == before[self.TRAINER]

    @pytest.mark.parametrize(
        ("component", "file"),
        [
            (
                "components.gates.serving_validator.component",
                "components/gates/serving_validator/smoke_test.py",
            ),  # python -m
            ("components.run_report.component", "components/run_report/templates/page.html.j2"),
            (TRAINER, "models/training/host_program.py"),  # python -c
            (TRAINER, "models/network/losses/triplet.py"),
            (TRAINER, "models/network/encoders/koch2015.py"),
            ("models.training.tuner", "models/training/trainer.py"),
        ],
    )
    def test_what_is_started_or_loaded_by_name_is_in_the_closure(self, component, file):
        assert file in SourceTree(ROOT).closure(component)

    def test_a_new_loss_leaves_the_images_as_they_are(self):
        for component in (
            "image_example_gen",
            "gates.anomaly_gate",
        ):  # pairs may be mined with the distance that serves
            closure = SourceTree(ROOT).closure(f"components.{component}.component")
            assert not [file for file in closure if "losses" in file or "training" in file]


def test_the_whole_is_of_every_source_and_of_nothing_that_python_writes_beside(tmp_path):
    for name, content in PROJECT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    before = SourceTree(tmp_path).whole()
    cache = tmp_path / "models" / "__pycache__"
    cache.mkdir()
    for path in (cache / "data.cpython-310.pyc.139", cache / "data.cpython-310.pyc", tmp_path / "models" / ".data.swp"):
        path.write_bytes(b"x")
    assert SourceTree(tmp_path).whole() == before
    for name in ("components/other/unrelated.py", "components/room/templates/page.html.j2"):
        (tmp_path / name).write_text("changed")
        assert SourceTree(tmp_path).whole() != before
        before = SourceTree(tmp_path).whole()
