"""How the records of a file are framed, from its first bytes: lines, several lines, or JSON texts.

One JSON object a line (NDJSON) is read as lines, so that a broken line costs no other. Arrays,
documents that hold records under a key, and objects over several lines are JSON texts. Where a
file may be of several formats, the first line that one of them knows tells how it is framed.
"""

from collections.abc import Callable, Sequence

import msgspec

from whodid.errors import InputError
from whodid.limits import RECORD_BYTES_MAX
from whodid.normalize.format import Format, RecordsKey, records_keys
from whodid.sources.found import Framing
from whodid.sources.grouped import GroupedLines, Grouping
from whodid.sources.json_stream import JsonStream
from whodid.sources.lines import Lines
from whodid.sources.postgres_lines import CsvGrouping, StderrGrouping

_HEAD_BYTES_MAX = RECORD_BYTES_MAX
_LINES_MAX = 8
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_GROUPINGS: dict[str, Callable[[], Grouping]] = {
    "postgres-csv": CsvGrouping, "postgres-stderr": StderrGrouping,
}  # fmt: skip
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_DecodeErrors = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


def choose_framing(
    head: bytes, formats: Sequence[Format], *, final: bool
) -> tuple[Framing, int] | None:
    """Return the framing and the offset of the first byte after a byte order mark.

    `formats` are those the file may be of. None says that more bytes are needed; the choice is
    the same however many come at a time. `final` tells that there are no more.
    Raises InputError for UTF-16, which no log here is.
    """
    final = final or len(head) >= _HEAD_BYTES_MAX
    if len(head) < len(_BOM) and not final:
        return None
    if head.startswith(_UTF_16):
        raise InputError("the text is UTF-16: convert it to UTF-8")
    start = len(_BOM) if head.startswith(_BOM) else 0
    text = head[start:_HEAD_BYTES_MAX].lstrip()
    json_formats = [known for known in formats if known.framing == "json"]
    keys = records_keys(json_formats)
    is_json: bool | None = False
    if json_formats:
        only_json = len(json_formats) == len(formats)
        is_json = _is_json_text(text, keys, only_json=only_json, final=final)
    if is_json is None:
        return None
    if is_json:
        return JsonStream(keys, start), start
    name = framing_of_lines(text, formats, final=final)
    return None if name is None else (framing_named(name, start), start)


def framing_named(name: str, offset: int = 0) -> Framing:
    """Return a fresh framing of text that is no JSON."""
    grouping = _GROUPINGS.get(name)
    return Lines(offset) if grouping is None else GroupedLines(grouping(), offset)


def framing_of_lines(text: bytes, formats: Sequence[Format], *, final: bool) -> str | None:
    """Return the name of the framing of a text that is no JSON; None when more is needed."""
    if text[:1] == b"{" or not any(known.framing in _GROUPINGS for known in formats):
        return "lines"
    if len(formats) == 1:
        return formats[0].framing
    lines = text.split(b"\n", _LINES_MAX)
    for line in lines if final else lines[:-1]:
        for known in formats:
            if known.sniff(line.removesuffix(b"\r")):
                return "lines" if known.framing == "json" else known.framing
    return "lines" if final or len(lines) > _LINES_MAX else None


def _is_json_text(
    text: bytes, keys: Sequence[RecordsKey], *, only_json: bool, final: bool
) -> bool | None:
    if text[:1] == b"[":
        inner = text[1:].lstrip()
        if only_json or inner or final:
            return only_json or inner[:1] in (b"{", b"]")
        return None
    if text[:1] == b"{":
        return _spans_lines(text, keys, final=final)
    return False if text or final else None


def _spans_lines(text: bytes, keys: Sequence[RecordsKey], *, final: bool) -> bool | None:
    """Tell whether this is no NDJSON: a document, or an object over several lines."""
    lines = text.split(b"\n", _LINES_MAX + 1)
    if len(lines) == 1 and not final:
        return None
    try:
        first = _decode(lines[0])
    except _DecodeErrors:
        if any(line[:1] == b"{" and _is_object(line) for line in lines[1:_LINES_MAX]):
            return False
        return True if final or len(lines) > _LINES_MAX else None
    return any(
        bytes(first.get(known.key, b"")).lstrip()[:1] == b"[" and known.mark in lines[0]
        for known in keys
    )


def _is_object(line: bytes) -> bool:
    try:
        _decode(line)
    except _DecodeErrors:
        return False
    return True
