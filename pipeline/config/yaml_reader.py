"""YAML as people write it."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Keys such as ``on`` and ``yes`` are words here, while YAML 1.1 takes them for truth values."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """One document.

    Raises:
      yaml.YAMLError: it is none.
    """
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
