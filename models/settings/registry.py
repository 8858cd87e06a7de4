"""Registries: the values of a choice such as ``loss.name``, each a class in a module of one package.

A module registers what it defines by lying in the package: no list names it. The class declares its options as pydantic
fields; the section of the configuration that holds the choice (``with_choices``) has the options of all of them.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError, create_model

from models.settings.base import Affects, IsPath, Settings


class Choice(Settings):
    """A value of a choice. Its fields are the options that it reads, with defaults, bounds and descriptions."""

    name: ClassVar[str]

    @classmethod
    def own_options(cls) -> tuple[str, ...]:
        """The options that not every class of its kind has."""
        kind: type[Choice] = next(one for one in cls.__mro__ if Choice in one.__bases__)
        return tuple(key for key in cls.model_fields if key not in kind.model_fields)


T = TypeVar("T", bound=Choice)
S = TypeVar("S", bound=Settings)


class Registry(dict[str, type[T]]):
    """The classes of one kind by name, in the order of their modules' names.

    All modules of the ``package`` (or single module) are imported; a subclass of ``kind`` that sets ``name`` is
    registered.
    """

    def __init__(self, package: str, kind: type[T]) -> None:
        super().__init__()
        for module in _modules(package):
            for one in list(vars(module).values()):
                defined_here = isinstance(one, type) and issubclass(one, kind) and one.__module__ == module.__name__
                if not defined_here or "name" not in vars(one):
                    continue
                if other := self.get(one.name):
                    raise TypeError(f"{one.name} is registered by {other.__module__} and {one.__module__}")
                self[one.name] = one

    def options(self) -> list[str]:
        """The options that at least one class has and not all have."""
        return list(dict.fromkeys(key for one in self.values() for key in one.own_options()))

    def readers(self, option: str) -> list[str]:
        """Names of the classes that read an option."""
        return [name for name, one in self.items() if option in one.own_options()]

    def unread_by(self, name: str) -> list[str]:
        """Options that only others than the one named read."""
        return sorted(set(self.options()) - set(self[name].own_options() if name in self else ()))

    def defaults(self, name: str) -> dict[str, Any]:
        """Defaults of the options of the class named; not of those whose default depends on other sections."""
        if name not in self:
            return {}
        fields = self[name].model_fields
        return {key: fields[key].default for key in self[name].own_options() if fields[key].default is not None}

    def chosen(self, name: str, section: Settings) -> T:
        """The class named, with the options that ``section`` holds.

        Raises:
          ValueError: its own validators refuse the options.
        """
        try:
            return self[name](**{key: getattr(section, key) for key in self[name].model_fields})
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None

    def field(self, option: str) -> Any:
        """An option as a field of the section that has all of them: None where the chosen class does not read it."""
        declared = {name: self[name].model_fields[option] for name in self.readers(option)}
        first = next(iter(declared.values()))
        by_description: dict[str, list[str]] = {}
        for name, field in declared.items():
            by_description.setdefault(field.description or "", []).append(name)
        description = "; ".join(f"{text} ({', '.join(names)})" for text, names in by_description.items())
        markers = [one for one in first.metadata if isinstance(one, (Affects, IsPath))]
        annotation: Any = first.annotation
        for constraint in (one for one in first.metadata if one not in markers):
            annotation = Annotated[annotation, constraint]
        annotation = annotation | None
        for marker in markers:  # of the field, not of its values: outside the union
            annotation = Annotated[annotation, marker]
        return annotation, Field(None, description=description)


def with_choices(**registries: Registry[Any]) -> Callable[[type[S]], type[S]]:
    """A class decorator: the section takes the names of a registry for a key (``name=LOSSES``), and all options."""

    def decorated(section: type[S]) -> type[S]:
        fields: dict[str, Any] = {}
        for key, registry in registries.items():
            fields[key] = (Literal[tuple(registry)], section.model_fields[key])
            fields |= {option: registry.field(option) for option in registry.options()}
        return extended(section, fields)

    return decorated


def extended(section: type[S], fields: dict[str, Any]) -> type[S]:
    """The section with more fields, under the same name: key -> (annotation, default or field)."""
    return create_model(
        section.__name__, __base__=section, __module__=section.__module__, __doc__=section.__doc__, **fields
    )


def discovered(package: str, name: str) -> Any:
    """The registry ``name`` of a package, by name: the settings know the interfaces alone, not who implements them."""
    return getattr(importlib.import_module(package), name)


def _modules(package: str) -> Iterator[Any]:
    root = importlib.import_module(package)
    if not hasattr(root, "__path__"):
        yield root
        return
    for found in sorted(pkgutil.iter_modules(root.__path__), key=lambda module: module.name):
        yield importlib.import_module(f"{package}.{found.name}")
