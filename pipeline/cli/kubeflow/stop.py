"""``siamese kubeflow stop``: the end of a run."""

from pipeline.cli.kubeflow.app import Run, Server, app, cluster_command, stdout


@cluster_command(app)
def stop(run: Run, options: Server) -> None:
    """Stop a run: a training keeps its checkpoint, the serving model stays."""
    _, cluster = options.target()
    cluster.ask("stop", run_id=run)
    stdout().print(f"run {run} is being stopped", soft_wrap=True)
