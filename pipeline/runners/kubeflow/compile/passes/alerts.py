"""The alert of a node that failed: sent by its entrypoint, since an exit handler cannot take runtime parameters."""

from pipeline.runners.kubeflow.compile.specification import Spec, Target, compiler_pass, containers


@compiler_pass
def failure_alerts(spec: Spec, target: Target) -> None:
    """The entrypoint's argument ``--alerts``, where alerts are configured."""
    if target.alerts is None:
        return
    for _, container in containers(spec):
        container["args"] += ["--alerts", target.alerts.model_dump_json()]
