"""What a serialized tf.Example holds, before it is parsed: a few bytes of it can take a hundred times the memory.

A pair Example has eight features of one value each. Protocol Buffers parse an empty feature, an empty string or a
number, of one to four bytes each, into an object, so their number is bounded first.
"""

MAX_FIELDS = 2048

_LENGTH = 2  # the wire type of fields with a length
_SKIPPED = {1: 8, 5: 4}  # bytes of a fixed value by its wire type
# The numbers of the fields that are messages: of Example, Features, an entry of its map, Feature, and of the lists.
_MESSAGES: tuple[tuple[int, ...], ...] = ((1,), (1,), (2,), (1, 2, 3), ())
_LIST = len(_MESSAGES) - 1
_BYTES_LIST = 1


def few_fields(serialized: bytes) -> bool:
    """Whether a serialized Example holds at most ``MAX_FIELDS`` fields and numbers.

    Raises:
      ValueError: not a message; none that is too short for as many is looked at.
    """
    left = MAX_FIELDS
    if len(serialized) <= left:  # each takes a byte at least
        return True
    parts = [(0, len(serialized), 0, True)]  # (begin, end, depth, whether values are strings)
    while parts:
        at, end, depth, strings = parts.pop()
        while at < end:
            left -= 1
            if left < 0:
                return False
            tag, at = _varint(serialized, at, end)
            number, kind = tag >> 3, tag & 7
            if kind == _LENGTH:
                length, at = _varint(serialized, at, end)
                if length > end - at:
                    raise ValueError("cut short")
                if depth == _LIST and not strings:
                    left -= length  # packed numbers
                elif number in _MESSAGES[depth]:
                    parts.append((at, at + length, depth + 1, number == _BYTES_LIST))
                at += length
            elif kind == 0:
                _, at = _varint(serialized, at, end)
            elif kind in _SKIPPED:
                at += _SKIPPED[kind]
            else:
                raise ValueError("a group, or no wire type")
    return left >= 0


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("no number")
