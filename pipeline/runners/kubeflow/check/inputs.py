"""Artifacts and parameters of the run and of the tasks.

From SchemaToArtifactType in backend/src/v2/metadata/client.go, validatePipelineJobInputs,
backend/src/v2/driver/resolve.go and the launcher.
"""

import re
from collections.abc import Iterator, Mapping

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.runners.kubeflow.check.findings import Compiled, Dag, Finding, Message, check, warning

_NUMBERS = ("NUMBER_INTEGER", "NUMBER_DOUBLE")
_TYPES = {"string_value": ("STRING",), "number_value": _NUMBERS, "bool_value": ("BOOLEAN",)}
_TYPES |= {"list_value": ("LIST",), "struct_value": ("STRUCT", "TASK_FINAL_STATUS", "TASK_CONFIG")}

# What a driver replaces in a constant that is this and nothing else.
_WHOLE = {
    f"{{{{$.{name}}}}}"
    for name in (
        *("pipeline_job_name", "pipeline_job_resource_name", "pipeline_job_uuid", "pipeline_task_name"),
        *("pipeline_task_uuid", "pipeline_job_create_time_utc", "pipeline_job_schedule_time_utc"),
    )
}
_ANYWHERE = "{{$.workspace_path}}"
_PLACEHOLDER = re.compile(r"\{\{\$\.[^}]*\}\}")
_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['([^']*)'\]\}\}")
_TFX_PARAMETER = re.compile(r'__class__\\*"\s*:\s*\\*"RuntimeParameter')

_TITLE = re.compile(r"[a-z][a-z0-9-_]{2,20}\.[A-Z][a-zA-Z0-9-_]{2,49}")  # Vertex AI's; others record any title


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
            where = f"{dag.where(name)}, input {key}"
            if key not in component.input_definitions.artifacts:
                yield Finding(where, "is not declared by its component")
            elif input_.HasField("task_output_artifact"):
                wanted = _title(component.input_definitions.artifacts[key].artifact_type)
                produced = _produced(compiled, dag.tasks, input_.task_output_artifact)
                if wanted and produced and wanted != produced and not wanted.endswith(".Artifact"):
                    yield warning(where, f"must be of type {wanted}, got {produced}")


def _produced(compiled: Compiled, tasks: Mapping[str, Message], source: Message) -> str:
    """The type of a task's output; empty where it is not declared."""
    component = compiled.component(tasks[source.producer_task]) if source.producer_task in tasks else None
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
    kind, title = schema.WhichOneof("kind"), _title(schema)
    if kind == "schema_uri":
        message = "has a schemaUri, which the launcher does not support: write schemaTitle or instanceSchema"
        yield Finding(where, message)
    elif kind is None or not title:
        yield Finding(where, "its type has no title: the launcher stops with: No title specified")
    elif not _TITLE.fullmatch(title):
        message = f"its type is called {title}, which only Vertex AI refuses; set TYPE_NAME to a name such as name.Type"
        yield warning(where, message)


@check
def check_parameters(compiled: Compiled) -> Iterator[Finding]:
    """The values of parameters: of the run, of the tasks, in commands."""
    for name, parameter in sorted(compiled.spec.root.input_definitions.parameters.items()):
        yield from _of_the_run(name, parameter)
    yield from _exit_handler(compiled)
    for dag, name, task, component in compiled.steps():
        where = dag.where(name)
        for key, value in sorted(task.inputs.parameters.items()):
            yield from _value(dag, f"{where}, parameter {key}", key, value, task, component)
        yield from _missing(where, task, component)
        if component.executor_label in compiled.executors:
            yield from _in_command(where, task, component, compiled.executors[component.executor_label].container)


def _type(parameter: Message) -> str:
    known = pipeline_spec_pb2.ParameterType.ParameterTypeEnum.DESCRIPTOR.values_by_number.get(parameter.parameter_type)
    return str(known.name if known else parameter.parameter_type)


