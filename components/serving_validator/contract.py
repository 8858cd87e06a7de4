"""The signatures that clients rely on, and whether a model has them."""

from collections.abc import Mapping
from typing import NamedTuple


class Tensor(NamedTuple):
    """A tensor of a signature: the name of its dtype and its lengths, None where any will do; no lengths: any rank."""

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        lengths = "any shape" if self.shape is None else ["any" if n is None else n for n in self.shape]
        return f"{self.dtype} {lengths}".replace("'", "")


class Signature(NamedTuple):
    """What goes in and what comes out, by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


_STRINGS, _NUMBERS = Tensor("string", (None,)), Tensor("float32", (None,))
_JUDGED = {"score": _NUMBERS, "distance": _NUMBERS}


def contract(embedding: int) -> dict[str, Signature]:
    """The signatures of a model whose embeddings have this many numbers."""
    return {
        "serving_default": Signature({"examples": _STRINGS}, _JUDGED),
        "compare": Signature({"image_a": _STRINGS, "image_b": _STRINGS}, {**_JUDGED, "same": Tensor("bool", (None,))}),
        "embed": Signature({"image": _STRINGS}, {"embedding": Tensor("float32", (None, embedding))}),
    }


def breach(found: Mapping[str, Signature], wanted: Mapping[str, Signature]) -> str | None:
    """The first thing that clients would miss, in a sentence; None where there is none. More signatures are fine."""
    for name, signature in wanted.items():
        if name not in found:
            return f"the signature {name} is missing; there are: {', '.join(sorted(found)) or 'none'}"
        for direction in ("inputs", "outputs"):
            there, promised = getattr(found[name], direction), getattr(signature, direction)
            if there.keys() != promised.keys():
                names = ", ".join(sorted(there)) or "nothing"
                return f"the {direction} of {name} are {names}, not {', '.join(sorted(promised))}"
            for tensor, spec in promised.items():
                if not _fits(there[tensor], spec):
                    return f"{tensor} of {name} is {there[tensor]}, not {spec}"
    return None


def _fits(found: Tensor, wanted: Tensor) -> bool:
    """Lengths that the graph leaves open are seen from the answers."""
    if found.dtype != wanted.dtype:
        return False
    if found.shape is None or wanted.shape is None:
        return True
    if len(found.shape) != len(wanted.shape):
        return False
    lengths = zip(found.shape, wanted.shape, strict=True)
    return all(there == promised or there is None for there, promised in lengths)
