"""The executor of SchemaSource."""

from typing import Any

from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifact_types import Artifacts, write_file


class Executor(base_executor.BaseExecutor):
    """Writes the text, which is already checked, as a Schema artifact."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes ``schema.pbtxt``."""
        schema = artifact_utils.get_single_instance(output_dict["schema"])
        write_file(schema, DEFAULT_FILE_NAME, exec_properties["schema_text"])
