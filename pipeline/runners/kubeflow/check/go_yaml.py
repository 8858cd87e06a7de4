"""YAML as the backend reads it, with gopkg.in/yaml.v3: it reads more unquoted texts as numbers than PyYAML does."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

# resolve.go of gopkg.in/yaml.v3: strconv.ParseInt(text, 0, 64), then yamlStyleFloat; underscores are taken out first.
_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)", re.ASCII
)


def is_number(text: str) -> bool:
    """Whether the backend reads unquoted ``text`` as a number: "12e45", "0812", "0o17", as digests may be."""
    return text[:1] in "+-.0123456789" and bool(_NUMBER.fullmatch(text.replace("_", "")))


class _Dumper(yaml.SafeDumper):
    """Quotes every text that one of the readers would read as another type; writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if is_number(text) else None)


_Dumper.add_representer(str, _text)


def dump_all(documents: Iterable[Any]) -> str:
    """The documents as one text, which is the same for equal documents."""
    return str(yaml.dump_all(documents, Dumper=_Dumper, sort_keys=True, width=2**16))


def misread(text: str) -> list[str]:
    """What the backend would read differently, or not at all, one message each; empty for a file of ``dump_all``.

    Raises:
      yaml.YAMLError: it is not YAML.
    """
    found: list[str] = []
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        if document is not None:
            _misread(document, found)
    return found


def _misread(node: yaml.Node, found: list[str]) -> None:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode) and node.style is None:
        value = node.value
        if node.tag.endswith(":str") and is_number(value):
            found.append(f"line {line}: the backend reads {value} as a number; a text must be in quotes: '{value}'")
        elif node.tag.endswith(":bool") and value.lower() not in ("true", "false"):
            found.append(f"line {line}: the backend reads {value} as a text; write true or false")
        elif node.tag.endswith(":int") and ":" in value:
            found.append(f"line {line}: the backend reads {value} as a text; put it in quotes")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _misread(item, found)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                found.append(f"line {key.start_mark.line + 1}: {name} occurs twice, which the backend refuses")
            if name is not None:
                seen.add(name)
            _misread(key, found)
            _misread(value, found)
