"""The digest of the code that a component runs: a part of its cache key, so that no result of older code is reused.

The code of a component is the closure of its imports within this project, found by reading the sources, not by running
them. A module depends on

- every module that it imports, at its top or within a function (but not under ``if TYPE_CHECKING``), and the
  ``__init__`` of each package around it;
- every module whose dotted name is in one of its strings (``run_fn="models.training.trainer.run_fn"``,
  ``python -m components.gates.serving_validator.smoke_test``); a package so named counts with all its modules;
- all modules of its own package and of the packages that it imports, where it discovers modules: it imports
  ``pkgutil``, reads ``__path__`` or, in an ``__init__``, ``__name__``;
- the data files beside it (templates, pages): what is not Python in its package's folder, and in subfolders of that
  which are no packages.

An ``__init__`` of nothing but ``from ... import`` lines is a table of contents: whoever imports a name from it depends
on the module that defines the name, not on the table nor on what else it lists.

Libraries count with their versions, Pillow also with the formats that it was built for. One that may be missing, as
pillow-heif may, counts where the closure imports it, present or not: what it could not read before, it can read now.
"""

import ast
import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from PIL import features

_PACKAGES = ("components", "models", "pipeline")
_LIBRARIES = ("tensorflow", "keras", "tfx", "tensorflow-transform", "numpy", "pillow")
_WHERE_IMPORTED = frozenset(("pillow_heif", "scipy"))  # modules
_NAMED = re.compile(rf"(?<![\w.])(?:{'|'.join(_PACKAGES)})(?:\.[a-zA-Z_]\w*)+")


class _Reference(NamedTuple):
    """A module, and what is taken from it: a name, or everything."""

    module: str
    name: str | None = None
    with_submodules: bool = False


class _Source(NamedTuple):
    """A module as far as its dependencies go.

    Attributes:
      references: what it depends on.
      contents: of an ``__init__`` of imports alone: what each of its names refers to; None of any other module.
      libraries: of the libraries that count where they are imported, those that it imports.
    """

    references: list[_Reference]
    contents: dict[str, _Reference] | None
    libraries: frozenset[str] = frozenset()


@cache
def code_digest(*code: Any) -> str:
    """SHA-256 of the closure of some code, and of the versions of the libraries that it stands on.

    Args:
      *code: classes or functions; or, where TFX takes a name too, the dotted name of a module or of what is in it.

    Raises:
      ModuleNotFoundError: a name is not of this project.
    """
    names = [one if isinstance(one, str) else one.__module__ for one in code]
    return _project().digest(*names)


@cache
def project_digest() -> str:
    """SHA-256 of all code and data files of the project, and of the versions of all libraries that count."""
    return _project().whole()


@cache
def _library_versions() -> list[str]:
    formats = (name for name in ("avif", "webp", *features.codecs) if features.check(name))
    return [*map(version, _LIBRARIES), *formats]


def _version_of_module(module: str) -> str:
    """Of a library, which may be missing: ""."""
    try:
        return version(module) if find_spec(module) else ""
    except PackageNotFoundError:
        return "unknown"


@cache
def _project() -> "SourceTree":
    return SourceTree(Path(__file__).resolve().parents[1])


