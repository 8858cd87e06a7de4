"""The address of the serving folder of an output folder: ``serving/`` in it, unless the configuration sets another."""

import json
from contextlib import suppress
from pathlib import Path

from components.run_outcome.summary import FILE, RunSummary


def serving_address(configured: str | None, output: Path) -> str:
    """The absolute folder or address of ``push.serving_dir``; default: ``serving/`` in the output folder."""
    if configured is None:
        return str(output / "serving")
    return configured if "://" in configured else str(Path(configured).absolute())


def serving_address_of_runs(output: Path) -> str:
    """The serving folder of the newest run under an output folder."""
    for path in sorted((output / "runs").glob(f"*/{FILE}"), reverse=True):
        if not path.parent.is_symlink():
            with suppress(ValueError, KeyError, TypeError):  # of another release: a rollback must still work
                return serving_address(json.loads(path.read_text("utf-8"))["config"]["push"]["serving_dir"], output)
    return serving_address(None, output)


def serving_address_of(summary: RunSummary, output: Path) -> str:
    """The serving folder of a run."""
    return serving_address(summary.config.get("push", {}).get("serving_dir"), output)
