"""Pushes a model that every gate passed, through ``serving_folder.push``."""

import json
from pathlib import Path
from typing import Any

from tfx.components.pusher import executor as stock
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from components.artifact_types import Artifacts, write_file
from components.baseline.report import BaselineReport
from components.run_outcome.artifacts import gates_in
from components.serving_folder import serving_folder
from components.serving_folder.push import Blessing, Provenance, push
from components.serving_folder.storage import CARD, link_or_copy
from models.export.manifest import CARD_FILE

BASELINE = "baseline"  # the input; and the prefix of gates that compare with the model that serves
ALREADY_SERVING = "already_serving"
DECLINED = "declined"
PLACEHOLDER = "not-pushed.txt"


class Executor(stock.Executor):
    """The stock executor with increasing versions, complete versions only, and any number of gates.

    Custom properties of ``pushed_model``: ``pushed`` (1 only if this execution pushed), ``already_serving`` (1 where
    the identical model served before), ``pushed_version`` and ``pushed_destination`` in either case. A refused model
    is identical only byte for byte: a truncated copy with the same manifest is refused. A blessed model is not pushed
    either if another version came to serve since it was compared, or if a rollback took this model out of service:
    ``declined`` then has the reason.
    """

    def CheckBlessing(self, input_dict: Artifacts) -> bool:
        """Whether every gate passed and every stock blessing was given; one that is wired but missing is a refusal."""
        blessings = [artifacts for key, artifacts in input_dict.items() if key.endswith("blessing")]
        blessed = all(
            artifacts and all(blessing.get_int_custom_property("blessed") == 1 for blessing in artifacts)
            for artifacts in blessings
        )
        return blessed and all(gate.passed for gate in gates_in(input_dict))

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Pushes ``model`` to the filesystem destination, or marks ``pushed_model`` as not pushed."""
        pushed_model = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        model_dir = self.GetModelPath(input_dict)
        serving_dir = _serving_dir(exec_properties)
        config = json.loads(exec_properties.get(standard_component_specs.CUSTOM_CONFIG_KEY) or "null") or {}

        blessed = self.CheckBlessing(input_dict)
        same = serving_folder.same_as_served(model_dir, serving_dir)
        already = same is not None and (blessed or same.identical)
        pushed_model.set_int_custom_property(ALREADY_SERVING, 0)
        if same is not None and already:
            self._mark_already_serving(pushed_model, same.address, same.version)
        elif blessed:
            provenance = Provenance(
                reason=_reason(input_dict),
                run_id=exec_properties.get("run_id") or None,
                config_digest=config.get("config_digest"),
            )
            found = [BaselineReport.read(one.uri) for one in input_dict.get(BASELINE, [])]
            blessing = Blessing(found[0].version) if found else None
            cards = [path for one in input_dict.get("card", []) if (path := Path(one.uri) / CARD_FILE).is_file()]
            extra = {CARD: cards[0]} if cards else {}
            result = push(model_dir, serving_dir, provenance, config.get("keep"), blessing, extra)
            if result.declined:
                pushed_model.set_string_custom_property(DECLINED, result.declined)
                self._MarkNotPushed(pushed_model)
                write_file(pushed_model, PLACEHOLDER, f"{result.declined}\n")
            elif not result.pushed:  # another run was quicker, with the same model
                self._mark_already_serving(pushed_model, result.address, result.version)
            else:
                link_or_copy(model_dir, pushed_model.uri)
                self._MarkPushed(pushed_model, result.address, str(result.version))
        else:
            self._MarkNotPushed(pushed_model)
            write_file(pushed_model, PLACEHOLDER, "The model was not blessed.\n")

    def _mark_already_serving(self, pushed_model: Artifact, address: str, version: int) -> None:
        self._MarkPushed(pushed_model, address, str(version))
        self._MarkNotPushed(pushed_model)  # not by this execution
        pushed_model.set_int_custom_property(ALREADY_SERVING, 1)
        write_file(pushed_model, PLACEHOLDER, f"The identical model already serves: {address}\n")


def _serving_dir(exec_properties: dict[str, Any]) -> str:
    destination = pusher_pb2.PushDestination()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
    if not destination.filesystem.base_directory:
        raise ValueError(f"push_destination must name filesystem.base_directory, got {destination}")
    return str(destination.filesystem.base_directory)


def _reason(input_dict: Artifacts) -> str:
    """Why the model may serve, in a sentence."""
    if gates := gates_in(input_dict):
        compared = "; ".join(gate.reason for gate in gates if gate.name.startswith(BASELINE))
        return f"every gate passed ({', '.join(gate.name for gate in gates)})" + (f": {compared}" if compared else "")
    blessings = sorted(key for key in input_dict if key.endswith("blessing"))
    return f"blessed by {', '.join(blessings)}" if blessings else "no gate is wired"
