"""The graph: only wiring."""

from collections.abc import Mapping, Sequence

from tfx.components import ExampleValidator, StatisticsGen, Trainer, Transform, Tuner
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types.channel import BaseChannel

from components.baseline.component import Baseline
from components.evaluator.component import Evaluator
from components.gates.anomaly_gate.component import AnomalyGate
from components.gates.model_gate.component import ModelGate
from components.gates.new_data.component import NewData
from components.gates.serving_validator.component import serving_validator
from components.image_example_gen.component import ImageExampleGen
from components.model_card.component import ModelCardWriter
from components.pair_generator.component import PairGenerator
from components.pair_scores.component import PairScorer
from components.pusher.component import ServingPusher
from components.run_outcome.artifacts import gate_channels
from components.run_outcome.component import OutcomeGate, OutcomeWriter
from components.run_record.files import SOURCES
from components.run_report.component import RunReport
from components.schema_source.component import SchemaSource
from components.schema_source.image_schema import as_text, image_schema, read_reviewed
from models.code_digest import code_digest
from models.data import features
from pipeline.config.configuration import Config, as_json
from pipeline.environment.pretrained import weights_digest
from pipeline.environment.run_environment import RunEnvironment
from pipeline.evaluation import eval_config

# What TFX's components import by name. Their results hold for one state of this code, as those of our components do.
PREPROCESSING_FN = "models.data.preprocessing.preprocessing_fn"
RUN_FN = "models.training.trainer.run_fn"
TUNER_FN = "models.training.tuner.tuner_fn"


def create_pipeline(config: Config, environment: RunEnvironment) -> Pipeline:
    """The same graph for every runner: from images to a model in serving, or to the reasons against it."""
    images, schema, statistics = ingest(config, environment)
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
    )
    baseline = served_model(config, environment)
    pairs = PairGenerator(
        images=images.outputs["examples"],
        gate=gate.outputs["verdict"],
        settings=config.pairs,
        seed=config.seed,
        # Only where it is read: pairs need not be made again whenever another model serves.
        baseline_model=baseline.outputs["model"] if config.pairs.mined else None,
    )
    # Each image once, not once a pair: the normalisation is of images, and serving applies it to single ones.
    transform = Transform(
        examples=images.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn=PREPROCESSING_FN,
        splits_config=transform_pb2.SplitsConfig(analyze=[features.TRAIN], transform=[]),
        custom_config={
            "image": config.image.model_dump(mode="json"),
            "normalise": config.encoder.normalised,
            "code_digest": code_digest(PREPROCESSING_FN),
        },
        materialize=False,
        disable_statistics=True,
    )
    transform.add_upstream_node(gate)
    enough = new_data(config, environment, images, baseline)
    for one in enough:
        one.add_upstream_node(gate)
        pairs.add_upstream_node(one)
        transform.add_upstream_node(one)
    trainer, *tuner = training(config, environment, pairs, transform)
    reports = {"images_report": images.outputs["report"], "pairs_report": pairs.outputs["report"]}
    nodes: list[BaseNode] = [
        *(images, schema, statistics, validator, gate, *enough, pairs),
        *(transform, *tuner, trainer),
        *gate_and_push(
            config, environment, baseline, pairs.outputs["pairs"], trainer.outputs["model"], [gate, *enough], reports
        ),
    ]
    return _pipeline(config, environment, [*nodes, *run_report(config, environment, nodes)])


def training(
    config: Config, environment: RunEnvironment, pairs: PairGenerator, transform: Transform
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
        "code_digest": code_digest(RUN_FN),
        "weights_digest": weights_digest(config.encoder, kept=environment.metadata is not None),
        "checkpoints": environment.checkpoints,
        "hosts": environment.hosts,
    }
    search = config.search
    if search is None:
        return (Trainer(run_fn=RUN_FN, **given, custom_config=custom),)
    tuner = Tuner(
        tuner_fn=TUNER_FN,
        **given,
        custom_config={**custom, "code_digest": code_digest(TUNER_FN), "tuner": search.model_dump(mode="json")},
    )
    best = tuner.outputs["best_hyperparameters"]
    return Trainer(run_fn=RUN_FN, **given, hyperparameters=best, custom_config=custom), tuner


def ingest(config: Config, environment: RunEnvironment) -> tuple[ImageExampleGen, SchemaSource, StatisticsGen]:
    """Ingest: images, schema and statistics."""
    images = ImageExampleGen(
        data_root=environment.data_root,
        data_digest=environment.data_digest,
        settings=config.ingest,
        image=config.image,
        protocol=config.pairs.protocol.given(),
        seed=config.seed,
    )
    reviewed = config.data.schema_file
    limits = config.data.validation
    made = image_schema(config.image, limits.drift, limits.skew)
    schema = SchemaSource(schema_text=read_reviewed(reviewed) if reviewed else as_text(made))
    statistics = StatisticsGen(examples=images.outputs["examples"], schema=schema.outputs["schema"])
    return images, schema, statistics


def create_data_pipeline(config: Config, environment: RunEnvironment) -> Pipeline:
    """The first nodes of the same graph: a later run reuses their results."""
    return _pipeline(config, environment, list(ingest(config, environment)))


