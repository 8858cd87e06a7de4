"""What the containers run and with what: backend/src/v2/driver/driver.go, component/launcher_v2.go, Kubernetes."""

import json
import re
from collections.abc import Iterator

from google.protobuf import json_format

from pipeline.runners.kubeflow.check.compiled import Compiled, Message
from pipeline.runners.kubeflow.check.finding import Fault, warning

ENTRYPOINT = "pipeline.runners.kubeflow.entrypoint"
_STOCK = ("kubeflow_v2_run_executor", "tfx.orchestration.kubeflow.v2.container")
_INVOCATION, _TYPES, _CLASS = "{{$}}", "--artifact_types", "--executor_class_path"
_LONGEST = 128 * 1024 - 1  # bytes of one argument: MAX_ARG_STRLEN less the final zero
_RESOURCE = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?/[A-Za-z0-9][-A-Za-z0-9_.]*")
_EXPANDED = re.compile(r"\$\$|\$\([A-Za-z_.-][A-Za-z0-9_.-]*\)")
_TFX_IMAGE = re.compile(r"(^|/)(tensorflow|tfx-oss-public)/tfx[:@]")

# They read or write what no cache key knows: by the import path of the executor. TFX's own are among them.
_STATEFUL = re.compile(r"example_gen\b|\bcomponents\.(baseline|pusher|run_outcome)\.executor\.Executor$")


def executor_faults(compiled: Compiled) -> Iterator[Fault]:
    """Everything about images, commands, arguments, resources and caching."""
    for label, container in compiled.containers():
        where = f"executor {label}"
        yield from _image(where, container)
        yield from _command(where, container)
        yield from _lifecycle(where, container)
        yield from _resources(where, container.resources)
        yield from _variables(where, container)
    for dag, name, task, component in compiled.steps():
        where = dag.where(name)
        executor = compiled.executors.get(component.executor_label)
        if executor is not None and executor.HasField("container"):
            yield from _types(where, task, component, executor.container)
            yield from _caching(where, name, task, executor.container)
            yield from _sizes(where, task, component, executor.container)
            yield from _expansions(where, task, executor.container)


def _image(where: str, container: Message) -> Iterator[Fault]:
    image = container.image
    if not image:
        yield Fault(where, "has no image")
        return
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if not at and tag in ("", "latest"):
        yield warning(
            where, f"its image {image} may be another one tomorrow: name it by digest, or by a tag that stays"
        )
    if _TFX_IMAGE.search(image if at or tag else f"{image}:"):
        yield warning(where, f"its image {image} runs as root, which KFP 2.16.1 and later does not start")


def _command(where: str, container: Message) -> Iterator[Fault]:
    if not container.command:
        yield Fault(where, "has no command: the launcher runs command and args, and never the image's ENTRYPOINT")
        return
    if any(part in text for text in container.command for part in _STOCK):
        yield Fault(
            where,
            "runs TFX's own entrypoint, which stops at input artifacts without a type, takes gs://, s3:// and minio:// "
            "for places to write to itself, runs no driver and loses empty outputs; run python -m " + ENTRYPOINT,
        )
    elif ENTRYPOINT in container.command:
        for argument in (_CLASS, _TYPES, "--node"):
            if argument not in container.args:
                yield Fault(where, f"the entrypoint wants {argument}")
    else:
        return
    if list(container.args).count(_INVOCATION) != 1:
        yield Fault(
            where, f"must have {_INVOCATION} as one argument, which the launcher replaces by inputs and outputs"
        )


def _lifecycle(where: str, container: Message) -> Iterator[Fault]:
    if container.lifecycle.HasField("pre_cache_check"):
        yield Fault(
            where,
            "has a lifecycle.preCacheCheck, which the backend never runs: {SPAN} is never resolved; let the entrypoint "
            "run it: --driver",
        )


