"""The file as the API server reads it: backend/src/apiserver/template/{template,v2_template}.go."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.runners.kubeflow.check.findings import Compiled, Finding, warning
from pipeline.runners.kubeflow.check.platform import PLATFORM_FIELDS

Document = Mapping[str, Any]

SCHEMA_VERSION = "2.1.0"
_FILE, _SECOND = "the file", "the platform document"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_ROOT = re.compile(r"(gs|s3|minio)://[^/]+(/.*)?")
_JOB = (
    "is a PipelineJob, as TFX writes into a .json file; the server accepts a PipelineSpec only and answers: unknown "
    "format. Compile to a .yaml file"
)

# Since kfp-pipeline-spec 0.2.2, whose protos are at hand; read by backends that are newer than 2.5.
_LATER = frozenset(
    {
        *("literals", "singlePlatformSpecs", "taskConfigPassthroughs", "downloadToWorkspace", "cacheKey", "customPath"),
        *("resourceType", "resourceCount"),
        *("resourceCpuLimit", "resourceCpuRequest", "resourceMemoryLimit", "resourceMemoryRequest"),
        *("pipelineConfig", "platform", "config"),
    }
)
_ANY = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})
_MESSAGE = 11  # google.protobuf.FieldDescriptor.TYPE_MESSAGE


def parse(documents: Sequence[Any], pipeline_root: str | None) -> tuple[Compiled | None, list[Finding]]:
    """Parses the documents and checks them as a whole: (None for a file without a pipeline, findings)."""
    found: list[Finding] = []
    spec, platform = _sorted(documents, found)
    if spec is None:
        return None, [*found, Finding(_FILE, "has no pipeline specification; the server answers: unknown format")]
    found += _unknown(spec)
    try:
        json.dumps([spec, platform], allow_nan=False, default=str)
    except ValueError:
        message = "is refused at upload: the server converts it to JSON, which has no .nan, no .inf and no cycles"
        return None, [*found, Finding(_FILE, message)]
    try:
        parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec(), ignore_unknown_fields=True)
        deployment = json_format.ParseDict(
            spec.get("deploymentSpec") or {}, pipeline_spec_pb2.PipelineDeploymentConfig(), ignore_unknown_fields=True
        )
    except (json_format.ParseError, TypeError, AttributeError) as error:  # the latter of protobuf 3: {null: ...}
        return None, [*found, Finding(_FILE, f"is refused at upload: {' '.join(str(error).split())}")]
    found += _whole(parsed, pipeline_root)
    return Compiled(parsed, deployment, _executors(platform, found)), found


def _sorted(documents: Sequence[Any], found: list[Finding]) -> tuple[Document | None, Document | None]:
    """(the pipeline specification, the platform specification); any other document is a finding."""
    spec = platform = None
    for number, document in enumerate(documents, start=1):
        where = f"document {number}"
        if document is None:
            continue
        if not isinstance(document, Mapping):
            found.append(Finding(where, f"must be a mapping, got {type(document).__name__}"))
        elif "platforms" in document:
            if platform is not None:
                found.append(Finding(where, "is a second platform document, which the server refuses"))
            platform = document
        elif "pipelineSpec" in document or "pipelineInfo" in document or "deploymentSpec" in document:
            if spec is not None:
                found.append(Finding(where, "is a second pipeline specification, which the server refuses"))
                continue
            if "pipelineSpec" in document:
                found.append(Finding(where, _JOB))
            spec = document.get("pipelineSpec", document)
        else:
            keys = ", ".join(map(str, document)) or "nothing"
            found.append(Finding(where, f"is ignored: neither a pipeline nor platforms.kubernetes, it has {keys}"))
    return spec, platform


def _unknown(spec: Document) -> list[Finding]:
    found = [
        Finding(path or _FILE, f"has no field {field}, and the server refuses unknown fields{_home(field)}")
        for path, field in unknown_fields(spec, pipeline_spec_pb2.PipelineSpec.DESCRIPTOR)
    ]
    deployment = spec.get("deploymentSpec", {})
    for path, field in unknown_fields(deployment, pipeline_spec_pb2.PipelineDeploymentConfig.DESCRIPTOR):
        where = path.removeprefix("executors.") or "deploymentSpec"
        found.append(Finding(f"executor {where}", f"has no field {field}, and the backend drops it{_home(field)}"))
    return found


def _home(field: str) -> str:
    """Where the field belongs, if that is the other document."""
    home = "; it belongs in the second document, platforms.kubernetes.deploymentSpec.executors"
    return home if field in PLATFORM_FIELDS else ""


def _whole(spec: Any, pipeline_root: str | None) -> list[Finding]:
    found = []
    version = spec.schema_version or "none"
    if version != SCHEMA_VERSION:
        how = "build it with use_pipeline_spec_2_1=True" if version == "2.0.0" else "compile it again"
        found.append(Finding(_FILE, f"the schema version must be {SCHEMA_VERSION}, got {version}; {how}"))
    name = spec.pipeline_info.name
    if not name:
        found.append(Finding(_FILE, "pipelineInfo.name is empty, which the server refuses"))
    elif not _NAME.fullmatch(name.rpartition("/")[2]):
        message = f"the pipeline's name {name} becomes that of pods: lower-case letters, digits, - and . only"
        found.append(Finding(_FILE, message))
    if not spec.root.dag.tasks:
        found.append(Finding(_FILE, "the root has no tasks"))
    root = pipeline_root or spec.default_pipeline_root
    if not root:
        message = "has no pipeline root (TFX omits it from YAML): set --pipeline-root, or artifacts go to "
        found.append(warning(_FILE, message + "the cluster's default"))
    elif not _ROOT.fullmatch(root):
        message = f"the pipeline root {root} must be gs://, s3:// or minio://: the launcher supports no others"
        found.append(Finding(_FILE, message))
    return found


def _executors(platform: Document | None, found: list[Finding]) -> dict[str, Document]:
    """Executor label -> configuration; what the server would ignore is a finding."""
    if platform is None:
        return {}
    for path, field in unknown_fields(platform, pipeline_spec_pb2.PlatformSpec.DESCRIPTOR):
        ignored = "so the server ignores the entire document, with its volumes and secrets"
        found.append(Finding(_SECOND, f"{path or 'it'} has no field {field}, {ignored}"))
    here: Any = platform
    for key in ("platforms", "kubernetes", "deploymentSpec", "executors"):
        if not isinstance(here, Mapping) or key not in here:
            found.append(Finding(_SECOND, f"has no {key}: the server ignores it, with its volumes and secrets"))
            return {}
        here = here[key]
    try:
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, AttributeError) as error:
        why = " ".join(str(error).split())
        found.append(Finding(_SECOND, f"is ignored by the server, with its volumes and secrets: {why}"))
        return {}
    return here or {}


def unknown_fields(document: Any, descriptor: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(where, field) of every field in a document at ``path`` of the file that the message of ``descriptor`` lacks."""
    if descriptor.full_name in _ANY or not isinstance(document, Mapping):
        return
    fields = {field.json_name: field for field in descriptor.fields} | dict(descriptor.fields_by_name)
    if descriptor.GetOptions().map_entry:
        fields = dict.fromkeys(document, fields["value"])
    for key, item in document.items():
        here = f"{path}.{key}" if path else str(key)
        if key not in fields:
            if key not in _LATER and key != "@type":
                yield path, str(key)
        elif fields[key].type == _MESSAGE and isinstance(item, list):
            for number, one in enumerate(item):
                yield from unknown_fields(one, fields[key].message_type, f"{here}[{number}]")
        elif fields[key].type == _MESSAGE:
            yield from unknown_fields(item, fields[key].message_type, here)
