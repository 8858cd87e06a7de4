"""A list of images with whom they show, CSV or JSON lines, beside the images."""

import hashlib
import posixpath

from components.image_example_gen.sources.layouts import counted
from components.image_example_gen.sources.manifest_rows import ManifestRow, read_rows
from components.image_example_gen.sources.source import STRAY, Found, Listing, PlaceReader, SetAside, digest_of
from components.storage.files import File, Place
from components.storage.list_errors import LineErrors
from models.errors import UserError

MISSING = "missing"


class ManifestSource:
    """``path,identity[,group][,split][,impostor_of]``; paths are relative to the manifest's folder.

    A row with ``impostor_of`` is a forgery: its image pretends to show that identity. ``identity`` then names who made
    it, or is empty; either way it is nobody's genuine image, so that it gets an identity of its own.

    Args:
      place: the manifest's folder.
      name: of its file.
    """

    def __init__(self, place: Place, name: str) -> None:
        self._place, self._name = place, name

    def list(self) -> Listing:
        rows = read_rows(self._address, self._data())
        files = self._files()
        found: list[Found] = []
        set_aside: list[SetAside] = []
        mistakes = LineErrors(self._address)
        for row in sorted(rows, key=lambda row: row.path):
            file = files.get(row.path)
            if file is None:
                set_aside.append(SetAside(row.path, f"{MISSING}: no such file", 0))
            elif self._place.leaves(file):
                mistakes.add(row.line, f"{row.path!r} is a link that leaves the manifest's folder")
            elif not file.regular:
                set_aside.append(SetAside(row.path, f"{STRAY}: not a regular file", 0))
            else:
                found.append(_found(row, file))
        mistakes.check()
        if not found:
            first = min(rows, key=lambda row: row.line)
            raise UserError(
                f"{self._address}: none of its {len(rows):,} images is there; line {first.line} would be "
                f"{self._place.address}/{first.path}"
            )
        return Listing(counted(found), set_aside)

    def fingerprint(self) -> str:
        data, files = self._data(), self._files()
        paths = sorted(row.path for row in read_rows(self._address, data))
        facts = [(path, files[path].bytes, files[path].changed) if path in files else (path,) for path in paths]
        return digest_of([(hashlib.sha256(data).hexdigest(),), *facts])

    def reader(self) -> PlaceReader:
        return PlaceReader(self._place)

    @property
    def _address(self) -> str:
        return posixpath.join(self._place.address, self._name)

    def _data(self) -> bytes:
        try:
            with self._place.open(self._name) as file:
                return file.read()
        except OSError as error:
            raise UserError(f"{self._address}: cannot be read: {error.strerror or error}") from None

    def _files(self) -> dict[str, File]:
        return {file.path: file for file in self._place.files()}


def _found(row: ManifestRow, file: File) -> Found:
    identity = row.identity
    if row.impostor_of:
        identity = f"{row.impostor_of} forged{f' by {row.identity}' if row.identity else ''}: {row.path}"
    return Found(row.path, identity, row.group, row.split, row.impostor_of, bytes=file.bytes)
