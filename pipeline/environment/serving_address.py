"""Where the serving folder of an output folder is: beside the runs, unless the configuration says otherwise."""

import json
from contextlib import suppress
from pathlib import Path

from components.run_outcome.summary import FILE, RunSummary


def serving_address(configured: str | None, output: Path) -> str:
    """The folder or address that ``push.serving_dir`` means; default: ``serving/`` in the output folder."""
    if configured is None:
        return str(output / "serving")
    return configured if "://" in configured else str(Path(configured).absolute())


def serving_address_of_runs(output: Path) -> str:
    """Where the newest run under an output folder pushed, or would have."""
    for path in sorted((output / "runs").glob(f"*/{FILE}"), reverse=True):
        if not path.parent.is_symlink():
            with suppress(ValueError, KeyError, TypeError):  # of another release: an emergency does not wait for it
                return serving_address(json.loads(path.read_text("utf-8"))["config"]["push"]["serving_dir"], output)
    return serving_address(None, output)


def serving_address_of(summary: RunSummary, output: Path) -> str:
    """Where a run pushed, or would have."""
    return serving_address(summary.config.get("push", {}).get("serving_dir"), output)
