"""A body or a document → the bytes of its records, verbatim.

JSON: one object, an array of records, one record a line (NDJSON), or a document that holds its
records under one key (CloudTrail's `Records`). A line of NDJSON that is broken is a record as it
is, for its format to quarantine; a body of which nothing can be read is an InputError.

It does not decompress, does not read files and does not look into records.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec
from msgspec import Raw

from whodid.errors import InputError, TooLargeError
from whodid.limits import BODY_COUNTED_FROM_BYTES, BODY_VALUE_BYTES_MIN, NESTING_MAX

_BLANKS = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_raw_one = msgspec.json.Decoder(Raw).decode
_raw_many = msgspec.json.Decoder(list[Raw]).decode
_MESSAGE_CHARS_MAX = 160
_ESCAPE = re.compile(rb"\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_DecodeErrors = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


@lru_cache(maxsize=16)
def _document(records_key: str) -> msgspec.json.Decoder[msgspec.Struct]:
    """Return the decoder of a document; the keys are those of our formats."""
    struct = msgspec.defstruct(
        "Document", [("records", list[Raw])], rename={"records": records_key}
    )
    return msgspec.json.Decoder(struct)


def split_json(body: bytes, records_key: str | None = None) -> list[bytes]:
    """Return the records of a JSON body.

    Raises InputError that names the byte or the line when nothing can be read, TooLargeError for
    a large body of tiny values.
    """
    body = body.removeprefix(_BOM).strip(_BLANKS)
    check_size(body)
    if body[:1] == b"[":
        return _array(body)
    if body[:1] != b"{":
        raise InputError(_not_json(body))
    if records_key is not None and f'"{records_key}"'.encode() in body:
        try:
            decode = _document(records_key).decode
            return _verbatim(lambda text: decode(text).records, body)  # type: ignore[attr-defined]
        except _DecodeErrors:
            pass  # an object without that list, or several objects
    lines = body.split(b"\n", 1)
    if len(lines) == 1 or not _is_object(lines[0]):
        # one object over several lines, or lines of which the first is broken
        try:
            _raw_one(body)
        except _DecodeErrors as error:
            if _is_object(_without_surrogates(body)):
                return [body]
            return _lines_or_error(body, error)
        return [body]
    return split_lines(body)


def _array(body: bytes) -> list[bytes]:
    try:
        return _verbatim(_raw_many, body)
    except _DecodeErrors as error:
        raise InputError(f"the JSON array cannot be read: {_diagnosis(error)}") from None


def _verbatim(decode: Callable[[bytes], list[Raw]], body: bytes) -> list[bytes]:
    """Return the records that `decode` finds in the body. Raises what `decode` raises."""
    try:
        return [bytes(record) for record in decode(body)]
    except _DecodeErrors:
        framed = _without_surrogates(body)
        if framed == body:
            raise
    records = []
    at = 0
    for record in decode(framed):  # in order, and where those of `body` are
        at = framed.index(record, at)
        records.append(body[at : at + len(record)])
        at += len(record)
    return records


def _without_surrogates(body: bytes) -> bytes:
    r"""Return JSON of the same length without escapes like `\ud800`.

    RFC 8259 allows one without its other half and msgspec does not; it is one record's fault, so
    it must not make the records beside it unreadable.
    """
    return _ESCAPE.sub(lambda found: found[0] if len(found[0]) == 2 else b"\\u0020", body)


def _lines_or_error(body: bytes, error: Exception) -> list[bytes]:
    """Return the lines when at least one is an object of its own."""
    records = split_lines(body)
    if len(records) > 1 and any(line[:1] == b"{" and _is_object(line) for line in records):
        return records
    raise InputError(f"the JSON object cannot be read: {_diagnosis(error)}") from None


def _is_object(line: bytes) -> bool:
    try:
        _raw_one(line)
    except _DecodeErrors:
        return False
    return True


def _diagnosis(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return f"it is nested deeper than {NESTING_MAX}"
    return str(error)[:_MESSAGE_CHARS_MAX]


def _not_json(body: bytes) -> str:
    if not body:
        return "the body is empty: send a JSON object, an array, or one object a line"
    return f"line 1 does not start a JSON object or array but with {body[:16]!r}"


def check_size(body: bytes) -> None:
    """Raise TooLargeError for a large body of tiny values or lines."""
    if len(body) < BODY_COUNTED_FROM_BYTES:
        return
    if body.count(b",") + body.count(b"\n") > len(body) // BODY_VALUE_BYTES_MIN:
        raise TooLargeError(
            f"a body of {len(body)} bytes holds too many values or lines: send smaller batches"
        )


def split_lines(body: bytes) -> list[bytes]:
    """Return the lines without their end (LF or CRLF), empty ones dropped.

    Raises TooLargeError for a large body of tiny lines.
    """
    if len(body) >= BODY_COUNTED_FROM_BYTES:
        check_size(body)
    lines = body.split(b"\n")
    if b"\r" in body:
        lines = [line[:-1] if line[-1:] == b"\r" else line for line in lines]
    return [line for line in lines if line] if b"" in lines else lines


def lines_with_offsets(body: bytes, offset: int = 0) -> list[tuple[int, bytes]]:
    """Return each line that is not empty with its place; `offset` is that of `body`, in bytes."""
    if len(body) >= BODY_COUNTED_FROM_BYTES:
        check_size(body)
    placed = []
    for line in body.split(b"\n"):
        kept = line[:-1] if line[-1:] == b"\r" else line
        if kept:
            placed.append((offset, kept))
        offset += len(line) + 1
    return placed


def split_with_offsets(
    body: bytes, records_key: str | None = None, offset: int = 0
) -> list[tuple[int, bytes]]:
    """Return the records of a JSON document, each with its place in decompressed bytes.

    Raises what `split_json` raises.
    """
    placed = []
    position = 0
    for record in split_json(body, records_key):
        # records are verbatim slices in order, so each is found where the last one ended
        position = body.index(record, position)
        placed.append((offset + position, record))
        position += len(record)
    return placed
