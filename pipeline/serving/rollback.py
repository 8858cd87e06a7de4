"""``siamese rollback``: an earlier version serves again, never in the middle of a run."""

from contextlib import nullcontext
from pathlib import Path

from components.serving_folder import rollback
from components.serving_folder.rollback import Rollback
from models.errors import UserError
from pipeline.environment.output_folder import alone
from pipeline.environment.serving_address import serving_address, serving_address_of_runs


def roll_back(output: Path, serving_dir: str | None, to: int | None, reason: str, by: str | None) -> Rollback:
    """Rolls back what the runs under ``output`` pushed to, or ``serving_dir``.

    Under the runs' own lock: a run at work measures its model against the one that served as it began, and would push
    over the rollback.

    Raises:
      UserError: there is no such folder, a run is at work, or there is nothing to go back to.
    """
    if not output.is_dir() and serving_dir is None:
        raise UserError(f"--output {output}: there is no such folder; nothing has run there")
    with alone(output) if output.is_dir() else nullcontext():
        place = serving_address(serving_dir, output) if serving_dir else serving_address_of_runs(output)
        return rollback.roll_back(place, to, reason, by)
