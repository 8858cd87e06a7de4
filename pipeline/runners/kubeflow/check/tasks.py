"""The tasks and their dependencies: backend/src/v2/compiler/{visitor.go,argocompiler/dag.go}, backend/src/v2/driver."""

import re
from collections.abc import Iterator

from pipeline.runners.kubeflow.check.findings import Compiled, Dag, Finding, Message, check, warning

_TASK_ID = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_ON_EXIT = 2  # PipelineTaskSpec.TriggerPolicy.ALL_UPSTREAM_TASKS_COMPLETED
_SHORT = 24 * 3600  # seconds: a training may take longer
_COMPARED = re.compile(r"inputs\.parameter_values\[\s*'([^']*)'\s*\]\s*[!=]=\s*('|true\b|false\b|-?\d)")
_COMPARABLE = {"'": (3,), "true": (4,), "false": (4,)}  # ParameterType.STRING, BOOLEAN; else the two of numbers
_CONDITION_INPUT = re.compile(r"inputs\.(artifacts|parameters|parameter_values)\[\s*'([^']*)'\s*\]")


@check
def check_tasks(compiled: Compiled) -> Iterator[Finding]:
    """Ids, order, components, retries and conditions of the tasks."""
    yield from _components(compiled)
    for dag in compiled.dags():
        yield from _names(dag)
        yield from _order(dag)
        for name, task in sorted(dag.tasks.items()):
            where = dag.where(name)
            component = compiled.component(task)
            if component is None:
                yield Finding(where, f"runs the component {task.component_ref.name or '(none)'}, which does not exist")
                continue
            yield from _producers(compiled, dag, where, task)
            yield from _executor(compiled, where, task, component)
            yield from _retries(where, task)
            yield from _trigger(where, task, component)


def _components(compiled: Compiled) -> Iterator[Finding]:
    if "root" in compiled.spec.components:
        yield Finding("component root", "has a reserved name, which the backend refuses")
    seen: dict[bytes, tuple[str, Message]] = {}
    for _, _, task, component in compiled.steps():
        name = task.component_ref.name
        if component.HasField("dag"):
            if name in _uses(compiled, component, set()):
                yield Finding(f"component {name}", "contains itself, which the backend refuses")
            continue
        container = compiled.container(component)
        if container is None:
            continue
        key = container.SerializeToString(deterministic=True)
        other, same = seen.setdefault(key, (name, component))
        here, there = ((one.input_definitions, one.output_definitions) for one in (component, same))
        if here != there:
            yield Finding(
                f"component {name}",
                f"has the same container as {other} but other inputs or outputs: the backend identifies components by "
                f"their containers, and would use one definition for both; make an argument differ",
            )


def _uses(compiled: Compiled, component: Message, seen: set[str]) -> set[str]:
    for task in component.dag.tasks.values():
        name = task.component_ref.name
        if name not in seen and name in compiled.spec.components:
            seen.add(name)
            _uses(compiled, compiled.spec.components[name], seen)
    return seen


def _names(dag: Dag) -> Iterator[Finding]:
    for name, task in sorted(dag.tasks.items()):
        where = dag.where(name)
        if not _TASK_ID.fullmatch(name):
            yield Finding(where, "Argo takes ids of letters, digits and - only; rename the node: with_id()")
        if name.endswith("-driver") and name.removesuffix("-driver") in dag.tasks:
            yield Finding(where, f"has the name of the driver pod of {name.removesuffix('-driver')}")
        info = task.task_info.name
        if not info:
            yield Finding(where, "taskInfo.name is empty: its driver fails with: task spec is required")
        elif info != name:
            why = "drivers look outputs up by one or the other; make them equal"
            yield Finding(where, f"taskInfo.name is {info}: {why}")


def _order(dag: Dag) -> Iterator[Finding]:
    tasks = dag.tasks
    upstream: dict[str, set[str]] = {}
    for name, task in tasks.items():
        for other in task.dependent_tasks:
            if other not in tasks:
                yield Finding(dag.where(name), f"depends on {other}, which is not a task: Argo refuses the graph")
        upstream[name] = {other for other in (*task.dependent_tasks, *_named_producers(task)) if other in tasks}
    blocked = set(upstream)  # the tasks that never get ready: those of cycles, and those that come after one
    while ready := {name for name in blocked if not upstream[name] & blocked}:
        blocked -= ready
    while before := {name for name in blocked if not any(name in upstream[other] for other in blocked)}:
        blocked -= before
    if blocked:
        yield Finding(f"tasks {', '.join(sorted(blocked))}", "depend on one another: Argo refuses a cycle")


def _named_producers(task: Message) -> Iterator[str]:
    for artifact in task.inputs.artifacts.values():
        if artifact.HasField("task_output_artifact"):
            yield artifact.task_output_artifact.producer_task
    for parameter in task.inputs.parameters.values():
        if parameter.HasField("task_output_parameter"):
            yield parameter.task_output_parameter.producer_task


