"""The containers, their arguments and resources: backend/src/v2/{driver/driver,component/launcher_v2}.go."""

import json
import re
from collections.abc import Iterator

from google.protobuf import json_format

from pipeline.runners.kubeflow.check.findings import Compiled, Finding, Message, check, warning

ENTRYPOINT = "pipeline.runners.kubeflow.entrypoint"
_STOCK = ("kubeflow_v2_run_executor", "tfx.orchestration.kubeflow.v2.container")
_INVOCATION, _TYPES, _CLASS = "{{$}}", "--artifact_types", "--executor_class_path"
_LONGEST = 128 * 1024 - 1  # bytes of one argument: MAX_ARG_STRLEN less the final zero
_RESOURCE = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?/[A-Za-z0-9][-A-Za-z0-9_.]*")
_EXPANDED = re.compile(r"\$\$|\$\([A-Za-z_.-][A-Za-z0-9_.-]*\)")
_TFX_IMAGE = re.compile(r"(^|/)(tensorflow|tfx-oss-public)/tfx[:@]")

_STOCK_COMMAND = (
    "runs TFX's own entrypoint, which fails on input artifacts without a type, writes to gs://, s3:// and minio:// "
    f"itself, runs no driver and loses empty outputs; run python -m {ENTRYPOINT}"
)
_PRE_CACHE_CHECK = (
    "has a lifecycle.preCacheCheck, which the backend never runs: {SPAN} is never resolved; run it in the entrypoint: "
    "--driver"
)

# Nodes whose inputs or outputs are in no cache key: the folder of images, the serving folder, a webhook; or of one run.
STATEFUL = ("ImageExampleGen", "Baseline", "Pusher", "Outcome", "ModelCard", "RunReport")

# The same by import path; TFX's own are among them.
_STATEFUL = re.compile(r"example_gen\b|\bcomponents\.(baseline|pusher|run_outcome)\.executor\.Executor$")


@check
def check_executors(compiled: Compiled) -> Iterator[Finding]:
    """Images, commands, arguments, resources and caching."""
    for label, container in compiled.containers():
        where = f"executor {label}"
        yield from _image(where, container)
        yield from _command(where, container)
        if container.lifecycle.HasField("pre_cache_check"):
            yield Finding(where, _PRE_CACHE_CHECK)
        yield from _resources(where, container.resources)
        yield from _variables(where, container)
    for dag, name, task, component in compiled.steps():
        where = dag.where(name)
        if container := compiled.container(component):
            yield from _types(where, task, component, container)
            yield from _caching(where, name, task, container)
            yield from _sizes(where, task, component, container)
            yield from _expansions(where, task, container)


def _image(where: str, container: Message) -> Iterator[Finding]:
    image = container.image
    if not image:
        yield Finding(where, "has no image")
        return
    name, at, _ = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if not at and tag in ("", "latest"):
        yield warning(where, f"its image {image} may change: name it by digest, or by a fixed tag")
    if _TFX_IMAGE.search(image if at or tag else f"{image}:"):
        yield warning(where, f"its image {image} runs as root, which KFP 2.16.1 and later refuses")


def _command(where: str, container: Message) -> Iterator[Finding]:
    if not container.command:
        yield Finding(where, "has no command: the launcher runs command and args, not the image's ENTRYPOINT")
        return
    if any(part in text for text in container.command for part in _STOCK):
        yield Finding(where, _STOCK_COMMAND)
    elif ENTRYPOINT in container.command:
        for argument in (_CLASS, _TYPES, "--node"):
            if argument not in container.args:
                yield Finding(where, f"the entrypoint requires {argument}")
    else:
        return
    if list(container.args).count(_INVOCATION) != 1:
        message = f"must have {_INVOCATION} as one argument, which the launcher replaces by inputs and outputs"
        yield Finding(where, message)


