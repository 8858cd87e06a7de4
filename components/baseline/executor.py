"""Copies the served model into a Model artifact, or emits none."""

from pathlib import Path
from typing import Any

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from components.pusher import serving_folder

MODEL = "model"
PLACEHOLDER = "no-baseline.txt"


class Executor(base_executor.BaseExecutor):
    """Custom properties of ``model``: ``version`` (of the serving folder) and ``model_digest``."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Takes what serves at this moment: on a schedule, ``served_digest`` is as old as the compilation."""
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(output_dict[MODEL])
        current = serving_folder.served(exec_properties["serving_dir"])
        if current is None:
            logging.info("No baseline: nothing serves in %s", exec_properties["serving_dir"])
            # The folder stays behind, and on Kubeflow an empty one is lost.
            Path(model.uri).mkdir(parents=True, exist_ok=True)
            (Path(model.uri) / PLACEHOLDER).write_text("Nothing serves yet.\n", encoding="utf-8")
            output_dict[MODEL].clear()
            return
        serving_folder.link_or_copy(current, path_utils.serving_model_dir(model.uri))
        model.set_int_custom_property("version", int(current.name))
        model.set_string_custom_property("model_digest", serving_folder.digest(current))
