"""Types of artifacts: SchemaToArtifactType in backend/src/v2/metadata/client.go."""

import re
from collections.abc import Iterator

import yaml

from pipeline.runners.kubeflow.check.compiled import Compiled, Finding, Message, check, warning

# Vertex AI's; the open-source backend records any title.
_TITLE = re.compile(r"[a-z][a-z0-9-_]{2,20}\.[A-Z][a-zA-Z0-9-_]{2,49}")


@check
def check_artifacts(compiled: Compiled) -> Iterator[Finding]:
    """The schemas of inputs, outputs and imports."""
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
                yield Finding(f"{dag.where(name)}, input {key}", "is not declared by its component")
            elif input_.HasField("task_output_artifact"):
                wanted = _title(component.input_definitions.artifacts[key].artifact_type)
                produced = _produced(compiled, dag.tasks, input_.task_output_artifact)
                if wanted and produced and wanted != produced and not wanted.endswith(".Artifact"):
                    yield warning(f"{dag.where(name)}, input {key}", f"must be of type {wanted}, got {produced}")


def _produced(compiled: Compiled, tasks: object, source: Message) -> str:
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


def _schema(where: str, schema: Message) -> Iterator[Finding]:
    kind = schema.WhichOneof("kind")
    title = _title(schema)
    if kind == "schema_uri":
        yield Finding(
            where, "has a schemaUri, which the launcher does not support: write schemaTitle or instanceSchema"
        )
    elif kind is None or not title:
        yield Finding(where, "its type has no title: the launcher stops with: No title specified")
    elif not _TITLE.fullmatch(title):
        yield warning(
            where,
            f"its type is called {title}, which only Vertex AI refuses; set TYPE_NAME to a name such as name.Type",
        )
