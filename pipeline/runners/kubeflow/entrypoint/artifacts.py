"""Artifacts between the backend, which hands them over without types and in buckets, and TFX."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_side
from tfx.types.artifact import Artifact
from tfx.types.value_artifact import ValueArtifact

from pipeline.runners.kubeflow.entrypoint.uris import LocalUris

ABSENT = "absent"  # metadata of an artifact that stands for none: every output of the backend is one artifact
PLACEHOLDER = ".empty"

Artifacts = dict[str, list[Artifact]]
Names = dict[int, str]  # TFX's numeric ids of this execution -> the backend's names


def prepare(
    executor_input: pipeline_spec_pb2.ExecutorInput, types: Mapping[str, Mapping[str, str]], uris: LocalUris
) -> None:
    """Fills in the types, turns URIs into paths, and leaves out what is no artifact of the node.

    That is an input which stands for none, and an output that no component declared: where the server has
    PUBLISH_LOGS on, as a stock one has, the driver adds ``executor-logs``, which the launcher writes itself.

    Args:
      executor_input: changed in place.
      types: "inputs" | "outputs" -> key -> import path of the artifact's class.
      uris: hears of every URI.

    Raises:
      KeyError: an input whose type the compiler did not tell.
    """
    for key in executor_input.outputs.artifacts.keys() - types["outputs"].keys():
        del executor_input.outputs.artifacts[key]
    directions = {"inputs": executor_input.inputs.artifacts, "outputs": executor_input.outputs.artifacts}
    for direction, lists in directions.items():
        for key, artifacts in lists.items():
            there = [one for one in artifacts.artifacts if ABSENT not in one.metadata.fields]
            del artifacts.artifacts[:]
            artifacts.artifacts.extend(there)
            for artifact in artifacts.artifacts:
                artifact.type.schema_title = types[direction][key]  # which TFX takes for an import path
                artifact.uri = uris.localise(artifact.uri)


def parsed(lists: Any, names: Names) -> Artifacts:
    """TFX's artifacts of a prepared ``ExecutorInput.inputs.artifacts`` or ``outputs.artifacts``."""
    artifacts: Artifacts = tfx_side.parse_raw_artifact_dict(lists, names)
    return artifacts


def make_room(outputs: Artifacts) -> None:
    """An empty folder for every output; what an earlier attempt left is removed."""
    for artifact in _each(outputs):
        path = Path(artifact.uri)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        (path.parent if isinstance(artifact, ValueArtifact) else path).mkdir(parents=True, exist_ok=True)


def fill_empty(outputs: Artifacts, folders: Mapping[str, str]) -> None:
    """Puts a file into every output without one: object stores know no empty folders, and lose the artifact.

    Args:
      outputs: what the executor left; an output that it cleared is still expected.
      folders: key -> path, as they were handed out.
    """
    for key in outputs:
        path = Path(folders[key])
        if not path.is_file() and not any(found.is_file() for found in path.rglob("*")):
            path.mkdir(parents=True, exist_ok=True)
            (path / PLACEHOLDER).write_text("there is nothing in this artifact\n", encoding="utf-8")


def executor_output(
    outputs: Artifacts, folders: Mapping[str, str], names: Names, uris: LocalUris
) -> pipeline_spec_pb2.ExecutorOutput:
    """What the executor left, in the backend's words: URIs in the buckets, in metadata too."""
    output = pipeline_spec_pb2.ExecutorOutput()
    known = {0: "", **names}  # new artifacts have no name yet, of which TFX would warn
    for key, artifacts in outputs.items():
        if artifacts:
            runtime = tfx_side.to_runtime_artifact(artifacts[0], known)
            metadata = _restored(json_format.MessageToDict(runtime.metadata), uris)
        else:
            runtime, metadata = pipeline_spec_pb2.RuntimeArtifact(), {ABSENT: 1}
        runtime.uri = uris.restore(folders[key])
        runtime.metadata.Clear()
        runtime.metadata.update(metadata)
        output.artifacts[key].artifacts.append(runtime)
    return output


def _restored(value: Any, uris: LocalUris) -> Any:
    if isinstance(value, dict):  # the backend knows no null
        return {key: _restored(item, uris) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_restored(item, uris) for item in value]
    return uris.restore(value) if isinstance(value, str) else value


def _each(artifacts: Artifacts) -> list[Artifact]:
    return [artifact for several in artifacts.values() for artifact in several]
