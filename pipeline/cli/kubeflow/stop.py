"""``siamese kubeflow stop``: the end of a run."""

from pipeline.cli.app import Overrides
from pipeline.cli.kubeflow.app import CREDENTIALS, ConfigFile, Host, Namespace, Run, app
from pipeline.cli.kubeflow.cluster import errors_in_one_line, stdout, target


@app.command(epilog=CREDENTIALS)
def stop(
    run: Run,
    config: ConfigFile = None,
    host: Host = None,
    namespace: Namespace = None,
    overrides: Overrides = None,
) -> None:
    """Stop a run: a training keeps its checkpoint, the serving model stays."""
    _, cluster = target(config, overrides, host, namespace)
    with errors_in_one_line():
        cluster.ask("stop", run_id=run)
    stdout().print(f"run {run} is being stopped", soft_wrap=True)
