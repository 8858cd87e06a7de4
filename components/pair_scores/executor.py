"""The executor of PairScorer."""

from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifact_types import Artifacts
from components.pair_scores.scoring import PairModel, write_scores
from models.data import features


class Executor(base_executor.BaseExecutor):
    """Custom property of ``scores``: ``pairs``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        scores = artifact_utils.get_single_instance(output_dict["scores"])
        candidate, *baseline = (
            PairModel(path_utils.serving_model_path(artifact.uri))
            for artifact in (*input_dict["model"], *input_dict.get("baseline_model", []))
        )
        test_pairs = artifact_utils.get_split_uri(input_dict["examples"], features.TEST)
        pairs = write_scores(test_pairs, Path(scores.uri), candidate, baseline[0] if baseline else None)
        scores.set_int_custom_property("pairs", pairs)
