"""Results laid out as bytes and taken back, to the last bit: a JSON text and the raw arrays it refers to.

No pickle: nothing that is read back can run anything. Here so that what is kept and what travels are the same bytes.
"""

import json
import zlib
from datetime import date
from typing import Any, Final

import numpy as np

from sim.ground.estimate import Estimate
from sim.ground.faults import FleetError

_MARK: Final = b"FLEET1\n\0"
_TAG: Final = "\u2009is"  # no key of a result begins with a thin space
_KINDS: Final = frozenset("bifu")


class PackError(FleetError):
    """Bytes that no result can be read from."""


def pack(value: Any) -> bytes:
    """Lay out a value: dicts with names, lists, numbers, words, dates, None, estimates, arrays of numbers.

    Raises
    ------
    TypeError
        When there is anything else in it.
    """
    arrays: list[bytes] = []
    text = json.dumps(_plain(value, arrays), separators=(",", ":")).encode()
    header = zlib.compress(text, 1)
    return b"".join([_MARK, len(header).to_bytes(8, "little"), header, *arrays])


def unpack(packed: bytes) -> Any:
    """Take back what ``pack`` laid out.

    Raises
    ------
    PackError
        When it is something else, or not all of it.
    """
    begin = len(_MARK) + 8
    length = int.from_bytes(packed[len(_MARK) : begin], "little")
    if packed[: len(_MARK)] != _MARK or len(packed) < begin + length:
        raise PackError("a result is cut short, or is none")
    try:
        tree = json.loads(zlib.decompress(packed[begin : begin + length]))
        return _value(tree, memoryview(packed)[begin + length :])
    except (zlib.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise PackError(f"a result cannot be read: {error}") from None


def _plain(value: Any, arrays: list[bytes]) -> Any:
    """Turn a value into what JSON holds; floats are written so that they are read back to the last bit."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Estimate):
        return {_TAG: "estimate", "of": [value.value, value.low, value.high, value.se, value.n]}
    if isinstance(value, dict):
        if not all(isinstance(key, str) and key != _TAG for key in value):
            raise TypeError(f"names of a result must be words, got {list(value)[:3]}")
        return {key: _plain(entry, arrays) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry, arrays) for entry in value]
    if isinstance(value, tuple):
        return {_TAG: "tuple", "of": [_plain(entry, arrays) for entry in value]}
    if isinstance(value, date):
        return {_TAG: "date", "of": value.isoformat()}
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        dtype = value.dtype.newbyteorder("<")
        data = np.ascontiguousarray(value).astype(dtype, copy=False).tobytes()
        arrays.append(data if value.dtype.kind == "f" else zlib.compress(data, 1))  # counts are mostly 0
        return {_TAG: "array", "of": [dtype.str, list(value.shape), sum(map(len, arrays[:-1])), len(arrays[-1])]}
    raise TypeError(f"a result holds {type(value).__name__}, which cannot be kept")


def _value(plain: Any, arrays: memoryview) -> Any:
    """Take a value back from what JSON holds."""
    if isinstance(plain, list):
        return [_value(entry, arrays) for entry in plain]
    if not isinstance(plain, dict):
        return plain
    kind = plain.get(_TAG)
    if kind is None:
        return {key: _value(entry, arrays) for key, entry in plain.items()}
    parts: Any = plain["of"]
    if kind == "estimate":
        return Estimate(*parts)
    if kind == "tuple":
        return tuple(_value(entry, arrays) for entry in parts)
    if kind == "date":
        return date.fromisoformat(parts)
    kind_of_numbers, shape, at, length = parts
    dtype = np.dtype(kind_of_numbers)
    if dtype.kind not in _KINDS:
        raise ValueError(f"an array of {dtype}")
    data = arrays[at : at + length]
    return np.frombuffer(data if dtype.kind == "f" else zlib.decompress(data), dtype).reshape(shape).copy()
