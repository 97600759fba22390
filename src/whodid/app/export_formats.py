"""The forms of an export: JSON lines, CSV, OCSF, Parquet."""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from whodid.app.answer import Hit
from whodid.app.document import event_document
from whodid.app.ocsf_answer import ocsf_event_document
from whodid.event import FIELDS

CSV_COLUMNS = (*FIELDS, "index", "appended", "flags", "sentence")
"""The columns of a CSV; the raw record is not one of them."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula (OWASP, CSV injection)."""


class ExportWriter(Protocol):
    """Writes one export. What it returns, one after the other behind the head, is the file."""

    def encode(self, hits: Sequence[Hit]) -> bytes:
        """Take events in order; return what can be written by now, which may be nothing."""

    def end(self) -> bytes:
        """Return the last of it."""


class ExportFormat(Struct, frozen=True):
    """How an export is written: its media type, the end of its file name, its first bytes."""

    media: str
    suffix: str
    head: bytes
    writer: Callable[[], ExportWriter]


class _EachAlone:
    """Writes events that do not depend on each other."""

    def __init__(self, encode: Callable[[Sequence[Hit]], bytes]) -> None:
        self._encode = encode

    def encode(self, hits: Sequence[Hit]) -> bytes:
        return self._encode(hits)

    def end(self) -> bytes:
        return b""


def _parquet() -> ExportWriter:
    from whodid.app.parquet import ParquetWriter  # noqa: PLC0415 - pyarrow is for those who ask

    return ParquetWriter()


def _jsonl(hits: Sequence[Hit]) -> bytes:
    return b"".join(msgspec.json.encode(event_document(hit)) + b"\n" for hit in hits)


def _ocsf(hits: Sequence[Hit]) -> bytes:
    return b"".join(msgspec.json.encode(ocsf_event_document(hit)) + b"\n" for hit in hits)


def _csv(hits: Sequence[Hit]) -> bytes:
    documents = (event_document(hit, with_raw=False) for hit in hits)
    return _rows([_cell(document.get(name)) for name in CSV_COLUMNS] for document in documents)


def _rows(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str | int:
    """Return a cell; text that a spreadsheet would compute has an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, list):
        parts = (v if isinstance(v, str) else msgspec.json.encode(v).decode() for v in value)
        value = "; ".join(parts)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


FORMATS: dict[str, ExportFormat] = {
    "jsonl": ExportFormat("application/x-ndjson", "jsonl", b"", lambda: _EachAlone(_jsonl)),
    "csv": ExportFormat(
        "text/csv; charset=utf-8", "csv", _rows([CSV_COLUMNS]), lambda: _EachAlone(_csv)
    ),
    "ocsf": ExportFormat("application/x-ndjson", "ocsf.jsonl", b"", lambda: _EachAlone(_ocsf)),
    "parquet": ExportFormat("application/vnd.apache.parquet", "parquet", b"", _parquet),
}
"""Name → form. The events are in the order of a search."""
