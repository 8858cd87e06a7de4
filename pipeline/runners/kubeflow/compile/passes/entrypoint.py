"""Arguments of our entrypoint: what the backend neither runs nor passes on."""

import json

from pipeline.runners.kubeflow.compile.specification import Spec, Target, compiler_pass, containers


@compiler_pass
def drivers_in_the_entrypoint(spec: Spec, _target: Target) -> None:
    """The backend never reads ``lifecycle.preCacheCheck``: the entrypoint runs that driver before the executor."""
    for _, container in containers(spec):
        lifecycle = container.pop("lifecycle", None)
        if lifecycle:
            command = lifecycle["preCacheCheck"]["command"]
            container["args"] += ["--driver", command[command.index("-m") + 1]]


@compiler_pass
def node_and_types(spec: Spec, target: Target) -> None:
    """The entrypoint's node and the Python types of its artifacts: the backend passes neither."""
    for node, container in containers(spec):
        types = json.dumps(target.types[node], sort_keys=True)
        container["args"] += ["--node", node, "--artifact_types", types]
