"""How an array of a segment becomes bytes that compress well, and back.

* `raw`: as it is.
* `low`: u64 a unit that divides all (thousands, where microseconds are whole milliseconds), then
  how often it goes in: integers in as few bytes as the greatest needs, first all lowest bytes, then
  the next.
* `delta`: differences of neighbours (zigzag: 0, -1, 1, -2 are 0, 1, 2, 3), without a unit.
* `fresh`: codes of texts that are numbered as they first appear: 0 where the next new one stands,
  1 for none, else 1 + how far back; without a unit.
* `hex`: texts of one length that differ in hexadecimal digits only: u16 length, the first text, for
  each place whether it differs (0, 1), then the digits, two a byte.
* `pairs`: ascending u32, the lower 8 bits, then the differences of the others.
* `steps`: ascending u32, their differences: shorter where most are less than 256.

zstd does the rest; the decoders bound what they make by the length that the table of arrays says.
"""

from collections.abc import Callable

import numpy as np

from whodid.native import native

Array = np.ndarray
_NIBBLE = np.full(256, 255, dtype=np.uint8)
_NIBBLE[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)
_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_HEX_BYTES_MAX = 256
_ONE = np.uint64(1)
_LOOKED_AT = 64
_CODES = (np.dtype(np.uint16), np.dtype(np.uint32))


def encodings(name: str, arrays: dict[str, Array]) -> list[tuple[str, bytes]]:
    """Return (coding, bytes) of the ways to write an array that are worth a try."""
    array, field, suffix = arrays[name], name[:-1], name[-1]
    if suffix == "$":
        packed = _hex(arrays[f"{field}@"], array)
        return [("raw", array.tobytes()) if packed is None else ("hex", packed)]
    if suffix in "@<":
        return [("delta", _delta(array))]
    if array.dtype == np.int64:
        return [("low", _low(array)), ("delta", _delta(array))]
    ways = [("raw", array.tobytes())]
    fresh = _fresh(array) if array.dtype in _CODES and suffix != ">" else None
    return ways if fresh is None else [*ways, ("fresh", fresh)]


def decode(coding: str, data: bytes, dtype: str, count: int) -> Array:
    """Return the array again. Raises ValueError for bytes that `encodings` never wrote."""
    decoder = _DECODERS.get(coding)
    if decoder is None:
        raise ValueError(f"an array in the unknown coding {coding!r}")
    array = decoder(data, np.dtype(dtype), count)
    if len(array) != count:
        raise ValueError("an array of another length than the table says")
    return array


# --- whole numbers ---------------------------------------------------------------------------


