"""The executor of SchemaSource."""

from pathlib import Path
from typing import Any

from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifact_types import Artifacts


class Executor(base_executor.BaseExecutor):
    """Writes the text, which is already checked, as a Schema artifact."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes ``schema.pbtxt``."""
        folder = Path(artifact_utils.get_single_uri(output_dict["schema"]))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DEFAULT_FILE_NAME).write_text(exec_properties["schema_text"], encoding="utf-8")