def _producers(compiled: Compiled, dag: Dag, where: str, task: Message) -> Iterator[Finding]:
    for key, artifact in sorted(task.inputs.artifacts.items()):
        here = f"{where}, input {key}"
        if artifact.HasField("task_output_artifact"):
            source = artifact.task_output_artifact
            yield from _output(compiled, dag, here, source.producer_task, "artifacts", source.output_artifact_key)
        elif artifact.HasField("component_input_artifact"):
            if artifact.component_input_artifact not in dag.component.input_definitions.artifacts:
                yield Finding(here, f"{dag.name} has no input {artifact.component_input_artifact}")
        else:
            yield Finding(here, "has no source: its driver fails")
    for key, parameter in sorted(task.inputs.parameters.items()):
        if parameter.HasField("task_output_parameter"):
            source, here = parameter.task_output_parameter, f"{where}, parameter {key}"
            yield from _output(compiled, dag, here, source.producer_task, "parameters", source.output_parameter_key)


def _output(compiled: Compiled, dag: Dag, where: str, producer: str, kind: str, key: str) -> Iterator[Finding]:
    if producer not in dag.tasks:
        meant = producer.removesuffix("_task")
        why = f"; TFX writes {meant}_task for a value of a node: avoid dynamic exec properties"
        yield Finding(where, f"comes from {producer}, which is not a task" + (why if meant in dag.tasks else ""))
    elif component := compiled.component(dag.tasks[producer]):
        declared = getattr(component.output_definitions, kind)
        if key not in declared:
            has = ", ".join(sorted(declared)) or "none"
            yield Finding(where, f"is {producer}'s output {key}, which it does not declare; its {kind}: {has}")


def _executor(compiled: Compiled, where: str, task: Message, component: Message) -> Iterator[Finding]:
    if component.HasField("dag"):
        return
    label = component.executor_label
    if not label:
        yield Finding(where, "its component has neither an executor nor tasks")
        return
    executor = compiled.executors.get(label)
    if executor is None:
        yield Finding(where, f"its executor {label} is not in the deploymentSpec")
        return
    kind = executor.WhichOneof("spec")
    if kind == "importer":
        yield from _importer(where, task, executor.importer)
    elif kind == "resolver":
        message = "is a Resolver, which the backend does not implement (non-container and non-importer executor); "
        yield Finding(where, message + "find the artifact in a component")
    elif kind != "container":
        yield Finding(where, f"has an executor of the kind {kind or 'none'}: the backend runs containers and importers")


def _importer(where: str, task: Message, importer: Message) -> Iterator[Finding]:
    uri = importer.artifact_uri
    if uri.WhichOneof("value") == "runtime_parameter":
        if uri.runtime_parameter not in task.inputs.parameters:
            yield Finding(where, f"imports from the parameter {uri.runtime_parameter}, which is not among its inputs")
    elif not (uri.constant.string_value or uri.constant_value.string_value):
        yield Finding(where, "is an importer without artifactUri: it fails with: artifact uri not provided")
    elif not uri.constant.string_value:
        yield Finding(where, "its artifactUri is a constantValue of schema 2.0, which no backend reads: write constant")
    if task.trigger_policy.condition:
        yield Finding(where, "is an importer under a condition, which the backend refuses")


def _retries(where: str, task: Message) -> Iterator[Finding]:
    if not task.HasField("retry_policy"):
        return
    policy = task.retry_policy
    if policy.backoff_factor != int(policy.backoff_factor):
        yield Finding(where, f"retryPolicy.backoffFactor is {policy.backoff_factor}: Argo reads whole numbers only")
    within = policy.backoff_max_duration.seconds
    if policy.max_retry_count and not within:
        yield Finding(where, "is never retried: without retryPolicy.backoffMaxDuration Argo gives up at once")
    elif policy.max_retry_count and within < _SHORT:
        yield warning(
            where,
            f"retryPolicy.backoffMaxDuration is {within} s: Argo counts it from the first attempt's start, retries "
            "nothing after it and ends a retry that still runs then",
        )


def _trigger(where: str, task: Message, component: Message) -> Iterator[Finding]:
    if task.HasField("artifact_iterator"):
        yield Finding(where, "iterates over artifacts, which the backend does not implement")
    if task.trigger_policy.strategy == _ON_EXIT and not task.dependent_tasks:
        yield Finding(where, "is an exit handler of nothing: dependentTasks must name the tasks before it")
    condition = task.trigger_policy.condition
    if not condition:
        return
    known = {"artifacts": task.inputs.artifacts}
    read = _CONDITION_INPUT.findall(condition)
    unknown = [name for kind, name in read if name not in known.get(kind, task.inputs.parameters)]
    if re.search(r"Unknown \w+( \w+)? Operation", condition):
        yield Finding(where, f"TFX could not put its condition into CEL: {condition}")
    elif unknown:
        yield Finding(where, f"its condition reads inputs that the task does not have: {', '.join(unknown)}")
    elif never := sorted(_never_equal(condition, component)):
        message = f"its condition compares {', '.join(never)} with a value of another type, which CEL does not support"
        yield Finding(where, message)
    elif ".metadata" in condition:
        message = "runs under a condition, which fails the run where a property is missing from the metadata: "
        yield warning(where, message + condition)


def _never_equal(condition: str, component: Message) -> Iterator[str]:
    """Parameters that are compared with what they never are, a truth value with a text."""
    declared = component.input_definitions.parameters
    for name, literal in _COMPARED.findall(condition):
        if name in declared and declared[name].parameter_type not in _COMPARABLE.get(literal, (1, 2)):
            yield name
