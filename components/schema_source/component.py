"""The SchemaSource component."""

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.component import Component
from components.schema_source.executor import Executor


class SchemaSourceSpec(ComponentSpec):
    """A ``Schema`` as text (of ``image_schema.as_text`` or ``read_reviewed``) in, as an artifact out."""

    INPUTS: dict[str, ChannelParameter] = {}
    OUTPUTS = {"schema": ChannelParameter(type=standard_artifacts.Schema)}
    PARAMETERS = {"schema_text": ExecutionParameter(type=str), "code_digest": ExecutionParameter(type=str)}


class SchemaSource(Component):
    """Emits a schema given as text, so that its content is the cache key (the stock ImportSchemaGen keys by path)."""

    SPEC_CLASS = SchemaSourceSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
