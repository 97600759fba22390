"""The records of a request body, by the format of the source and by what the body is.

JSON starts with a bracket. For a source of any format, what does not is lines, when the sender
says so (`text/plain`) or one of the first lines is of a known format; else it is refused, since
nothing of it could be read.
"""

import re
from collections.abc import Sequence

from whodid.errors import InputError, TooLargeError
from whodid.normalize.format import Format, records_keys
from whodid.normalize.split import check_size, split_json, split_lines
from whodid.sources.found import Found
from whodid.sources.opening import framing_named

_BOM = b"\xef\xbb\xbf"
_FIRST = re.compile(rb"[ \t\r\n]*+([{\[])?").match
_SNIFFED_LINES = 10
_HEAD_BYTES = 64 * 1024


def records_of(
    body: bytes, content_type: bytes, known: Format | None, formats: Sequence[Format]
) -> list[bytes]:
    """Return the records, verbatim; `known` None chooses by the body among `formats`.

    Raises InputError that names the place when nothing can be read, TooLargeError.
    """
    if known is not None and known.framing == "json":
        return split_json(body, known.records_key)
    body = body.removeprefix(_BOM)
    if not body or body.isspace():
        raise InputError("the body is empty: send a JSON object, an array, or one record a line")
    if known is not None:
        return _split(body, known.framing)
    kind = content_type.partition(b";")[0].strip().lower()
    is_json = b"json" in kind
    framing = _sniff(body, formats)
    if is_json or _FIRST(body)[1]:  # type: ignore[index]
        try:
            return split_json(body, _records_key(body, formats))
        except TooLargeError:
            raise
        except InputError:
            if is_json or framing is None:
                raise
    elif kind != b"text/plain" and framing is None:
        raise InputError(
            "the body is neither JSON nor lines of a known format: name the source's format,"
            " or send it as text/plain"
        )
    return _split(body, framing or "lines")


def _split(body: bytes, framing: str) -> list[bytes]:
    if framing == "lines":
        return split_lines(body)
    check_size(body)
    found, framed = Found(), framing_named(framing)
    framed.feed(body, found)
    framed.finish(found)
    return found.records


def _records_key(body: bytes, formats: Sequence[Format]) -> str | None:
    for key, mark in records_keys(formats):
        at = body.find(f'"{key}"'.encode(), 0, _HEAD_BYTES)
        if at >= 0 and mark in body[:at]:
            return key
    return None


def _sniff(body: bytes, formats: Sequence[Format]) -> str | None:
    """Return the framing of the first line that is of a format of lines; None when none is."""
    lines = body[:_HEAD_BYTES].split(b"\n", _SNIFFED_LINES)[:_SNIFFED_LINES]
    for line in lines:
        for known in formats:
            if known.framing != "json" and known.sniff(line.removesuffix(b"\r")):
                return known.framing
    return None
