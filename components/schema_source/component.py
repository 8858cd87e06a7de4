"""The SchemaSource component."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.schema_source.executor import Executor


class SchemaSourceSpec(ComponentSpec):
    """A text as parameter; a Schema as output."""

    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar = {"schema": ChannelParameter(type=standard_artifacts.Schema)}
    PARAMETERS: ClassVar = {"schema_text": ExecutionParameter(type=str), "code_digest": ExecutionParameter(type=str)}


class SchemaSource(base_component.BaseComponent):
    """Emits a schema given as text, so that its content is the cache key (the stock ImportSchemaGen keys by path)."""

    SPEC_CLASS = SchemaSourceSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, schema_text: str, code_digest: str = "") -> None:
        """Constructs the component.

        Args:
          schema_text: a ``Schema`` in text format, of ``image_schema.as_text`` or ``read_reviewed``.
          code_digest: a part of the cache key that changes with the code.
        """
        schema = Channel(type=standard_artifacts.Schema)
        super().__init__(SchemaSourceSpec(schema_text=schema_text, code_digest=code_digest, schema=schema))
