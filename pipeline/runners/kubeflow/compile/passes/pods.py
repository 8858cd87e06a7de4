"""Resources and environment variables of the pods."""

from pipeline.config.kubeflow import GpuSettings, NodeResources, quantity
from pipeline.runners.kubeflow.compile.specification import SCRATCH, Spec, Target, compiler_pass, containers


@compiler_pass
def resources(spec: Spec, target: Target) -> None:
    """CPU, memory and GPUs of every node, in the fields that every backend from 2.5 on reads: cores and 10⁹ bytes.

    TFX drops the requests of a FileBasedExampleGen (tfx#6146). Ephemeral storage has no field: see ``platform``.
    """
    for node, container in containers(spec):
        container["resources"] = _resource_spec(target.settings.resources_of(node), target.settings.gpu)


def _resource_spec(request: NodeResources, gpu: GpuSettings) -> Spec:
    memory = quantity(request.memory) / 1e9
    spec: Spec = {"cpuRequest": quantity(request.cpu), "memoryRequest": memory, "memoryLimit": memory}
    if request.cpu_limit:
        spec["cpuLimit"] = quantity(request.cpu_limit)
    if request.gpus:
        spec["accelerator"] = {
            "type": gpu.resource,
            "count": str(request.gpus),
        }  # an int64: a string in protobuf's JSON
    return spec


@compiler_pass
def environment(spec: Spec, target: Target) -> None:
    """The user's variables, and temporary files on the scratch volume where there is one."""
    settings = target.settings
    for node, container in containers(spec):
        scratch = {"TMPDIR": SCRATCH} if settings.resources_of(node).scratch else {}
        variables = {**scratch, **settings.env}
        if variables:
            container["env"] = [{"name": name, "value": value} for name, value in sorted(variables.items())]
