"""When a node runs: caching, conditions and retries."""

from pipeline.runners.kubeflow.compile.specification import CONDITION, Spec, Target, compiler_pass, tasks

# Nodes whose inputs or outputs are in no cache key: the folder of images, the serving folder, a webhook; or of one run.
STATEFUL = ("ImageExampleGen", "Baseline", "Pusher", "Outcome", "ModelCard", "RunReport")

# Node -> one of its outputs, a ``Boolean`` artifact: the nodes downstream run only where it is true.
CONDITIONS = {"NewData": "enough"}


@compiler_pass
def caching(spec: Spec, _target: Target) -> None:
    """Off for the nodes whose state lies outside the cache key; the others keep the pipeline's setting."""
    for node, task in tasks(spec).items():
        if node in STATEFUL:
            task["cachingOptions"] = {"enableCache": False}


@compiler_pass
def conditions(spec: Spec, _target: Target) -> None:
    """Tasks downstream of a node in ``CONDITIONS`` run only where its output is true; tasks after them are skipped too.

    The condition is on each task itself: Argo omits what depends on a task that was omitted. A graph of its own for
    them, as the SDK compiles conditions, would hide its nodes' states from the run's page (kubeflow/pipelines #11979)
    and would need every artifact and parameter as an input.
    """
    components = spec["components"]
    for gate in CONDITIONS.keys() & tasks(spec).keys():
        key = CONDITIONS[gate]
        definitions = components[tasks(spec)[gate]["componentRef"]["name"]]["outputDefinitions"]
        definitions.setdefault("parameters", {})[key] = {"parameterType": "BOOLEAN"}
        for task in tasks(spec).values():
            if gate not in task.get("dependentTasks", ()):
                continue
            name = f"{CONDITION}{gate}-{key}"
            inputs = components[task["componentRef"]["name"]].setdefault("inputDefinitions", {})
            inputs.setdefault("parameters", {})[name] = {"parameterType": "BOOLEAN"}
            source = {"producerTask": gate, "outputParameterKey": key}
            task.setdefault("inputs", {}).setdefault("parameters", {})[name] = {"taskOutputParameter": source}
            task["triggerPolicy"] = {"condition": f"inputs.parameter_values['{name}'] == true"}


@compiler_pass
def retries(spec: Spec, target: Target) -> None:
    """A failed node is retried, with a growing delay. The last gate is not: a refusal stays one."""
    settings = target.settings.retries
    policy = {
        "maxRetryCount": settings.attempts,
        "backoffDuration": f"{settings.backoff}s",
        "backoffFactor": settings.factor,
        # Not the longest delay, despite its name: Argo counts it from the first attempt's start, and then gives up.
        "backoffMaxDuration": f"{settings.within}s",
    }
    for node, task in tasks(spec).items():
        if settings.attempts and node != "OutcomeGate":
            task["retryPolicy"] = dict(policy)
