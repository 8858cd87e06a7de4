"""The executor of Baseline: copies the served model into a Model artifact, or emits none."""

from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifact_types import Artifacts, write_file
from components.baseline.report import BaselineReport
from components.serving_folder import serving_folder
from models.addresses import by_plain_name
from models.errors import UserError
from models.export.manifest import ModelManifest
from models.export.saved_model import blank_pair
from models.settings import ImageSettings

MODEL, FOUND = "model", "found"
PLACEHOLDER = "no-baseline.txt"
_SIGNATURE = "serving_default"


class Executor(base_executor.BaseExecutor):
    """Custom properties of ``model``: ``version`` (of the serving folder) and ``model_digest``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Copies the model that serves now; on a schedule, ``served`` is as old as the compilation.

        Raises:
          UserError: the model that serves cannot score the pairs of this pipeline.
        """
        model = artifact_utils.get_single_instance(output_dict[MODEL])
        found = artifact_utils.get_single_instance(output_dict[FOUND])
        serving_dir, ignored = exec_properties["serving_dir"], exec_properties.get("ignore_version")
        image = ImageSettings.model_validate_json(exec_properties["image"])

        copy = path_utils.serving_model_dir(model.uri)
        version = next(iter(serving_folder.versions(serving_dir)[-1:]), None)
        if version is not None and version != ignored:
            version = _fetch(serving_dir, version, copy)
        if version in (None, ignored):
            report = BaselineReport(status="none" if version is None else "ignored", version=version)
            logging.info("No baseline: %s", report.absence)
            write_file(model, PLACEHOLDER, f"{report.absence}\n")  # the folder remains, and Kubeflow drops an empty one
            output_dict[MODEL].clear()
        else:
            if why := incompatibility(copy, image):
                raise _no_comparison(serving_dir, int(version), why)
            report = BaselineReport(
                status="served", version=version, model_digest=serving_folder.digest(copy), **_of_manifest(copy)
            )
            model.set_int_custom_property("version", version)
            model.set_string_custom_property("model_digest", str(report.model_digest))
        report.write(found.uri)
        found.set_string_custom_property("status", report.status)
        found.set_int_custom_property("version", version or 0)


def _fetch(serving_dir: str, version: int, copy: str) -> int | None:
    try:
        return serving_folder.fetch_served(serving_dir, copy)
    except UserError as error:
        raise _no_comparison(serving_dir, version, str(error)) from None


def _no_comparison(serving_dir: str, version: int, why: str) -> UserError:
    return UserError(
        f"{serving_dir}: version {version}, which serves, cannot be compared with: {why}. Serve another version "
        f"(siamese rollback), or train without this comparison: --set gates.ignore_baseline={version}",
        "model-not-comparable",
    )


def _of_manifest(model_dir: str) -> dict[str, Any]:
    try:
        manifest = ModelManifest.read(model_dir)
    except UserError:  # a model of another project with the same signature
        return {}
    return {"split": manifest.split, "image": manifest.image.model_dump(mode="json")}


def incompatibility(model_dir: str, image: ImageSettings) -> str | None:
    """Why a SavedModel cannot score pairs of this size, in half a sentence; None if it can."""
    try:
        with by_plain_name(model_dir) as folder:
            model = tf.saved_model.load(folder)
    except Exception as error:  # noqa: BLE001 - a damaged file can raise any class
        return f"it cannot be loaded ({_brief(error)})"
    if _SIGNATURE not in model.signatures:
        return f"it has no signature {_SIGNATURE}"
    pairs = tf.constant([blank_pair(image)] * 2)
    try:
        outputs = model.signatures[_SIGNATURE](pairs)
    except Exception as error:  # noqa: BLE001 - a foreign signature can raise any class
        return f"its signature {_SIGNATURE} rejects pair Examples of {image.height}x{image.width} ({_brief(error)})"
    for name in ("score", "distance"):
        if name not in outputs:
            return f"its signature {_SIGNATURE} has no output {name}, but {', '.join(sorted(outputs))}"
        values = outputs[name].numpy()
        if values.shape != (2,):
            return f"its {name} has the shape {list(values.shape)} for two pairs"
        if not np.isfinite(values).all():
            return f"its {name} is not a finite number"
    return None


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}"
