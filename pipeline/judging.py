"""The second half of the graph: what stands between a trained model and serving, and the page of it all."""

from collections.abc import Mapping

from tfx.components import Evaluator
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types.channel import BaseChannel

from components.baseline.component import Baseline
from components.model_card.component import ModelCardWriter
from components.model_gate.component import ModelGate
from components.pair_scores.component import PairScorer
from components.pusher.component import ServingPusher
from components.run_outcome.component import OutcomeGate, OutcomeWriter
from components.run_record.files import SOURCES
from components.run_report.component import RunReport
from components.serving_validator.factory import serving_validator
from models.data import features
from pipeline.config.configuration import Config, as_json, code_digest
from pipeline.environment.run_environment import Site
from pipeline.evaluation import eval_config


def judge_and_push(
    config: Config,
    site: Site,
    baseline: Baseline,
    pairs: BaseChannel,
    model: BaseChannel,
    data: Mapping[str, BaseChannel] | None = None,
) -> list[BaseNode]:
    """What stands between a trained model and serving: all of it, for whatever model.

    Args:
      config: the gates, among others.
      site: where it serves.
      baseline: the model that serves.
      pairs: Examples whose test split carries pixels.
      model: the candidate.
      data: what the model card tells of the images and pairs, by the names of ``run_report.files.SOURCES``.
    """
    evaluator = Evaluator(
        examples=pairs,
        model=model,
        baseline_model=baseline.outputs["model"],
        example_splits=[features.TEST],
        eval_config=eval_config(
            config.gates, config.measures, code_digest("components.evaluator", "models.verification.metrics")
        ),
    )
    scores = PairScorer(
        examples=pairs,
        model=model,
        baseline_model=baseline.outputs["model"],
        code_digest=code_digest("components.pair_scores", "components.storage.tfrecords", "models.data.features"),
    ).with_id("PairScores")
    # First, for it says which model is damaged and how; what TFMA's Beam says of one, nobody understands.
    evaluator.add_upstream_node(scores)
    judged = ModelGate(
        scores=scores.outputs["scores"],
        model=model,
        baseline_model=baseline.outputs["model"],
        baseline=baseline.outputs["found"],
        gates=config.gates,
        measures=config.measures,
        split=config.split_rule,
        seed=config.seed,
        code_digest=code_digest("components.model_gate", "components.pair_scores.table", "models.verification.metrics"),
    )
    serving = serving_validator(
        config.serving_validator,
        model=model,
        examples=pairs,
        scores=scores.outputs["scores"],
        code_digest=code_digest("components.serving_validator", "models"),
    )
    judgement = {
        "model": model,
        "evaluation": evaluator.outputs["evaluation"],
        "measures": judged.outputs["measures"],
        "gate_verdict": judged.outputs["verdict"],
        "infra_verdict": serving.outputs["verdict"],
        "baseline": baseline.outputs["found"],
    }
    told = {**(data or {}), **judgement}
    card = ModelCardWriter(told, as_json(config), config.digest(), site.run_id).with_id("ModelCard")
    pusher = ServingPusher(
        model=model,
        serving_dir=site.serving_dir,
        model_blessing=evaluator.outputs["blessing"],
        gate_blessing=judged.outputs["blessing"],
        infra_blessing=serving.outputs["blessing"],
        baseline=baseline.outputs["found"],
        gate_verdict=judged.outputs["verdict"],
        infra_verdict=serving.outputs["verdict"],
        card=card.outputs["card"],
        keep=config.push.keep,
        config_digest=config.digest(),
        run_id=site.run_id,
    ).with_id("Pusher")
    outcome = OutcomeWriter(
        pushed_model=pusher.outputs["pushed_model"],
        evaluation=evaluator.outputs["evaluation"],
        gate_verdict=judged.outputs["verdict"],
        infra_verdict=serving.outputs["verdict"],
        pipeline_name=config.name,
        run_id=site.run_id,
        alerts=config.alerts,
    ).with_id("Outcome")
    last = [OutcomeGate(outcome.outputs["outcome"])] if site.refusal_fails else []
    return [baseline, evaluator, scores, judged, serving, card, pusher, outcome, *last]


def run_report(config: Config, site: Site, nodes: list[BaseNode]) -> list[BaseNode]:
    """The page of a run, drawn from what all other nodes gave."""
    found = {node.id: node for node in nodes}
    codes = {name: found[name].exec_properties["code_digest"] for name in ("ImageExampleGen", "PairGenerator")}
    report = RunReport(
        artifacts={name: found[node].outputs[key] for name, (node, key) in SOURCES.items() if node in found},
        run_id=site.run_id,
        config=as_json(config),
        config_digest=config.digest(),
        data_root=site.data_root,
        codes=as_json({**codes, "Trainer": code_digest("models")}),
    )
    return [report]
