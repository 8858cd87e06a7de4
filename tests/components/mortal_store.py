"""An object store through a process that dies at a given step."""

from fsspec.implementations.memory import MemoryFileSystem


class Died(BaseException):
    """Stands for the end of the process: no cleanup that catches exceptions alone may stop it."""


class MortalFileSystem(MemoryFileSystem):
    """The store in memory, of a process that dies before or after its n-th change; dead, it changes nothing."""

    protocol = "mortal"
    cachable = False
    die_at: int | None = None
    changes = 0

    @classmethod
    def _strip_protocol(cls, path):
        return MemoryFileSystem._strip_protocol(str(path).removeprefix("mortal://"))

    @classmethod
    def restart(cls, die_at: int | None) -> None:
        cls.die_at, cls.changes = die_at, 0

    def _step(self) -> None:
        cls = type(self)
        cls.changes += 1
        if cls.die_at is not None and cls.changes >= cls.die_at:
            raise Died(f"at step {cls.changes}")

    def _open(self, path, mode="rb", **kwargs):
        if mode == "rb":
            return super()._open(path, mode, **kwargs)
        self._step()
        opened = super()._open(path, mode, **kwargs)  # an object of no bytes yet
        self._step()
        return opened

    def _rm(self, path):
        self._step()
        super()._rm(path)
        self._step()