class SourceTree:
    """The sources of the project below a folder. Each is read once.

    Args:
      root: where ``components``, ``models`` and ``pipeline`` are imported from.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._content: dict[Path, bytes] = {}
        self._sources: dict[str, _Source] = {}

    def digest(self, *names: str) -> str:
        """SHA-256 over the closure and the versions of libraries."""
        modules, taken = self._followed(names)
        libraries = sorted(frozenset[str]().union(*(self._source(module).libraries for module in modules)))
        versions = [*_library_versions(), *((name, _version_of_module(name)) for name in libraries)]
        return self._of_files([versions, sorted(taken)], self._files(modules))

    def _of_files(self, beside: list[Any], files: Iterable[Path]) -> str:
        digest = hashlib.sha256(json.dumps(beside).encode())
        for file in files:
            content = self._read(file)
            digest.update(f"{file.relative_to(self._root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    def whole(self) -> str:
        """SHA-256 over all files below the project's packages, and the versions of libraries."""
        versions = [*_library_versions(), *((name, _version_of_module(name)) for name in sorted(_WHERE_IMPORTED))]
        files = (file for package in _PACKAGES for file in self._root.joinpath(package).rglob("*"))
        return self._of_files(versions, sorted(file for file in files if self._is_source(file)))

    def _is_source(self, file: Path) -> bool:
        """Whether it is no bytecode, no hidden file, and no folder."""
        parts = file.relative_to(self._root).parts
        return not any(part.startswith((".", "__pycache__")) for part in parts) and file.is_file()

    def closure(self, *names: str) -> list[str]:
        """The paths that the digest is made of, relative to the root, sorted.

        Raises:
          ModuleNotFoundError: a name is no module of the project, nor in one.
        """
        return [file.relative_to(self._root).as_posix() for file in self._files(self._followed(names)[0])]

    def _followed(self, names: Iterable[str]) -> tuple[set[str], set[tuple[str, ...]]]:
        """The modules of the closure, without tables of contents, and what is taken by way of those."""
        waiting = [self._reference(name) for name in names]
        modules: set[str] = set()
        taken: set[tuple[str, ...]] = set()
        seen: set[_Reference] = set()
        while waiting:
            reference = waiting.pop()
            if reference in seen:
                continue
            seen.add(reference)
            module, name, with_submodules = reference
            if package := module.rpartition(".")[0]:
                waiting.append(_Reference(package, ""))  # importing a module runs the packages around it
            if with_submodules:
                waiting.extend(map(_Reference, self._submodules(module)))
            source = self._source(module)
            if source.contents is None:
                modules.add(module)
            if source.contents is None or name is None:
                waiting.extend(source.references)
            elif found := source.contents.get(name):
                waiting.append(found)
                taken.add((module, name, found.module, found.name or ""))
        return modules, taken

    def _files(self, modules: set[str]) -> list[Path]:
        files = {file for module in modules if (file := self._file(module))}
        return sorted(files | {data for folder in {file.parent for file in files} for data in _data_files(folder)})

    def _reference(self, name: str) -> _Reference:
        """The module that a dotted name is of, or is in; of a package, all its modules."""
        if self._file(name):
            return _Reference(name, None, True)
        module, _, attribute = name.rpartition(".")
        if not self._file(module):
            raise ModuleNotFoundError(name)
        return _Reference(module, attribute)

    def _file(self, module: str) -> Path | None:
        if module.partition(".")[0] not in _PACKAGES:
            return None
        path = self._root.joinpath(*module.split("."))
        return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)

    def _read(self, file: Path) -> bytes:
        if file not in self._content:
            self._content[file] = file.read_bytes()
        return self._content[file]

    def _submodules(self, module: str) -> Iterator[str]:
        """All modules below a package, however deep; none of a module that is no package."""
        file = self._file(module)
        if file and file.name == "__init__.py":
            for one in file.parent.rglob("*.py"):
                yield ".".join(one.relative_to(self._root).with_suffix("").parts).removesuffix(".__init__")

    def _source(self, module: str) -> _Source:
        if module not in self._sources:
            file = self._file(module)
            self._sources[module] = self._parsed(module, file) if file else _Source([], None)
        return self._sources[module]

    def _parsed(self, module: str, file: Path) -> _Source:
        tree = ast.parse(self._read(file), str(file))
        is_package = file.name == "__init__.py"
        package = module if is_package else module.rpartition(".")[0]
        references: list[_Reference] = []
        imported: dict[str, _Reference] = {}
        libraries: set[str] = set()
        discovers = False
        for node in _executed(tree.body):
            if isinstance(node, ast.Import):
                references += [_Reference(one.name) for one in node.names if self._file(one.name)]
                libraries |= {one.name.partition(".")[0] for one in node.names}
                discovers |= any(one.name == "pkgutil" for one in node.names)
            elif isinstance(node, ast.ImportFrom):
                imported |= self._imported(node, package)
                references += self._imported(node, package).values()
                libraries.add((node.module or "").partition(".")[0])
                discovers |= node.module == "pkgutil"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                references += self._named(node.value)
            elif isinstance(node, ast.Name | ast.Attribute):
                name = node.id if isinstance(node, ast.Name) else node.attr
                discovers |= name == "__path__" or (is_package and name == "__name__")
        if discovers:
            packages = {package, *(one.module for one in references)}
            references += [_Reference(one, None, True) for one in packages]
        is_listing = is_package and not discovers and all(map(_only_lists, tree.body))
        return _Source(references, imported if is_listing else None, _WHERE_IMPORTED & libraries)

    def _imported(self, node: ast.ImportFrom, package: str) -> dict[str, _Reference]:
        """What the names of ``from ... import`` refer to, as far as that is of the project."""
        parts = package.split(".")
        around = parts[: len(parts) + 1 - node.level] if node.level else []
        module = ".".join([*around, *([node.module] if node.module else [])])
        found = {}
        for name, alias in ((one.name, one.asname or one.name) for one in node.names):
            if self._file(f"{module}.{name}"):
                found[alias] = _Reference(f"{module}.{name}")
            elif self._file(module):
                found[alias] = _Reference(module, None if name == "*" else name)
        return found

    def _named(self, text: str) -> Iterator[_Reference]:
        """The modules that a string names; of a package so named, all."""
        for name in _NAMED.findall(text):
            while "." in name and not self._file(name):
                name = name.rpartition(".")[0]  # noqa: PLW2901 - what follows the module: a function, a sentence's end
            if "." in name:
                yield _Reference(name, None, True)


def _executed(statements: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """All nodes, as ``ast.walk`` has them, without docstrings and without what only type checkers read."""
    waiting: deque[ast.AST] = deque(statements)
    while waiting:
        node = waiting.popleft()
        if _is_docstring(node):
            continue
        if _is_for_type_checkers(node):
            waiting.extend(node.orelse)  # type: ignore[attr-defined]  # of an ``if``
            continue
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                waiting.append(value)
            elif isinstance(value, list):
                waiting.extend(one for one in value if isinstance(one, ast.AST))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in (
        getattr(node.test, "id", ""),
        getattr(node.test, "attr", ""),
    )


def _only_lists(node: ast.stmt) -> bool:
    """Whether a statement of an ``__init__`` only says what is in the package."""
    if _is_docstring(node) or (isinstance(node, ast.If) and _is_for_type_checkers(node) and not node.orelse):
        return True
    return isinstance(node, ast.ImportFrom) or ast.unparse(node).startswith("__all__ = ")


def _data_files(folder: Path) -> Iterator[Path]:
    """What is not Python in a package's folder, and below it where no package is."""
    for path in folder.iterdir():
        if path.name.startswith((".", "__pycache__")):
            continue
        if path.is_dir():
            if not (path / "__init__.py").exists():
                yield from _data_files(path)
        elif path.suffix not in (".py", ".pyc"):
            yield path
