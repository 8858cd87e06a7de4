"""What is passed over in a folder of images, because a system, an editor or this product put it there.

Four kinds, each counted, whatever lies below it counted once:

* **Hidden** files and folders: their names begin with a dot (``.git``, ``.DS_Store``, ``.ipynb_checkpoints``,
  QNAP's ``.@__thumb``, macOS's ``._1.jpg``).
* **Names of systems** (``SYSTEM_NAMES``, or the names of ``data.skip`` instead), in any case.
* **Output folders** of this product, which hold a file ``OUTPUT_MARKER``, or, of a release before it, what each run
  leaves; and serving folders.
* **Links** to folders that the walk is in, or was led to by them before.
"""

from collections.abc import Container, Iterable

# Folders, with thumbnails, copies and deleted images. Single files of systems, such as Thumbs.db, are no images.
SYSTEM_NAMES = (
    # NAS: Synology, QNAP, NetApp and others
    *("@eaDir", "@tmp", "@SynoResource", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "@__thumb"),
    *("~snapshot", "lost+found", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder"),
    # macOS, Windows, Python
    *("__MACOSX", "$RECYCLE.BIN", "RECYCLER", "System Volume Information", "FOUND.000", "__pycache__"),
)
OUTPUT_MARKER = ".siamese-output"
# What is counted, beside the names.
HIDDEN, OUTPUT, LINKS = "hidden", "output of siamese", "links to folders walked already"

_OF_OUTPUT = ({OUTPUT_MARKER}, {"metadata.sqlite", "artifacts", "runs"}, {".history", ".lock"})


class Skips:
    """Decides what is passed over in one walk, and counts it.

    Args:
      names: of files and folders, in any case; default: those of systems.
    """

    def __init__(self, names: Iterable[str] = SYSTEM_NAMES) -> None:
        self._names = {name.casefold(): name for name in names}
        self._found: dict[str, set[str]] = {}

    def skips(self, path: str) -> bool:
        """Whether a path, or a folder on the way to it, is hidden or a system's."""
        parts = path.split("/")
        for depth, part in enumerate(parts, start=1):
            kind = HIDDEN if part.startswith(".") else self._names.get(part.casefold())
            if kind:
                self._add(kind, "/".join(parts[:depth]))
                return True
        return False

    def skips_output(self, folder: str, names: Container[str]) -> bool:
        """Whether a folder, of which the names in it are given, is one that this product writes to."""
        if any(all(name in names for name in several) for several in _OF_OUTPUT):
            self._add(OUTPUT, folder)
            return True
        return False

    def add_link(self, path: str) -> None:
        """Counts a link to a folder that is not followed."""
        self._add(LINKS, path)

    def kept(self, paths: Iterable[str]) -> list[str]:
        """The paths of files, of all below a folder, that are not passed over; in their order."""
        paths = list(paths)
        marked = tuple(path.rpartition("/")[0] + "/" for path in paths if path.endswith(f"/{OUTPUT_MARKER}"))
        kept = []
        for path in paths:
            if marked and path.startswith(marked):
                self._add(OUTPUT, next(folder for folder in marked if path.startswith(folder)).rstrip("/"))
            elif not self.skips(path):
                kept.append(path)
        return kept

    def counts(self) -> dict[str, int]:
        """How many files and folders were passed over, by kind."""
        return {kind: len(paths) for kind, paths in sorted(self._found.items())}

    def _add(self, kind: str, path: str) -> None:
        self._found.setdefault(kind, set()).add(path)