def _low(array: Array) -> bytes:
    numbers = _zigzag(array) if array.dtype == np.int64 else array.astype(np.uint64)
    unit = max(int(np.gcd.reduce(numbers[:_LOOKED_AT])), 1)
    if unit > 1:
        unit = max(int(np.gcd.reduce(np.append(numbers % np.uint64(unit), np.uint64(unit)))), 1)
    return unit.to_bytes(8, "little") + _planes(numbers // np.uint64(unit))


def _zigzag(array: Array) -> Array:
    signed = array.astype(np.int64)
    return (signed << np.int64(1) ^ signed >> np.int64(63)).view(np.uint64)


def _signed(numbers: Array) -> Array:
    """Undo `_zigzag`."""
    negative = numbers & _ONE != 0
    half = (numbers >> _ONE).view(np.int64)
    return np.where(negative, ~half, half)


def _planes(numbers: Array) -> bytes:
    most = int(numbers.max()) if len(numbers) else 0
    width = max(1, (most.bit_length() + 7) // 8)
    parts = numbers.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width]
    return bytes([width]) + np.ascontiguousarray(parts.T).tobytes()


def _whole(
    data: bytes, count: int, *, unit: int = 1, signed: bool = False, steps: bool = False
) -> Array:
    """Undo `_planes`, then multiply by the unit, undo `_zigzag`, add up the steps (u64 or i64)."""
    width = data[0] if data else 0
    if not 1 <= width <= 8 or len(data) != 1 + width * count:
        raise ValueError("an array whose bytes do not add up")
    if native is not None:
        made = native.planes(memoryview(data)[1:], width, count, unit, signed, steps)
        return np.frombuffer(made, dtype="<i8" if signed else "<u8")
    parts = np.zeros((count, 8), dtype=np.uint8)
    parts[:, :width] = np.frombuffer(data, dtype=np.uint8, offset=1).reshape(width, count).T
    with np.errstate(over="ignore"):
        numbers = parts.view("<u8").reshape(-1) * np.uint64(unit)
        numbers = _signed(numbers) if signed else numbers
        return np.cumsum(numbers) if steps else numbers


def _from_low(data: bytes, dtype: np.dtype, count: int) -> Array:
    unit = int.from_bytes(data[:8], "little")
    return _whole(data[8:], count, unit=unit, signed=dtype == np.int64).astype(dtype, copy=False)


def _delta(array: Array) -> bytes:
    with np.errstate(over="ignore"):
        return _planes(_zigzag(np.diff(array.astype(np.int64), prepend=np.int64(0))))


def _from_delta(data: bytes, dtype: np.dtype, count: int) -> Array:
    return _whole(data, count, signed=True, steps=True).astype(dtype, copy=False)


# --- codes -------------------------------------------------------------------------------------


def _fresh(codes: Array) -> bytes | None:
    """Return codes of texts that are numbered as they first appear; None when these are not."""
    given = codes.astype(np.int64)
    before = np.maximum.accumulate(np.concatenate(([0], given)))[:-1]
    back = before + 2 - given
    if bool((back < 1).any()):
        return None
    return _planes(np.where(given == 0, 1, np.where(back == 1, 0, back)).astype(np.uint64))


def _from_fresh(data: bytes, dtype: np.dtype, count: int) -> Array:
    numbers = _whole(data, count).astype(np.int64)
    seen = np.cumsum(numbers == 0)
    before = np.concatenate(([0], seen[:-1]))
    codes = np.where(numbers == 0, seen, np.where(numbers == 1, 0, before + 2 - numbers))
    return codes.astype(dtype)


# --- texts and words -----------------------------------------------------------------------------


def _hex(at: Array, blob: Array) -> bytes | None:
    """Return texts of one length that differ in hexadecimal digits only; None for others."""
    count = len(at) - 1
    size = int(at[1]) if count else 0
    if not 0 < size <= _HEX_BYTES_MAX or len(blob) != size * count:
        return None
    if not bool((np.diff(at) == size).all()):
        return None
    texts = blob.reshape(count, size)
    differs = (texts != texts[0]).any(axis=0)
    digits = _NIBBLE[texts[:, differs]]
    if bool((digits == 255).any()):
        return None
    flat = digits.reshape(-1)
    if len(flat) % 2:
        flat = np.append(flat, np.uint8(0))
    head = size.to_bytes(2, "big") + texts[0].tobytes() + differs.tobytes()
    packed: bytes = (flat[0::2] << 4 | flat[1::2]).astype(np.uint8).tobytes()
    whole: bytes = head + packed
    return whole


def _from_hex(data: bytes, _: np.dtype, count: int) -> Array:
    size = int.from_bytes(data[:2], "big")
    head = np.frombuffer(data[2 : 2 + 2 * size], dtype=np.uint8)
    if not size or len(head) != 2 * size or count % size:
        raise ValueError("texts whose first does not fit")
    differs = head[size:] != 0
    packed = np.frombuffer(data, dtype=np.uint8, offset=2 + 2 * size)
    flat = np.empty(2 * len(packed), dtype=np.uint8)
    flat[0::2], flat[1::2] = packed >> 4, packed & 15
    rows, places = count // size, int(differs.sum())
    if len(packed) != (rows * places + 1) // 2:
        raise ValueError("texts whose digits do not add up")
    texts = np.tile(head[:size], (rows, 1))
    texts[:, differs] = _DIGITS[flat[: rows * places]].reshape(rows, places)
    return texts.reshape(-1)


def hex_texts(data: bytes, numbers: list[int]) -> list[bytes]:
    """Return some texts of those written as `hex`, the others left as they are.

    Raises ValueError for bytes that `encodings` never wrote.
    """
    size = int.from_bytes(data[:2], "big")
    head = np.frombuffer(data[2 : 2 + 2 * size], dtype=np.uint8)
    if not size or len(head) != 2 * size:
        raise ValueError("texts whose first does not fit")
    places = np.flatnonzero(head[size:])
    packed = np.frombuffer(data, dtype=np.uint8, offset=2 + 2 * size)
    found = []
    for number in numbers:
        digits = np.arange(number * len(places), (number + 1) * len(places))
        if len(digits) and digits[-1] // 2 >= len(packed):
            raise ValueError("texts whose digits do not add up")
        text = head[:size].copy()
        text[places] = _DIGITS[packed[digits // 2] >> np.where(digits % 2, 0, 4) & 15]
        found.append(text.tobytes())
    return found


def encode_pairs(pairs: Array) -> bytes:
    """Write ascending u32: words in blocks (`signature`)."""
    numbers = pairs >> np.uint32(8)
    steps = np.diff(numbers, prepend=np.uint32(0))
    return pairs.astype(np.uint8).tobytes() + _planes(steps.astype(np.uint64))


def _from_pairs(data: bytes, _: np.dtype, count: int) -> Array:
    low = np.frombuffer(data[:count], dtype=np.uint8)
    numbers = _whole(data[count:], count, steps=True)
    return (numbers << np.uint64(8) | low).astype(np.uint32)


def encode_steps(pairs: Array) -> bytes:
    """Write ascending u32 that lie close."""
    return _planes(np.diff(pairs, prepend=np.uint32(0)).astype(np.uint64))


def _from_steps(data: bytes, _: np.dtype, count: int) -> Array:
    return _whole(data, count, steps=True).astype(np.uint32)


_DECODERS: dict[str, Callable[[bytes, np.dtype, int], Array]] = {
    "raw": lambda data, dtype, _: np.frombuffer(data, dtype=dtype),
    "low": _from_low,
    "delta": _from_delta,
    "fresh": _from_fresh,
    "hex": _from_hex,
    "pairs": _from_pairs,
    "steps": _from_steps,
}