def _resources(where: str, resources: Message) -> Iterator[Fault]:
    asked = {field.name for field, _ in resources.ListFields()}
    for name, fields in (
        ("CPU", {"cpu_request", "cpu_limit"}),
        ("memory", {"memory_request", "memory_limit"}),
    ):
        if not asked & fields and not _newer(resources, fields):
            yield warning(where, f"asks for no {name} (TFX drops what an ExampleGen asks for): the first to be evicted")
    for name in ("cpu", "memory"):
        request, limit = getattr(resources, f"{name}_request"), getattr(resources, f"{name}_limit")
        if limit and request > limit:
            yield Fault(where, f"asks for more {name} ({request:g}) than its limit ({limit:g}): no pod is made")
    if not resources.HasField("accelerator"):
        return
    kind, count = resources.accelerator.type, resources.accelerator.count
    if kind and not _RESOURCE.fullmatch(kind):
        yield Fault(
            where,
            f"its accelerator {kind} is taken as it stands for the name of a resource, and no pod is made; it must be "
            "one of the cluster's, such as nvidia.com/gpu",
        )
    if kind and count < 1:
        yield Fault(where, f"asks for {kind} without a count: the backend asks for none")


def _newer(resources: Message, fields: set[str]) -> bool:
    """Whether the message has the texts of newer backends, where its protos know them."""
    return any(getattr(resources, f"resource_{field}", "") for field in fields)


def _variables(where: str, container: Message) -> Iterator[Fault]:
    names = [variable.name for variable in container.env]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(where, f"its variable {name} is there twice")
    if "" in names:
        yield Fault(where, "has a variable without a name")


def _types(where: str, task: Message, component: Message, container: Message) -> Iterator[Fault]:
    args = list(container.args)
    if ENTRYPOINT not in container.command or _TYPES not in args:
        return
    try:
        types = json.loads(args[args.index(_TYPES) + 1])
        known = {direction: set(types[direction]) for direction in ("inputs", "outputs")}
    except (IndexError, ValueError, KeyError, TypeError):
        yield Fault(
            where, f'{_TYPES} must be JSON such as {{"inputs": {{"model": "import.path.Of"}}, "outputs": {{}}}}'
        )
        return
    for direction, keys in (
        ("inputs", {*task.inputs.artifacts, *component.input_definitions.artifacts}),
        ("outputs", set(component.output_definitions.artifacts)),
    ):
        for key in sorted(keys - known[direction]):
            yield Fault(
                where,
                f"{_TYPES} lacks its {direction.removesuffix('s')} {key}, which arrives without a type of its own",
            )


def _caching(where: str, name: str, task: Message, container: Message) -> Iterator[Fault]:
    if not task.caching_options.enable_cache:
        return
    args = list(container.args)
    path = args[args.index(_CLASS) + 1] if _CLASS in args[:-1] else ""
    reads_folders = "--driver" in args or container.lifecycle.HasField("pre_cache_check")  # any FileBasedExampleGen
    named = name in ("ImageExampleGen", "Baseline", "Pusher", "Outcome", "ModelCard", "RunReport")
    if reads_folders or named or _STATEFUL.search(path):
        yield Fault(
            where, "is cached, and reads or writes what no cache key knows: set cachingOptions.enableCache to false"
        )


def _sizes(where: str, task: Message, component: Message, container: Message) -> Iterator[Fault]:
    for argument in (*container.command, *container.args):
        if len(argument.encode()) > _LONGEST:
            yield Fault(where, f"has an argument of {_kib(argument)} KiB: Linux starts nothing with one over 128 KiB")
    inputs = json_format.MessageToJson(task.inputs, indent=None)
    if len(inputs.encode()) > _LONGEST:
        yield Fault(where, f"has {_kib(inputs)} KiB of parameters, handed over as one argument: Linux takes 128 KiB")
    for what, message in (("component", component), ("container", container)):
        text = json_format.MessageToJson(message, indent=None)
        if len(text.encode()) > _LONGEST:
            yield Fault(
                where, f"its {what} is {_kib(text)} KiB, handed to its driver as one argument: Linux takes 128 KiB"
            )


def _expansions(where: str, task: Message, container: Message) -> Iterator[Fault]:
    """Kubernetes replaces $(NAME) and $$ in what a pod is started with, the inputs among it."""
    constants = [parameter.runtime_value.constant.string_value for parameter in task.inputs.parameters.values()]
    for text in (*container.command, *container.args, *constants):
        for found in sorted(set(_EXPANDED.findall(text))):
            yield warning(where, f"holds {found} in a command or a parameter, which Kubernetes does not leave as it is")


def _kib(text: str) -> int:
    return -(-len(text.encode()) // 1024)
