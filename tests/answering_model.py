"""A model that returns the scores in its Examples, and TFMA with it: any scores, without a training."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_model_analysis.proto import config_pb2

_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


class AnsweringModel(tf.Module):
    """Returns the ``score`` and ``distance`` of each Example."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(self, examples):
        spec = {key: tf.io.FixedLenFeature([], tf.float32) for key in ("score", "distance")}
        return tf.io.parse_example(examples, spec)


def example(**values: Any) -> tf.train.Example:
    """An Example of float, integer and text features; None omits one."""
    found = tf.train.Example()
    for key, value in values.items():
        feature = found.features.feature[key] if value is not None else None
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        elif value is not None:
            feature.float_list.value.append(value)
    return found


def evaluate(root: Path, examples: Iterable[tf.train.Example], config: config_pb2.EvalConfig, baseline: bool) -> str:
    """Runs TFMA as TFX does; returns the folder of the results."""
    model = AnsweringModel()
    tf.saved_model.save(model, str(root / "model"), signatures={"serving_default": model.serving_default})
    with tf.io.TFRecordWriter(str(root / "examples")) as writer:
        for one in examples:
            writer.write(one.SerializeToString())
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=baseline, rubber_stamp=True)
    models = [
        tfma.default_eval_shared_model(str(root / "model"), model_name=spec.name, eval_config=config)
        for spec in config.model_specs
    ]
    tfma.run_model_analysis(
        eval_shared_model=models if baseline else models[0],
        eval_config=config,
        data_location=str(root / "examples"),
        output_path=str(root / "out"),
        pipeline_options=PipelineOptions([f"--runner={_RUNNER}"]),
    )
    return str(root / "out")
