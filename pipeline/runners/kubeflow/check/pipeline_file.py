"""The file as the API server takes it: backend/src/apiserver/template/{template,v2_template}.go."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.runners.kubeflow.check.compiled import Compiled
from pipeline.runners.kubeflow.check.field_rules import unknown_fields
from pipeline.runners.kubeflow.check.finding import Fault, warning
from pipeline.runners.kubeflow.check.platform_fields import PLATFORM_FIELDS

Document = Mapping[str, Any]

SCHEMA_VERSION = "2.1.0"
_FILE, _SECOND = "the file", "the platform document"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_ROOT = re.compile(r"(gs|s3|minio)://[^/]+(/.*)?")
_SCHEMAS = {"2.0.0": "build it with use_pipeline_spec_2_1=True"}


def parse(documents: Sequence[Any], pipeline_root: str | None) -> tuple[Compiled | None, list[Fault]]:
    """The documents as the backend parses them, and what is wrong with them as a whole.

    Args:
      documents: of the file, in any order.
      pipeline_root: given at submission; None where the file's own is to do.

    Returns:
      None for a file in which no pipeline can be found.
    """
    found: list[Fault] = []
    spec, platform = _sorted(documents, found)
    if spec is None:
        return None, [*found, Fault(_FILE, "holds no pipeline specification; the server answers: unknown format")]
    found += _unknown(spec)
    try:
        json.dumps([spec, platform], allow_nan=False, default=str)
    except ValueError:
        sentence = "is refused at upload: JSON, which the server makes of it, has no .nan, no .inf and no circles"
        return None, [*found, Fault(_FILE, sentence)]
    try:
        parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec(), ignore_unknown_fields=True)
        deployment = json_format.ParseDict(
            spec.get("deploymentSpec") or {}, pipeline_spec_pb2.PipelineDeploymentConfig(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, TypeError, AttributeError) as error:  # the latter of protobuf 3: {null: ...}
        return None, [*found, Fault(_FILE, f"is refused at upload: {' '.join(str(error).split())}")]
    found += _whole(parsed, pipeline_root)
    return Compiled(parsed, deployment, _executors(platform, found)), found


def _sorted(documents: Sequence[Any], found: list[Fault]) -> tuple[Document | None, Document | None]:
    """(the pipeline specification, the platform specification); what else there is, is told."""
    spec: Document | None = None
    platform: Document | None = None
    for number, document in enumerate(documents, start=1):
        where = f"document {number}"
        if document is None:
            continue
        if not isinstance(document, Mapping):
            found.append(Fault(where, f"must be a mapping, got {type(document).__name__}"))
        elif "platforms" in document:
            if platform is not None:
                found.append(Fault(where, "is a second platform document, which the server refuses"))
            platform = document
        elif "pipelineSpec" in document or "pipelineInfo" in document or "deploymentSpec" in document:
            if spec is not None:
                found.append(Fault(where, "is a second pipeline specification, which the server refuses"))
                continue
            if "pipelineSpec" in document:
                found.append(Fault(where, _JOB))
            spec = document.get("pipelineSpec", document)
        else:
            keys = ", ".join(map(str, document)) or "nothing"
            found.append(Fault(where, f"is passed over: neither a pipeline nor platforms.kubernetes, it has {keys}"))
    return spec, platform


_JOB = (
    "is a PipelineJob, as TFX writes into a .json file; the server takes a PipelineSpec alone and answers: "
    "unknown format. Let TFX write a .yaml file"
)


def _unknown(spec: Document) -> list[Fault]:
    found = [
        Fault(
            path or _FILE,
            f"has no field {field}, and the server refuses what it does not know" + _elsewhere(field, "first"),
        )
        for path, field in unknown_fields(spec, pipeline_spec_pb2.PipelineSpec.DESCRIPTOR)
    ]
    deployment = spec.get("deploymentSpec", {})
    for path, field in unknown_fields(deployment, pipeline_spec_pb2.PipelineDeploymentConfig.DESCRIPTOR):
        where = path.removeprefix("executors.") or "deploymentSpec"
        found.append(
            Fault(f"executor {where}", f"has no field {field}, and the backend drops it" + _elsewhere(field, "first"))
        )
    return found


def _elsewhere(field: str, document: str) -> str:
    """Where the field belongs, if that is the other document."""
    if document == "first" and field in PLATFORM_FIELDS:
        return "; it belongs into the second document, platforms.kubernetes.deploymentSpec.executors"
    return ""


def _whole(spec: Any, pipeline_root: str | None) -> list[Fault]:
    found = []
    version = spec.schema_version or "none"
    if version != SCHEMA_VERSION:
        how = _SCHEMAS.get(version, "compile it anew")
        found.append(Fault(_FILE, f"the server takes schema version {SCHEMA_VERSION} only, this is {version}; {how}"))
    name = spec.pipeline_info.name
    if not name:
        found.append(Fault(_FILE, "pipelineInfo.name is empty, which the server refuses"))
    elif not _NAME.fullmatch(name.rpartition("/")[2]):
        found.append(
            Fault(_FILE, f"the pipeline's name {name} becomes that of pods: lower-case letters, digits, - and . only")
        )
    if not spec.root.dag.tasks:
        found.append(Fault(_FILE, "the root has no tasks"))
    root = pipeline_root or spec.default_pipeline_root
    if not root:
        sentence = "names no pipeline root (TFX leaves it out of YAML): say it at submission, or artifacts go to "
        found.append(warning(_FILE, sentence + "the cluster's default"))
    elif not _ROOT.fullmatch(root):
        found.append(
            Fault(_FILE, f"the pipeline root {root} must be gs://, s3:// or minio://: the launcher copies no others")
        )
    return found


def _executors(platform: Document | None, found: list[Fault]) -> dict[str, Document]:
    """Executor label -> configuration; what the server would pass over is told."""
    if platform is None:
        return {}
    for path, field in unknown_fields(platform, pipeline_spec_pb2.PlatformSpec.DESCRIPTOR):
        told = "so the server passes the whole document over, with its volumes and secrets"
        found.append(Fault(_SECOND, f"{path or 'it'} has no field {field}, {told}"))
    here: Any = platform
    for key in ("platforms", "kubernetes", "deploymentSpec", "executors"):
        if not isinstance(here, Mapping) or key not in here:
            found.append(Fault(_SECOND, f"has no {key}: the server passes it over, with its volumes and secrets"))
            return {}
        here = here[key]
    try:
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, AttributeError) as error:
        why = " ".join(str(error).split())
        found.append(Fault(_SECOND, f"is passed over by the server, with its volumes and secrets: {why}"))
        return {}
    return here or {}
