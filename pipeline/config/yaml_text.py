"""YAML that a person wrote, without what its parser would pass over in silence."""

import re
from typing import Any

import yaml

_DEEPEST = 100
_MOST_NODES = 100_000  # once every alias is replaced by what it stands for


_TAG = "tag:yaml.org,2002:"
_ZERO = _TAG + "leading-zero"
# The core schema of YAML 1.2. In YAML 1.1, which PyYAML reads, yes is 1, 010 is 8, 1:30 is 90, and 1e1 is a text.
_PLAIN = {
    _TAG + "null": r"~|null|Null|NULL|",
    _TAG + "bool": r"true|True|TRUE|false|False|FALSE",
    _ZERO: r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?",
    _TAG + "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    _TAG + "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    _TAG + "merge": "<<",
}


class _Loader(yaml.SafeLoader):
    """Reads what a person wrote, by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - the base class has it so

    def leading_zero(self, node: yaml.ScalarNode) -> Any:
        """Refuses the number: 8 to some parsers, 10 to others."""
        number = re.sub("0[0_]*(?=[0-9])", "", node.value, count=1)
        message = (
            f"{_line(node)}: {node.value[:80]} begins with 0; write {number[:80]}, or as a text '{node.value[:80]}'"
        )
        raise yaml.YAMLError(message)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node))
        return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


class _Dumper(yaml.SafeDumper):
    """Quotes what ``_Loader`` would not read as the text that it is."""


for _tag, _pattern in _PLAIN.items():
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), None)
_Loader.add_constructor(_ZERO, _Loader.leading_zero)
_Loader.add_constructor(_TAG + "int", _Loader.construct_yaml_int)


def dump_yaml(content: Any) -> str:
    """The text that ``parse_yaml`` reads as ``content``."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def parse_yaml(text: str) -> Any:
    """Parses one document; None of a text without one.

    Raises:
      yaml.YAMLError: as ``parse_documents``, there are several, or a number begins with 0.
    """
    documents = _parsed(_Loader(text))
    if len(documents) > 1:
        raise yaml.YAMLError(f"{len(documents)} documents (after ---), where one is expected")
    return documents[0] if documents else None


def parse_documents(text: str) -> list[Any]:
    """Parses all documents of a file that a program wrote, by YAML 1.1 as PyYAML does.

    Raises:
      yaml.YAMLError: it is not YAML, has a key twice, is nested deeper than anything that is meant, or has aliases that
        expand to far more than was written.
    """
    return _parsed(yaml.SafeLoader(text))


def _parsed(loader: yaml.SafeLoader) -> list[Any]:
    documents = []
    try:
        while loader.check_node() and (node := loader.get_node()):
            _check(node, [], {})
            documents.append(loader.construct_document(node))
    except RecursionError:
        raise yaml.YAMLError(f"nested deeper than {_DEEPEST} levels") from None
    except (ValueError, TypeError, OverflowError, AttributeError, LookupError) as error:  # 2001-99-99, !!int x
        raise yaml.YAMLError(str(error)) from None
    finally:
        loader.dispose()
    return documents


def parse_argument(text: str) -> Any:
    """Parses the value of an option; YAML would cut it at `` #``, and pass over what stands before it.

    Raises:
      yaml.YAMLError: as ``parse_yaml``, or a part of it would not count.
    """
    value = parse_yaml(text)
    node, written = yaml.compose(text, Loader=_Loader), re.sub(r"\n\.\.\.\s*\Z", "", text).strip()
    used = text[node.start_mark.index : node.end_mark.index].strip() if node else ""
    if used != written or (isinstance(node, yaml.ScalarNode) and node.style is None and node.value != written):
        counted = node.value if isinstance(node, yaml.ScalarNode) else used
        raise yaml.YAMLError(
            f"only {counted[:80]!r} would count; a text with # & ! or --- in it needs quotes of its own"
        )
    return value


def _check(node: yaml.Node, above: list[yaml.Node], sizes: dict[int, int]) -> int:
    """The number of nodes below a node, aliases expanded; refuses what is not meant."""
    if id(node) in sizes:
        return sizes[id(node)]
    if any(node is one for one in above):
        raise yaml.YAMLError(f"{_line(node)}: an anchor that contains itself")
    if len(above) > _DEEPEST:
        raise yaml.YAMLError(f"{_line(node)}: nested deeper than {_DEEPEST} levels")
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        inner = [one for pair in node.value for one in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    size = 1 + sum(_check(one, [*above, node], sizes) for one in inner)
    if size > _MOST_NODES:
        raise yaml.YAMLError(f"{_line(node)}: holds more than {_MOST_NODES:,} values")
    sizes[id(node)] = size
    return size


def _check_keys(node: yaml.MappingNode) -> None:
    first: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and first.setdefault(key.value, key) is not key:
            before = first[key.value].start_mark.line + 1
            raise yaml.YAMLError(f"{_line(key)}: the key {key.value[:80]!r} is in line {before} already")


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