def _of_the_run(name: str, parameter: Message) -> Iterator[Finding]:
    where, kind = f"parameter {name}", _type(parameter)
    if parameter.parameter_type == 0:
        yield Finding(where, "has no parameterType (schema 2.0 calls it type): a run that sets it is refused")
    elif kind not in ("STRING", *_NUMBERS):
        yield Finding(where, f"is of the type {kind}: TFX reads strings, integers and floats only")
    if not parameter.HasField("default_value"):
        if not parameter.is_optional:
            message = "has no defaultValue (TFX drops a RuntimeParameter's): a run without a value for it is refused"
            yield Finding(where, message)
    elif parameter.parameter_type and kind not in _kinds(parameter.default_value):
        yield Finding(
            where,
            f"is of the type {kind}, its defaultValue {json_format.MessageToDict(parameter.default_value)!r} is not",
        )


def _kinds(value: Message) -> tuple[str, ...]:
    return _TYPES.get(value.WhichOneof("kind") or "", ())


def _exit_handler(compiled: Compiled) -> Iterator[Finding]:
    """TFX moves the other nodes into a graph of their own, without the parameters of the run."""
    for dag in compiled.dags():
        values = [value for task in dag.tasks.values() for value in task.inputs.parameters.values()]
        needed = {one.component_input_parameter for one in values if one.HasField("component_input_parameter")}
        missing = sorted(needed - set(dag.component.input_definitions.parameters))
        if dag.name != "root" and missing:
            why = "with an exit handler TFX's runtime parameters fail with: parent DAG does not have input parameter"
            message = f"does not receive {', '.join(missing)}: {why}; remove one of them"
            yield Finding(f"component {dag.name}", message)


def _value(dag: Dag, where: str, key: str, value: Message, task: Message, component: Message) -> Iterator[Finding]:
    kind = value.WhichOneof("kind")
    if kind == "component_input_parameter":
        name = value.component_input_parameter
        if dag.name == "root" and name not in dag.component.input_definitions.parameters:
            yield Finding(where, f"is the run's parameter {name or '(none)'}, which the root does not declare")
    elif kind == "runtime_value":
        yield from _runtime_value(where, key, value.runtime_value, task, component)
    elif kind is None:
        yield Finding(where, "has no value: its driver fails")


def _runtime_value(where: str, key: str, value: Message, task: Message, component: Message) -> Iterator[Finding]:
    kind = value.WhichOneof("value")
    if kind != "constant":
        yield Finding(where, f"its value is a {kind or 'nothing'}, as of schema 2.0: drivers read constant only")
        return
    constant = value.constant
    if key in component.input_definitions.parameters:
        declared = component.input_definitions.parameters[key]
        if declared.parameter_type and _type(declared) != "STRING" and _type(declared) not in _kinds(constant):
            yield Finding(
                where, f"is declared as {_type(declared)}, its value {json_format.MessageToDict(constant)!r} is not"
            )
    if constant.WhichOneof("kind") in (None, "null_value"):
        yield Finding(where, "is null, which the launcher does not support: omit the parameter")
    text = constant.string_value
    if _TFX_PARAMETER.search(text):
        message = "contains a RuntimeParameter within a longer text, which is never replaced: make it the whole value"
        yield Finding(where, message)
        return
    for placeholder in _PLACEHOLDER.findall(text):
        match = _INPUT.fullmatch(placeholder)
        if placeholder == _ANYWHERE or text in _WHOLE or (match and match[1] in task.inputs.parameters):
            continue
        part = "is part of a longer text: drivers replace entire values only"
        yield Finding(where, f"contains {placeholder}, which {part if placeholder in _WHOLE else 'is never replaced'}")


def _missing(where: str, task: Message, component: Message) -> Iterator[Finding]:
    for key, parameter in sorted(component.input_definitions.parameters.items()):
        if key not in task.inputs.parameters and not parameter.is_optional and not parameter.HasField("default_value"):
            yield Finding(where, f"its component requires the parameter {key}, which is not set")


def _in_command(where: str, task: Message, component: Message, container: Message) -> Iterator[Finding]:
    known = {
        "inputs.parameters": set(task.inputs.parameters) | set(component.input_definitions.parameters),
        "inputs.artifacts": set(task.inputs.artifacts),
        "outputs.artifacts": set(component.output_definitions.artifacts),
        "outputs.parameters": set(component.output_definitions.parameters),
    }
    for text in (*container.command, *container.args):
        for kind, name in re.findall(r"\{\{\$\.((?:in|out)puts\.\w+)\['([^']*)'\]", text):
            if name not in known.get(kind, ()):
                placeholder = f"{{{{$.{kind}['{name}']}}}}"
                yield Finding(where, f"its command contains {placeholder}, which it does not have: it is not replaced")
