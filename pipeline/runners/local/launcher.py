"""TFX's launcher of one node, which takes from the cache only artifacts that are as they were written."""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from tfx.orchestration.portable import cache_utils, launcher
from tfx.types.artifact import Artifact

from components.storage.artifact_checksums import checksums_file, damage, write_checksums
from models.addresses import is_address

progress = logging.getLogger("siamese.progress")


class Launcher(launcher.Launcher):
    """Writes the checksums of the artifacts of a node that has succeeded, before the metadata store names them.

    A damaged artifact of an earlier run is reported, and the node runs again. What lies in the folder of a new artifact
    is of a run that the metadata store does not know, and is removed.

    Of the launchers of a run one at a time is at work, but for their executors: ``writing`` is locked.
    """

    def __init__(self, writing: Lock, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._writing, self._held = writing, False

    def launch(self) -> Any:
        self._writing.acquire()
        self._held = True
        try:
            return super().launch()
        finally:
            if self._held:  # a signal may have come where it was not
                self._writing.release()

    def _prepare_execution(self) -> Any:
        with _verified_cache():
            return super()._prepare_execution()

    def _run_executor(self, execution_info: Any) -> Any:
        folders = _folders(execution_info.output_dict)
        for folder in folders:
            if folder.is_dir():
                shutil.rmtree(folder)
            else:
                folder.unlink(missing_ok=True)
            checksums_file(folder).unlink(missing_ok=True)
        self._held = False
        self._writing.release()
        try:
            result = super()._run_executor(execution_info)
        finally:
            self._writing.acquire()
            self._held = True
        for folder in folders:
            write_checksums(folder)
        return result


@contextmanager
def _verified_cache() -> Iterator[None]:
    """TFX asks this function whether the artifacts of a cached execution exist; here also whether they are intact."""
    stock = cache_utils.artifact_utils.verify_artifacts
    found: dict[Path, str | None] = {}  # several executions may name an artifact

    def verify(artifacts: Mapping[str, Sequence[Artifact]]) -> None:
        for folder in _folders(artifacts):
            if folder not in found:
                found[folder] = damage(folder)
                if found[folder]:
                    progress.info("damaged, and made again: %s", found[folder])
            if found[folder]:
                raise RuntimeError(found[folder])
        stock(artifacts)

    cache_utils.artifact_utils.verify_artifacts = verify
    try:
        yield
    finally:
        cache_utils.artifact_utils.verify_artifacts = stock


def _folders(artifacts: Mapping[str, Sequence[Artifact]]) -> list[Path]:
    return [Path(one.uri) for several in artifacts.values() for one in several if one.uri and not is_address(one.uri)]