def served_model(config: Config, environment: RunEnvironment) -> Baseline:
    """The model that serves, if there is one: the baseline of the candidate."""
    ignored = config.gates.ignore_baseline if environment.ignore_baseline is None else environment.ignore_baseline
    return Baseline(
        serving_dir=environment.serving_dir,
        served=environment.served,
        image=config.image,
        ignore_version=ignored,
    )


def new_data(config: Config, environment: RunEnvironment, images: ImageExampleGen, baseline: Baseline) -> list[NewData]:
    """The gate that ends a run on too few new images before training; empty if ``data.min_new_images`` is not set."""
    if not config.data.min_new_images:
        return []
    return [
        NewData(
            images=images.outputs["examples"],
            baseline_model=baseline.outputs["model"],
            baseline=baseline.outputs["found"],
            minimum=config.data.min_new_images,
            ends_run=not environment.conditions,
        )
    ]


def model_gates(config: Config, baseline: Baseline, pairs: BaseChannel, model: BaseChannel) -> list[BaseNode]:
    """The gates on a trained model and what they need, in the order in which every view shows them.

    A gate is a node with an output of the type ``GateVerdict``. To add one, add it to the list that is returned:
    docs/how-to/extend.md. ``pairs`` are Examples whose test split carries pixels.
    """
    evaluator = Evaluator(
        examples=pairs,
        model=model,
        baseline_model=baseline.outputs["model"],
        example_splits=[features.TEST],
        eval_config=eval_config(config.gates, config.measures, code_digest(Evaluator)),
    )
    scores = PairScorer(
        examples=pairs,
        model=model,
        baseline_model=baseline.outputs["model"],
    ).with_id("PairScores")
    # First, because its error names the damaged model and the damage; TFMA's comes from deep inside Beam.
    evaluator.add_upstream_node(scores)
    gate = ModelGate(
        scores=scores.outputs["scores"],
        model=model,
        baseline_model=baseline.outputs["model"],
        baseline=baseline.outputs["found"],
        gates=config.gates,
        measures_settings=config.measures,
        split=config.split_rule,
        seed=config.seed,
    )
    serving = serving_validator(
        config.serving_validator,
        model=model,
        examples=pairs,
        scores=scores.outputs["scores"],
    )
    return [
        scores,
        evaluator,
        gate,
        serving,
    ]


def gate_and_push(
    config: Config,
    environment: RunEnvironment,
    baseline: Baseline,
    pairs: BaseChannel,
    model: BaseChannel,
    data_gates: Sequence[BaseNode] = (),
    reports: Mapping[str, BaseChannel] | None = None,
) -> list[BaseNode]:
    """Everything between a trained model and serving, for any model.

    ``reports`` are of the images and pairs, for the model card, by the names of ``run_record.files.SOURCES``.
    """
    nodes = model_gates(config, baseline, pairs, model)
    gates = gate_channels([*data_gates, *nodes])
    outputs = {node.id: node.outputs for node in nodes}
    card = ModelCardWriter(
        **(reports or {}),
        model=model,
        evaluation=outputs["Evaluator"]["evaluation"],
        measures=outputs["ModelGate"]["measures"],
        baseline=baseline.outputs["found"],
        **gates,
        config=as_json(config),
        config_digest=config.digest(),
        run_id=environment.run_id,
    ).with_id("ModelCard")
    pusher = ServingPusher(
        model=model,
        serving_dir=environment.serving_dir,
        **gates,
        model_blessing=outputs["Evaluator"]["blessing"],
        infra_blessing=outputs["ServingValidator"]["blessing"],
        baseline=baseline.outputs["found"],
        card=card.outputs["card"],
        keep=config.push.keep,
        config_digest=config.digest(),
        run_id=environment.run_id,
    ).with_id("Pusher")
    outcome = OutcomeWriter(
        pushed_model=pusher.outputs["pushed_model"],
        **gates,
        pipeline_name=config.name,
        run_id=environment.run_id,
        alerts=config.alerts,
    ).with_id("Outcome")
    last = [OutcomeGate(outcome=outcome.outputs["outcome"])] if environment.refusal_fails else []
    return [baseline, *nodes, card, pusher, outcome, *last]


def run_report(config: Config, environment: RunEnvironment, nodes: list[BaseNode]) -> list[BaseNode]:
    """The report of a run, from the outputs of all other nodes."""
    found = {node.id: node for node in nodes}
    codes = {name: found[name].exec_properties["code_digest"] for name in ("ImageExampleGen", "PairGenerator")}
    return [
        RunReport(
            **{name: found[node].outputs[key] for name, (node, key) in SOURCES.items() if node in found},
            run_id=environment.run_id,
            config=as_json(config),
            config_digest=config.digest(),
            data_root=environment.data_root,
            codes=as_json({**codes, "Trainer": code_digest(RUN_FN)}),
        )
    ]


def _pipeline(config: Config, environment: RunEnvironment, nodes: list[BaseNode]) -> Pipeline:
    return Pipeline(
        pipeline_name=config.name,
        pipeline_root=environment.artifacts,
        components=nodes,
        enable_cache=True,
        metadata_connection_config=environment.metadata,
        beam_pipeline_args=config.beam.pipeline_args,
    )
