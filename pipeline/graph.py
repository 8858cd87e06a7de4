"""The graph: only wiring."""

from collections.abc import Mapping, Sequence

from tfx.components import ExampleValidator, StatisticsGen, Trainer, Transform, Tuner
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types.channel import BaseChannel

from components.anomaly_gate.component import AnomalyGate
from components.baseline.component import Baseline
from components.evaluator.component import Evaluator
from components.image_example_gen.component import ImageExampleGen
from components.model_card.component import ModelCardWriter
from components.model_gate.component import ModelGate
from components.new_data.component import NewData
from components.pair_generator.component import PairGenerator
from components.pair_scores.component import PairScorer
from components.pusher.component import ServingPusher
from components.run_outcome.artifacts import gate_channels
from components.run_outcome.component import OutcomeGate, OutcomeWriter
from components.run_record.files import SOURCES
from components.run_report.component import RunReport
from components.schema_source.component import SchemaSource
from components.schema_source.image_schema import as_text, image_schema, read_reviewed
from components.serving_validator.component import serving_validator
from models.data import features
from pipeline.config.configuration import Config, as_json, code_digest
from pipeline.environment.pretrained import weights_digest
from pipeline.environment.run_environment import Site
from pipeline.evaluation import eval_config


def create_pipeline(config: Config, site: Site) -> Pipeline:
    """The same graph for every runner: from images to a model in serving, or to the reasons against it."""
    images, schema, statistics = ingest(config, site)
    limits = config.data.validation
    validator = ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        exclude_splits=[features.PREVIOUS],  # only the reference for drift
    )
    gate = AnomalyGate(
        anomalies=validator.outputs["anomalies"],
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        min_images=limits.min_images,
        code_digest=code_digest("components.anomaly_gate"),
    )
    code = code_digest("models")
    baseline = served_model(config, site)
    pairs = PairGenerator(
        images=images.outputs["examples"],
        gate=gate.outputs["verdict"],
        settings=config.pairs,
        seed=config.seed,
        code_digest=code_digest("components.pair_generator", "components.pair_list", "models.data.features"),
        # Only where it is read: pairs need not be made again whenever another model serves.
        baseline_model=baseline.outputs["model"] if config.pairs.mined else None,
    )
    # Each image once, not once a pair: the normalisation is of images, and serving applies it to single ones.
    transform = Transform(
        examples=images.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn="models.data.preprocessing.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(analyze=[features.TRAIN], transform=[]),
        custom_config={
            "image": config.image.model_dump(mode="json"),
            "normalise": config.encoder.backbone is None,  # a backbone's weights know pixels of their own scale
            "code_digest": code,
        },
        materialize=False,
        disable_statistics=True,
    )
    transform.add_upstream_node(gate)
    enough = new_data(config, site, images, baseline)
    for one in enough:
        one.add_upstream_node(gate)
        pairs.add_upstream_node(one)
        transform.add_upstream_node(one)
    trainer, *tuner = training(config, site, pairs, transform, code)
    reports = {"images_report": images.outputs["report"], "pairs_report": pairs.outputs["report"]}
    nodes: list[BaseNode] = [
        *(images, schema, statistics, validator, gate, *enough, pairs),
        *(transform, *tuner, trainer),
        *gate_and_push(
            config, site, baseline, pairs.outputs["pairs"], trainer.outputs["model"], [gate, *enough], reports
        ),
    ]
    return _pipeline(config, site, [*nodes, *run_report(config, site, nodes)])


def training(
    config: Config, site: Site, pairs: PairGenerator, transform: Transform, code: str
) -> tuple[Trainer] | tuple[Trainer, Tuner]:
    """The Trainer, and the Tuner if a search is configured."""
    given = {
        "examples": pairs.outputs["pairs"],
        "transform_graph": transform.outputs["transform_graph"],
        "train_args": trainer_pb2.TrainArgs(splits=[features.TRAIN]),
        "eval_args": trainer_pb2.EvalArgs(splits=[features.VAL]),
    }
    custom = {
        "model": config.model.model_dump(mode="json"),
        "split": config.split_rule,
        "config_digest": config.recipe_digest(),  # with the full digest, a changed floor would retrain the model
        "code_digest": code,
        "weights_digest": weights_digest(config.encoder),
        "checkpoints": site.checkpoints,
        "hosts": site.hosts,
    }
    search = config.search
    if search is None:
        return (Trainer(run_fn="models.training.trainer.run_fn", **given, custom_config=custom),)
    tuner = Tuner(
        tuner_fn="models.training.tuning.tuner.tuner_fn",
        **given,
        custom_config={**custom, "tuner": search.model_dump(mode="json")},
    )
    best = tuner.outputs["best_hyperparameters"]
    return Trainer(run_fn="models.training.trainer.run_fn", **given, hyperparameters=best, custom_config=custom), tuner


