"""YAML without its truth values among the keys."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Reads keys such as ``on`` and ``yes`` as text; in YAML 1.1 they are truth values."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """Parses one document.

    Raises:
      yaml.YAMLError: it is not YAML.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
