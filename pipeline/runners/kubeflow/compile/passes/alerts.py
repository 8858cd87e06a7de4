"""What a failed node needs to report its failure."""

from pipeline.runners.kubeflow.compile.specification import Spec, Target, compiler_pass, containers


@compiler_pass
def failure_alerts(spec: Spec, target: Target) -> None:
    """Passes the alerts to the entrypoint: TFX's exit handlers cannot take runtime parameters."""
    if target.alerts:
        for _, container in containers(spec):
            container["args"] += ["--alerts", target.alerts]
