"""A run of a new gate, the Pusher and the Outcome node on a small artifact: ``python new_gate_run.py FOLDER``.

Prints the outcome in every view, as JSON. Everything is imported from the current folder's project.
"""

import io
import json
import sys
from pathlib import Path

from components.gates.separation.component import SeparationGate
from rich.console import Console
from scored_pairs import made, write_table
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

import components
from components.artifact_types import PairScores
from components.pusher.component import ServingPusher
from components.run_outcome.artifacts import gate_channels
from components.run_outcome.component import OutcomeWriter
from components.run_outcome.settings import AlertSettings
from components.run_outcome.summary import RunSummary
from pipeline.config import load_config
from pipeline.environment.run_environment import RunEnvironment
from pipeline.graph import create_pipeline
from pipeline.runners.kubeflow.compile.compilation import compile_pipeline
from pipeline.runs.metadata import nodes_of, record_of
from pipeline.terminal import show_summary


def main(folder: Path) -> None:
    store = metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    print(json.dumps({"project": components.__path__[0], "wired": wired(folder), "cluster": on_the_cluster()}))
    for minimum in (0.0, 9.0):
        run_id, serving = f"minimum-{minimum:g}", folder / f"serving-{minimum:g}"
        LocalDagRunner().run(pipeline(folder, minimum, serving, run_id, store))
        run = newest_run(folder, store)
        summary = RunSummary.begun(run_id, {"name": "gates"}, "digest")
        record_of(nodes_of(folder / "metadata.sqlite", run)).fill(summary)
        (folder / run_id).mkdir()
        summary.write(folder / run_id)
        terminal = io.StringIO()
        show_summary(Console(file=terminal, width=160), summary, folder / run_id, folder)
        (outcome,) = (folder / "artifacts" / "Outcome" / "outcome").glob("*/outcome.json")
        views = {
            "summary": json.loads((folder / run_id / "summary.json").read_text()),
            "outcome": json.loads(outcome.read_text()),
            "terminal": terminal.getvalue(),
            "served": [path.name for path in serving.glob("*/saved_model.pb")],
        }
        print(json.dumps(views))
        outcome.unlink()


def wired(folder: Path) -> dict[str, list[str]]:
    """Node -> its inputs from the new gate, in the graph of a local run."""
    environment = RunEnvironment(
        data_root=str(folder),
        data_digest="d",
        serving_dir=str(folder / "serving"),
        served="",
        artifacts=str(folder / "artifacts"),
        run_id="r",
        metadata=None,
    )
    graph = create_pipeline(load_config(), environment)
    return {node.id: keys for node in graph.components if (keys := from_new_gate(node))}


def from_new_gate(node: BaseNode) -> list[str]:
    """The inputs of a node that come from the new gate."""
    producers = {key: getattr(one, "producer_component_id", "") for key, one in node.inputs.items()}
    return [key for key, producer in producers.items() if producer == "SeparationGate"]


def on_the_cluster() -> list[str]:
    """Tasks that take an artifact of the new gate in the compiled pipeline."""
    sets = ["data.source=s3://bucket/images", "push.serving_dir=s3://bucket/serving"]
    tasks = compile_pipeline(load_config(overrides=sets), "image:1", "s3://bucket/root").spec["root"]["dag"]["tasks"]
    return sorted(
        name
        for name, task in tasks.items()
        for one in task.get("inputs", {}).get("artifacts", {}).values()
        if one["taskOutputArtifact"]["producerTask"] == "SeparationGate"
    )


def pipeline(folder: Path, minimum: float, serving: Path, run_id: str, store: object) -> Pipeline:
    if not (folder / "scores").exists():
        write_table(folder / "scores", made(identities=10, pairs=5))
        (folder / "model" / "Format-Serving").mkdir(parents=True)
        (folder / "model" / "Format-Serving" / "saved_model.pb").write_text("graph")
    scores = Importer(str(folder / "scores"), PairScores).with_id("scores")
    model = Importer(str(folder / "model"), standard_artifacts.Model).with_id("model")
    gate = SeparationGate(scores=scores.outputs["result"], minimum=minimum, code_digest="c")
    gates = gate_channels([gate])
    pusher = ServingPusher(model=model.outputs["result"], serving_dir=str(serving), **gates, run_id=run_id)
    pusher.with_id("Pusher")
    outcome = OutcomeWriter(
        pushed_model=pusher.outputs["pushed_model"],
        **gates,
        pipeline_name="gates",
        run_id=run_id,
        alerts=AlertSettings(),
    ).with_id("Outcome")
    return Pipeline(
        pipeline_name="gates",
        pipeline_root=str(folder / "artifacts"),
        components=[scores, model, gate, pusher, outcome],
        metadata_connection_config=store,
    )


def newest_run(folder: Path, store: object) -> str:
    with metadata.Metadata(store) as handle:
        runs = handle.store.get_contexts_by_type("pipeline_run")
    return max(runs, key=lambda run: run.id).name


if __name__ == "__main__":
    main(Path(sys.argv[1]))
