"""Fields that the backend does not know: protojson refuses them, and the server says no more than "unknown format"."""

from collections.abc import Iterator, Mapping
from typing import Any

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
_STRING, _MESSAGE, _BYTES = 9, 11, 12  # google.protobuf.FieldDescriptor.TYPE_*


def unknown_fields(document: Any, descriptor: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(where, field) of every field in a JSON-like document that its message does not have.

    Args:
      document: what should be the message, as protobuf's JSON has it.
      descriptor: of the message.
      path: of the document in the file.
    """
    if descriptor.full_name in _ANY or not isinstance(document, Mapping):
        return
    if descriptor.GetOptions().map_entry:
        value = descriptor.fields_by_name["value"]
        for key, item in document.items():
            yield from _within(item, value, f"{path}.{key}" if path else str(key))
        return
    fields = {field.json_name: field for field in descriptor.fields} | dict(descriptor.fields_by_name)
    for key, item in document.items():
        here = f"{path}.{key}" if path else str(key)
        if key in fields:
            yield from _within(item, fields[key], here)
        elif key not in _LATER and key != "@type":
            yield path, str(key)


def _within(item: Any, field: Any, path: str) -> Iterator[tuple[str, str]]:
    if field.type != _MESSAGE:
        return
    if isinstance(item, list):
        for number, one in enumerate(item):
            yield from unknown_fields(one, field.message_type, f"{path}[{number}]")
    else:
        yield from unknown_fields(item, field.message_type, path)
