"""Artifacts between the backend, which passes them without types and in buckets, and TFX.

The launcher copies ``minio://bucket/key`` from and to ``/minio/bucket/key``: ``LocalPathForURI`` in
backend/src/v2/component/launcher_v2.go of kubeflow/pipelines. TFX looks at URIs alone, and does not know these folders.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_side
from tfx.types.artifact import Artifact
from tfx.types.value_artifact import ValueArtifact

from models.checksums import checksums

ABSENT = "absent"  # metadata key of a placeholder for no artifact: every output of the backend is one artifact
PLACEHOLDER = ".empty"
CHECKSUM = "checksum"  # metadata key

MOUNT_ROOT = "SIAMESE_MOUNT_ROOT"  # environment: above the folders below; "/" in a pod
_FOLDERS = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}

Artifacts = dict[str, list[Artifact]]
Names = dict[int, str]  # TFX's numeric ids of this execution -> the backend's names


def local_path(uri: str, root: str | None = None) -> str:
    """The path that stands for ``uri`` in the pod; a URI of another kind stays as it is."""
    root = root or os.environ.get(MOUNT_ROOT, "/")
    for scheme, folder in _FOLDERS.items():
        if uri.startswith(scheme):
            return f"{root.rstrip('/')}/{folder}/{uri.removeprefix(scheme)}"
    return uri


class LocalUris:
    """The artifacts of one node by the paths that stand for them, to put the URIs back where paths have leaked."""

    def __init__(self) -> None:
        self._uris: dict[str, str] = {}

    def localise(self, uri: str) -> str:
        """The path that stands for ``uri``, remembered."""
        path = local_path(uri)
        self._uris[path] = uri
        return path

    def restore(self, text: str) -> str:
        """``text`` with every such path, whole or as the beginning of one, turned back into its URI."""
        for path in sorted(self._uris, key=len, reverse=True):  # a longer path may begin with a shorter one
            text = text.replace(path, self._uris[path])
        return text


def prepare(
    executor_input: pipeline_spec_pb2.ExecutorInput, types: Mapping[str, Mapping[str, str]], uris: LocalUris
) -> None:
    """Fills in the types, turns URIs into paths, and drops what is not an artifact of the node.

    That is an input which is only a placeholder, and an output that no component declared: where the server has
    PUBLISH_LOGS on, as a stock one has, the driver adds ``executor-logs``, which the launcher writes itself. The input
    is changed in place; ``types``: "inputs" | "outputs" -> key -> import path of the artifact's class.

    Raises:
      KeyError: an input without a type.
    """
    for key in executor_input.outputs.artifacts.keys() - types["outputs"].keys():
        del executor_input.outputs.artifacts[key]
    directions = {"inputs": executor_input.inputs.artifacts, "outputs": executor_input.outputs.artifacts}
    for direction, lists in directions.items():
        for key, artifacts in lists.items():
            present = [one for one in artifacts.artifacts if ABSENT not in one.metadata.fields]
            del artifacts.artifacts[:]
            artifacts.artifacts.extend(present)
            for artifact in artifacts.artifacts:
                artifact.type.schema_title = types[direction][key]  # TFX reads it as an import path
                artifact.uri = uris.localise(artifact.uri)


def parsed(lists: Any, names: Names) -> Artifacts:
    """TFX's artifacts of a prepared ``ExecutorInput.inputs.artifacts`` or ``outputs.artifacts``."""
    return cast("Artifacts", tfx_side.parse_raw_artifact_dict(lists, names))


def make_room(outputs: Artifacts) -> None:
    """Makes an empty folder for every output; files of an earlier attempt are removed."""
    for artifact in (one for several in outputs.values() for one in several):
        path = Path(artifact.uri)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        (path.parent if isinstance(artifact, ValueArtifact) else path).mkdir(parents=True, exist_ok=True)


def add_checksums(outputs: Artifacts) -> None:
    """Adds to the metadata of each output what its files are: they cross an object store on their way to an input."""
    for artifact in (one for several in outputs.values() for one in several):
        artifact.set_string_custom_property(CHECKSUM, _checksum(Path(artifact.uri)))


def check_inputs(inputs: Artifacts, uris: LocalUris) -> None:
    """Compares each input with what the node that wrote it has recorded; older ones have no record.

    Raises:
      RuntimeError: one has changed; another attempt downloads it again.
    """
    for key, several in inputs.items():
        for artifact in several:
            written = artifact.get_string_custom_property(CHECKSUM)
            if written and (found := _checksum(Path(artifact.uri))) != written:
                raise RuntimeError(
                    f"the input {key} is damaged: {uris.restore(artifact.uri)} has {found}, but {written} were written"
                )


def _checksum(path: Path) -> str:
    files = checksums(path)
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    return f"{sum(one.bytes for one in files.values())} bytes with the checksum {digest[:16]}"


def fill_empty(outputs: Artifacts, folders: Mapping[str, str]) -> None:
    """Writes a file into every output without one: object stores have no empty folders, and would lose the artifact.

    ``folders``: key -> path, from before the executor: an output that it cleared is still expected.
    """
    for key in outputs:
        path = Path(folders[key])
        if not path.is_file() and not any(found.is_file() for found in path.rglob("*")):
            path.mkdir(parents=True, exist_ok=True)
            (path / PLACEHOLDER).write_text("there is nothing in this artifact\n", encoding="utf-8")


def executor_output(
    outputs: Artifacts, folders: Mapping[str, str], names: Names, uris: LocalUris
) -> pipeline_spec_pb2.ExecutorOutput:
    """The executor's outputs as the backend's message, with URIs in the buckets, in metadata too."""
    output = pipeline_spec_pb2.ExecutorOutput()
    known = {0: "", **names}  # new artifacts have no name yet, and TFX would warn
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
    if isinstance(value, dict):  # the backend has no null
        return {key: _restored(item, uris) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_restored(item, uris) for item in value]
    return uris.restore(value) if isinstance(value, str) else value
