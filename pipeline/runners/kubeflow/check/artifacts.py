"""Types of artifacts: SchemaToArtifactType in backend/src/v2/metadata/client.go."""

import re
from collections.abc import Iterator

import yaml

from pipeline.runners.kubeflow.check.compiled import Compiled, Message
from pipeline.runners.kubeflow.check.finding import Fault, warning

# Vertex AI's; the open-source backend records any title.
_TITLE = re.compile(r"[a-z][a-z0-9-_]{2,20}\.[A-Z][a-zA-Z0-9-_]{2,49}")


def artifact_faults(compiled: Compiled) -> Iterator[Fault]:
    """Everything about the schemas of inputs, outputs and imports."""
    for dag, name, task, component in compiled.steps():
        if component.HasField("dag"):
            continue
        for key, output in sorted(component.output_definitions.artifacts.items()):
            yield from _schema(f"{dag.where(name)}, output {key}", output.artifact_type)
        executor = compiled.executors.get(component.executor_label)
        if executor is not None and executor.HasField("importer"):
            yield from _schema(dag.where(name), executor.importer.type_schema)
        for key, input_ in sorted(task.inputs.artifacts.items()):
            if key not in component.input_definitions.artifacts:
                yield Fault(f"{dag.where(name)}, input {key}", "is none that its component declares")
            elif input_.HasField("task_output_artifact"):
                wanted = _title(component.input_definitions.artifacts[key].artifact_type)
                given = _given(compiled, dag.tasks, input_.task_output_artifact)
                if wanted and given and wanted != given and not wanted.endswith(".Artifact"):
                    yield warning(f"{dag.where(name)}, input {key}", f"wants {wanted} and is given {given}")


def _given(compiled: Compiled, tasks: object, source: Message) -> str:
    if source.producer_task not in tasks:  # type: ignore[operator]
        return ""
    component = compiled.component(tasks[source.producer_task])  # type: ignore[index]
    if component is None or source.output_artifact_key not in component.output_definitions.artifacts:
        return ""
    return _title(component.output_definitions.artifacts[source.output_artifact_key].artifact_type)


def _title(schema: Message) -> str:
    if schema.WhichOneof("kind") == "schema_title":
        return str(schema.schema_title)
    try:
        parsed = yaml.safe_load(schema.instance_schema)
    except yaml.YAMLError:
        return ""
    return str(parsed.get("title") or "") if isinstance(parsed, dict) else ""


def _schema(where: str, schema: Message) -> Iterator[Fault]:
    kind = schema.WhichOneof("kind")
    title = _title(schema)
    if kind == "schema_uri":
        yield Fault(where, "has a schemaUri, which the launcher does not support: write schemaTitle or instanceSchema")
    elif kind is None or not title:
        yield Fault(where, "its type has no title: the launcher stops with: No title specified")
    elif not _TITLE.fullmatch(title):
        yield warning(
            where, f"its type is called {title}: only Vertex AI refuses it; set TYPE_NAME to such as name.Type"
        )
