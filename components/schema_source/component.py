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
    PARAMETERS: ClassVar = {"schema_text": ExecutionParameter(type=str)}


class SchemaSource(base_component.BaseComponent):
    """Emits a schema given as text, so that its content is the cache key (the stock ImportSchemaGen keys by path)."""

    SPEC_CLASS = SchemaSourceSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, schema_text: str) -> None:
        """``schema_text`` is a ``Schema`` in text format: ``image_schema.as_text`` and ``read_reviewed`` give it."""
        super().__init__(SchemaSourceSpec(schema_text=schema_text, schema=Channel(type=standard_artifacts.Schema)))
