"""Where the serving folder of an output folder is: beside the runs, unless the configuration says otherwise."""

from pathlib import Path

from pipeline.summary import RunSummary, read_summaries


def serving_address(configured: str | None, output: Path) -> str:
    """The folder or address that ``push.serving_dir`` means; default: ``serving/`` in the output folder."""
    if configured is None:
        return str(output / "serving")
    return configured if "://" in configured else str(Path(configured).absolute())


def serving_address_of_runs(output: Path) -> str:
    """Where the newest run under an output folder pushed, or would have."""
    summaries = read_summaries(output)
    return serving_address_of(summaries[-1], output) if summaries else serving_address(None, output)


def serving_address_of(summary: RunSummary, output: Path) -> str:
    """Where a run pushed, or would have."""
    return serving_address(summary.config.get("push", {}).get("serving_dir"), output)
