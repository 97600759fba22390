"""One JSON object of a log (RFC 8259), strictly: a key twice, too deep or not UTF-8 is a reason.

It does not map anything, and does not repair: a record that two readers could read differently
is not guessed at.
"""

import re
from json import JSONDecoder
from typing import Any

import msgspec

from whodid.limits import NESTING_MAX

_decode = msgspec.json.Decoder().decode
_BLANKS = b" \t\r\n"
_SURROGATE = re.compile("[\udc80-\udcff]").sub
_INT_END = 1 << 63
_TOO_DEEP = f"nested deeper than {NESTING_MAX}"


class _DuplicateKeyError(Exception):
    """A key stands twice in one object."""


def decode(raw: bytes) -> dict[str, Any] | str:
    """Return the object, or the reason (a short text) why there is none. Never raises."""
    try:
        value = _decode(raw)
    except UnicodeDecodeError:
        return "not UTF-8"
    except RecursionError:
        return _TOO_DEEP
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        return f"not JSON: {error}"[:200]
    if value.__class__ is not dict:
        return "JSON, but not an object"
    # A compact record has at least one `":` per key: as many of them as keys, and none is twice.
    marks = raw.translate(None, _BLANKS).count(b'":')
    if marks == len(value) and b"[" not in raw:
        return value
    return _checked(value, marks, raw)


def decode_mended(raw: bytes) -> tuple[dict[str, Any] | str, bool]:
    r"""Return what `decode` does, and whether bytes that are not UTF-8 were shown as `\\xhh`.

    For logs whose writer puts the bytes of a client into JSON as they are.
    """
    found = decode(raw)
    if found != "not UTF-8":
        return found, False
    text = raw.decode("utf-8", "surrogateescape")
    return decode(_SURROGATE(_shown, text).encode()), True


def _shown(match: re.Match[str]) -> str:
    return f"\\\\x{ord(match[0]) & 0xFF:02x}"


def _checked(value: dict[str, Any], marks: int, raw: bytes) -> dict[str, Any] | str:
    """Check nesting and keys of an object that is not flat."""
    keys = _count_keys(value, 1)
    if keys < 0:
        return _TOO_DEEP
    if marks != keys and (key := _duplicate_key(raw)) is not None:
        return f"key {key[:64]!r} stands twice"
    return value


def _count_keys(value: Any, depth: int) -> int:
    """Count the keys of all objects; -1 when the nesting passes its bound."""
    if depth > NESTING_MAX:
        return -1
    count = 0
    if value.__class__ is dict:
        count = len(value)
        value = value.values()
    for item in value:
        if item.__class__ is dict or item.__class__ is list:
            inner = _count_keys(item, depth + 1)
            if inner < 0:
                return -1
            count += inner
    return count


def _no_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) != len({key for key, _ in pairs}):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)


_scan = JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_int=len, parse_float=len, strict=False
).decode  # numbers are not converted: their length may be hostile


def _duplicate_key(raw: bytes) -> str | None:
    """Return a key that stands twice in one object of this valid JSON, None when there is none."""
    try:
        _scan(raw.decode())
    except _DuplicateKeyError as error:
        return str(error)
    except (ValueError, RecursionError):
        return None
    return None


def text(value: Any) -> str | None:
    """Return a string or an integer as text; None for anything else and for empty."""
    if value.__class__ is str:
        return value or None
    return str(value) if value.__class__ is int and -_INT_END <= value < _INT_END else None


def integer(value: Any) -> int | None:
    """Return a whole number 0 ≤ n < 2^63, also from its decimal text; None for anything else."""
    if value.__class__ is int:
        return value if 0 <= value < _INT_END else None
    if value.__class__ is str and len(value) < 20 and value.isascii() and value.isdigit():
        number = int(value)
        return number if number < _INT_END else None
    if value.__class__ is float and value.is_integer() and 0 <= value < 1 << 53:
        return int(value)
    return None


def compact(value: Any) -> str:
    """Return a decoded value as compact JSON text; a string as itself."""
    return value if value.__class__ is str else msgspec.json.encode(value).decode()