def ingest(config: Config, site: Site) -> tuple[ImageExampleGen, SchemaSource, StatisticsGen]:
    """Ingest: images, schema and statistics."""
    images = ImageExampleGen(
        data_root=site.data_root,
        data_digest=site.data_digest,
        settings=as_json(config.ingest),
        image=as_json(config.image),
        protocol=as_json(config.pairs.protocol.given()),
        seed=config.seed,
        code_digest=code_digest(
            "components.image_example_gen",
            "components.storage.example_encoding",
            "components.pair_list",
            "models.data.image_formats",
            "models.data.gif_frames",
            "models.data.features",
            "models.data.canonical_pixels",
        ),
    )
    reviewed = config.data.schema_file
    limits = config.data.validation
    made = image_schema(config.image, limits.drift, limits.skew)
    schema = SchemaSource(read_reviewed(reviewed) if reviewed else as_text(made))
    statistics = StatisticsGen(examples=images.outputs["examples"], schema=schema.outputs["schema"])
    return images, schema, statistics


def create_data_pipeline(config: Config, site: Site) -> Pipeline:
    """The first nodes of the same graph: a later run reuses their results."""
    return _pipeline(config, site, list(ingest(config, site)))


def served_model(config: Config, site: Site) -> Baseline:
    """The model that serves, if there is one: the baseline of the candidate."""
    return Baseline(
        site.serving_dir,
        site.served,
        config.image,
        code_digest("components.baseline", "components.pusher", "models.export.signatures"),
        config.gates.ignore_baseline if site.ignore_baseline is None else site.ignore_baseline,
    )


def new_data(config: Config, site: Site, images: ImageExampleGen, baseline: Baseline) -> list[NewData]:
    """The gate that ends a run on too few new images before training; empty if ``data.min_new_images`` is not set."""
    if not config.data.min_new_images:
        return []
    gate = NewData(
        images=images.outputs["examples"],
        baseline_model=baseline.outputs["model"],
        baseline=baseline.outputs["found"],
        minimum=config.data.min_new_images,
        ends_run=not site.conditions,
        code_digest=code_digest("components.new_data", "models.data.features", "models.export.seen_images"),
    )
    return [gate]


def model_gates(config: Config, baseline: Baseline, pairs: BaseChannel, model: BaseChannel) -> list[BaseNode]:
    """The gates on a trained model and what they need, in the order in which every view shows them.

    A gate is a node with an output of the type ``GateVerdict``. To add one, add it to the list that is returned:
    docs/how-to/extend.md.

    Args:
      config: the thresholds, among others.
      baseline: the model that serves.
      pairs: Examples whose test split carries pixels.
      model: the candidate.
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
    # First, because its error names the damaged model and the damage; TFMA's comes from deep inside Beam.
    evaluator.add_upstream_node(scores)
    gate = ModelGate(
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
    return [
        scores,
        evaluator,
        gate,
        serving,
    ]


def gate_and_push(
    config: Config,
    site: Site,
    baseline: Baseline,
    pairs: BaseChannel,
    model: BaseChannel,
    data_gates: Sequence[BaseNode] = (),
    reports: Mapping[str, BaseChannel] | None = None,
) -> list[BaseNode]:
    """Everything between a trained model and serving, for any model.

    Args:
      config: of the run.
      site: of the run.
      baseline: the model that serves.
      pairs: Examples whose test split carries pixels.
      model: the candidate.
      data_gates: the gates on the data.
      reports: of the images and pairs, for the model card, by the names of ``run_record.files.SOURCES``.
    """
    nodes = model_gates(config, baseline, pairs, model)
    gates = gate_channels([*data_gates, *nodes])
    outputs = {node.id: node.outputs for node in nodes}
    card = ModelCardWriter(
        {
            **(reports or {}),
            "model": model,
            "evaluation": outputs["Evaluator"]["evaluation"],
            "measures": outputs["ModelGate"]["measures"],
            "baseline": baseline.outputs["found"],
            **gates,
        },
        as_json(config),
        config.digest(),
        site.run_id,
    ).with_id("ModelCard")
    pusher = ServingPusher(
        model=model,
        serving_dir=site.serving_dir,
        gates=gates,
        model_blessing=outputs["Evaluator"]["blessing"],
        infra_blessing=outputs["ServingValidator"]["blessing"],
        baseline=baseline.outputs["found"],
        card=card.outputs["card"],
        keep=config.push.keep,
        config_digest=config.digest(),
        run_id=site.run_id,
    ).with_id("Pusher")
    outcome = OutcomeWriter(
        pushed_model=pusher.outputs["pushed_model"],
        gates=gates,
        pipeline_name=config.name,
        run_id=site.run_id,
        alerts=config.alerts,
    ).with_id("Outcome")
    last = [OutcomeGate(outcome.outputs["outcome"])] if site.refusal_fails else []
    return [baseline, *nodes, card, pusher, outcome, *last]


def run_report(config: Config, site: Site, nodes: list[BaseNode]) -> list[BaseNode]:
    """The report of a run, from the outputs of all other nodes."""
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


def _pipeline(config: Config, site: Site, nodes: list[BaseNode]) -> Pipeline:
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=site.artifacts,
        components=nodes,
        enable_cache=True,
        metadata_connection_config=site.metadata,
        beam_pipeline_args=config.beam.pipeline_args,
    )