def _resources(where: str, resources: Message) -> Iterator[Finding]:
    asked = {field.name for field, _ in resources.ListFields()}
    for name, kind in (("CPU", "cpu"), ("memory", "memory")):
        fields = {f"{kind}_request", f"{kind}_limit"}
        # Newer backends have fields of strings; not all protos do.
        if not asked & fields and not any(getattr(resources, f"resource_{field}", "") for field in fields):
            yield warning(where, f"requests no {name} (TFX drops the requests of an ExampleGen): it is evicted first")
    for name in ("cpu", "memory"):
        request, limit = getattr(resources, f"{name}_request"), getattr(resources, f"{name}_limit")
        if limit and request > limit:
            yield Finding(where, f"requests more {name} ({request:g}) than its limit ({limit:g}): no pod is created")
    if not resources.HasField("accelerator"):
        return
    kind, count = resources.accelerator.type, resources.accelerator.count
    if kind and not _RESOURCE.fullmatch(kind):
        yield Finding(
            where,
            f"its accelerator {kind} is used as the name of a resource, and no pod is created; it must be "
            "one of the cluster's, such as nvidia.com/gpu",
        )
    if kind and count < 1:
        yield Finding(where, f"requests {kind} without a count: the backend requests none")


def _variables(where: str, container: Message) -> Iterator[Finding]:
    names = [variable.name for variable in container.env]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding(where, f"its variable {name} occurs twice")
    if "" in names:
        yield Finding(where, "has a variable without a name")


def _types(where: str, task: Message, component: Message, container: Message) -> Iterator[Finding]:
    args = list(container.args)
    if ENTRYPOINT not in container.command or _TYPES not in args:
        return
    try:
        types = json.loads(args[args.index(_TYPES) + 1])
        known = {direction: set(types[direction]) for direction in ("inputs", "outputs")}
    except (IndexError, ValueError, KeyError, TypeError):
        example = '{"inputs": {"model": "import.path.Of"}, "outputs": {}}'
        yield Finding(where, f"{_TYPES} must be JSON such as {example}")
        return
    inputs = {*task.inputs.artifacts, *component.input_definitions.artifacts}
    for direction, keys in (("inputs", inputs), ("outputs", set(component.output_definitions.artifacts))):
        for key in sorted(keys - known[direction]):
            what = direction.removesuffix("s")
            yield Finding(where, f"{_TYPES} lacks its {what} {key}, which arrives without a type")


def _caching(where: str, name: str, task: Message, container: Message) -> Iterator[Finding]:
    if not task.caching_options.enable_cache:
        return
    args = list(container.args)
    path = args[args.index(_CLASS) + 1] if _CLASS in args[:-1] else ""
    reads_folders = "--driver" in args or container.lifecycle.HasField("pre_cache_check")  # any FileBasedExampleGen
    if reads_folders or name in STATEFUL or _STATEFUL.search(path):
        message = (
            "is cached, though its cache key lacks what it reads or writes: set cachingOptions.enableCache to false"
        )
        yield Finding(where, message)


def _sizes(where: str, task: Message, component: Message, container: Message) -> Iterator[Finding]:
    for argument in (*container.command, *container.args):
        if len(argument.encode()) > _LONGEST:
            yield Finding(where, f"has an argument of {_kib(argument)} KiB: Linux allows 128 KiB")
    inputs = json_format.MessageToJson(task.inputs, indent=None)
    if len(inputs.encode()) > _LONGEST:
        yield Finding(where, f"has {_kib(inputs)} KiB of parameters, passed as one argument: Linux allows 128 KiB")
    for what, spec in (("component", component), ("container", container)):
        text = json_format.MessageToJson(spec, indent=None)
        if len(text.encode()) > _LONGEST:
            message = f"its {what} is {_kib(text)} KiB, passed to its driver as one argument: Linux allows 128 KiB"
            yield Finding(where, message)


def _expansions(where: str, task: Message, container: Message) -> Iterator[Finding]:
    """Kubernetes expands $(NAME) and $$ in the arguments of a pod, inputs included."""
    constants = [parameter.runtime_value.constant.string_value for parameter in task.inputs.parameters.values()]
    for text in (*container.command, *container.args, *constants):
        for found in sorted(set(_EXPANDED.findall(text))):
            yield warning(where, f"contains {found} in a command or a parameter, which Kubernetes expands")


def _kib(text: str) -> int:
    return -(-len(text.encode()) // 1024)
