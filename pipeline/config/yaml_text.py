"""YAML that a person wrote, without what its parser would pass over in silence."""

from typing import Any

import yaml

_DEEPEST = 100
_MOST_NODES = 100_000  # once every alias is replaced by what it stands for


class _Loader(yaml.SafeLoader):
    """Reads keys such as ``on`` and ``yes`` as text; in YAML 1.1 they are truth values."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """Parses one document; None of a text without one.

    Raises:
      yaml.YAMLError: as ``parse_documents``, or there are several.
    """
    documents = parse_documents(text)
    if len(documents) > 1:
        raise yaml.YAMLError(f"{len(documents)} documents (after ---), where one is expected")
    return documents[0] if documents else None


def parse_documents(text: str) -> list[Any]:
    """Parses all documents.

    Raises:
      yaml.YAMLError: it is not YAML, has a key twice, is nested deeper than anything that is meant, or has aliases that
        expand to far more than was written.
    """
    loader = _Loader(text)
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
