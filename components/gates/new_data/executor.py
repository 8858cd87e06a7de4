"""Counts the images that the served model was not trained on; ends the run if they are too few."""

import logging
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifact_types import Artifacts
from components.baseline.report import BaselineReport
from components.gates.new_data.decision import enough_new_data
from components.run_outcome.artifacts import write_verdict
from components.storage.tfrecords import find_shards
from models.data.features import TRAIN, VAL
from models.errors import NotEnoughNewData
from models.export import seen_images

logger = logging.getLogger("siamese.new_data")


class Executor(base_executor.BaseExecutor):
    """Reads the digests of train and val; holds 8 bytes an image."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes the verdict, and ``enough``: whether it passed.

        Raises:
          NotEnoughNewData: fewer images than ``minimum`` are new to the model that serves, and that ``ends_run``.
        """
        images = artifact_utils.get_single_instance(input_dict["images"])
        shards = [
            shard for split in (TRAIN, VAL) for shard in find_shards(artifact_utils.get_split_uri([images], split))
        ]
        model = next(iter(input_dict.get("baseline_model", [])), None)
        seen = seen_images.read(path_utils.serving_model_path(model.uri)) if model else None
        found = BaselineReport.read(artifact_utils.get_single_uri(input_dict["baseline"]))
        verdict = enough_new_data(seen_images.keys_in(shards), seen, found, exec_properties["minimum"])
        reason = f"{verdict.reason}: what serves still serves"
        if not verdict.passed and exec_properties["ends_run"]:
            raise NotEnoughNewData(reason, [verdict])
        write_verdict(artifact_utils.get_single_instance(output_dict["verdict"]), [verdict])
        artifact_utils.get_single_instance(output_dict["enough"]).write(verdict.passed)
        if not verdict.passed:
            details = {"reason": reason, "gates": [verdict.model_dump()]}
            logger.info("%s", reason, extra={"event": "skipped", "details": details})
