"""An artifact's files in a second folder: as hard links where the file system can, else as copies."""

import errno
import os
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

# Other devices, file systems without hard links, too many links to one file, forbidden (protected_hardlinks).
_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def is_local(path: str) -> bool:
    """Whether a path lies in the machine's own file system."""
    return FileSystems.get_scheme(path) is None


def must_copy(source: str, folder: str) -> bool:
    """Whether a file can only be copied into ``folder``, which exists, not linked."""
    return not (is_local(source) and is_local(folder) and Path(source).stat().st_dev == Path(folder).stat().st_dev)


def link_or_copy(sources: list[str], folder: str) -> int:
    """Puts files into a folder under their own names: hard links where possible, copies otherwise.

    Artifacts are never changed once written, so a link is as good as a copy, and stays when the original is removed.

    Returns:
      how many were linked.
    """
    if not FileSystems.exists(folder):
        FileSystems.mkdirs(folder)
    return sum(_link_or_copy(source, FileSystems.join(folder, FileSystems.split(source)[1])) for source in sources)


def _link_or_copy(source: str, target: str) -> bool:
    if FileSystems.exists(target):
        FileSystems.delete([target])
    if is_local(source) and is_local(target):
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
        else:
            return True
    FileSystems.copy([source], [target])
    return False
