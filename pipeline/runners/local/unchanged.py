"""A run on inputs on which an earlier run came to its verdict: answered from the records of that run, without TFX.

Every result of the graph follows from the configuration, the images and lists of pairs, the code, the libraries and the
model that serves. Where all of these are what an earlier run found, or left behind by its push, its verdict holds.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from components.baseline.report import BaselineReport
from components.run_outcome.summary import RunSummary, recorded_summaries, versions
from components.serving_folder.serving_folder import served_key
from components.storage.artifact_checksums import damage
from models.addresses import is_address
from models.code_digest import project_digest
from models.data.features import AUGMENTED
from models.export.manifest import CARD_FILE
from models.training.hosts.cluster import hosts
from models.user_files import MOST_BYTES, read_text
from pipeline.config.configuration import Config
from pipeline.environment.output_folder import METADATA, check_metadata, serving_address, written_metadata
from pipeline.environment.pretrained import weights_digest

_SETTLED = ("pushed", "refused")
_LISTINGS = (".csv", ".near_duplicates.csv")  # below ``quarantine/``


class Inputs:
    """What the verdict of a run follows from.

    Args:
      config: of the run.
      output: its output folder.
      data_root: address of its images.
      data_digest: fingerprint of them, and of the lists of pairs.

    Raises:
      UserError: a file that the configuration names cannot be read.
    """

    def __init__(self, config: Config, output: Path, data_root: str, data_digest: str) -> None:
        schema = config.data.schema_file
        content = {
            "config": config.model_dump(mode="json"),
            "images": [data_root, data_digest],
            "schema": read_text(schema, "data-bad-schema", MOST_BYTES) if schema else None,
            "weights": weights_digest(config.encoder, kept=True),
            "code": project_digest(),
            "versions": versions(),
            "hosts": hosts().count,
        }
        self._content = json.dumps(content, sort_keys=True)
        self._serving = serving_address(config.push.serving_dir, output)
        # What serves has a part in which pairs there are, or in whether the run is worth its while.
        self._of_served = bool(config.pairs.mined or config.data.min_new_images)
        self._output = output
        self._began = self._digest()

    def settled(self, summary: RunSummary) -> str | None:
        """The digest of inputs that lead to the verdict of this run, which has ended and was on these inputs."""
        if summary.status not in _SETTLED or summary.error:
            return None
        if summary.status != "pushed" or summary.already_serving:
            return self._began if self._digest() == self._began else None
        served = served_key(self._serving)
        if self._of_served or not served.startswith(f"{summary.pushed_version}:"):  # another run pushed since
            return None
        return self._digest(served)

    def earlier(self) -> RunSummary | None:
        """The newest run under the output folder whose verdict these inputs lead to; None where one must run."""
        for summary in reversed(recorded_summaries(self._output)):
            if summary.settled == self._began:
                return summary
        return None

    def _digest(self, served: str | None = None) -> str:
        return hashlib.sha256(f"{served or served_key(self._serving)} {self._content}".encode()).hexdigest()


def repeat(output: Path, earlier: RunSummary, summary: RunSummary) -> bool:
    """Records a run whose inputs lead to the verdict of an earlier one: every node reused, its summary and its files.

    Args:
      output: the output folder.
      earlier: the run of that verdict.
      summary: of the run that begins; it gets the verdict, and all that the earlier run found.

    Returns:
      False, and nothing is recorded, if an artifact of the earlier run is missing or damaged: the run must make it.

    Raises:
      UserError: the metadata store is damaged.
    """
    from pipeline.runs.metadata import nodes_of, repeat_nodes

    check_metadata(output)
    nodes = nodes_of(output / METADATA, earlier.run_id)
    artifacts = [one for node in nodes.values() for several in node.outputs.values() for one in several]
    if not nodes or not all(node.finished for node in nodes.values()) or not _intact([one.uri for one in artifacts]):
        return False
    _copy_files(output, earlier.run_id, summary.run_id)
    with written_metadata(output):  # last: an error before it leaves a run that the graph can begin
        repeat_nodes(output / METADATA, earlier.run_id, summary.run_id)
    for name in set(RunSummary.model_fields) - {"run_id", "seconds", "timings", "peak_memory_mb", "config", "alert"}:
        setattr(summary, name, getattr(earlier, name))
    summary.same_as = earlier.same_as or earlier.run_id
    summary.cached, summary.timings = list(nodes), dict.fromkeys(nodes, 0.0)
    if earlier.status == "pushed" and not earlier.already_serving:
        _compare_with_itself(summary)
    summary.conclude(summary.outcome)
    return True


def _compare_with_itself(summary: RunSummary) -> None:
    """The model of this run serves, since the earlier run pushed it; that one had another baseline, or none."""
    model = summary.baseline.get("model_digest")
    summary.already_serving = True
    summary.baseline = BaselineReport(status="served", version=summary.pushed_version, model_digest=model).model_dump()
    summary.baseline_metrics, summary.gains = {}, {}
    same = f"the model that serves, version {summary.pushed_version}, is this one"
    summary.gates = [
        gate.model_copy(update={"reason": same}) if gate.name.startswith("baseline") else gate for gate in summary.gates
    ]


def _intact(uris: Sequence[str]) -> bool:
    return not any(damage(Path(uri)) for uri in uris if uri and not is_address(uri))


def _copy_files(output: Path, earlier: str, run_id: str) -> None:
    pairs = [(output / "runs" / earlier / name, output / "runs" / run_id / name) for name in (CARD_FILE, AUGMENTED)]
    listings = output / "quarantine"
    pairs += [(listings / f"{earlier}{ending}", listings / f"{run_id}{ending}") for ending in _LISTINGS]
    for source, target in pairs:
        with suppress(OSError):  # a full disk is met by what has to be written
            shutil.copyfile(source, target)
