"""An export as Parquet (parquet.apache.org/docs/file-format), a group of rows at a time.

The columns are called as those of `app.sql`, so that a file answers the same SQL as the log: a
point in a field's name is an underscore. Without the raw record, like CSV. What is missing or
withheld is null; a number beyond 64 bits is the nearest that fits. One group of rows is in memory.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from whodid.app.answer import Hit
from whodid.app.document import flag_words
from whodid.event import FIELDS, Change, Redaction
from whodid.index.columns import KINDS
from whodid.query.sentence import event_sentence

GROUP_ROWS = 8192
"""Rows of one group; the last has fewer."""

_INSTANT = pa.timestamp("us", tz="UTC")
_CHANGE = pa.struct([("field", pa.string()), ("before", pa.string()), ("after", pa.string())])
_REDACTION = pa.struct([("offset", pa.int64()), ("length", pa.int64()), ("rule", pa.string())])
_LISTS = {"changes": pa.list_(_CHANGE), "redactions": pa.list_(_REDACTION)}
_TEXTS = pa.list_(pa.string())
_LEAST, _MOST = -(2**63), 2**63 - 1
_Column = tuple[str, pa.DataType, Callable[[Hit], Any]]


def _columns() -> list[_Column]:
    columns: list[_Column] = [("index", pa.int64(), lambda hit: hit.index)]
    columns += [(name.replace(".", "_"), _type(name), _getter(name)) for name in FIELDS]
    columns += [
        ("appended", _INSTANT, lambda hit: hit.appended_us),
        ("flags", _TEXTS, lambda hit: flag_words(hit.flags) or None),
        ("sentence", pa.string(), lambda hit: event_sentence(hit.event)),
    ]
    return columns


def _type(name: str) -> pa.DataType:
    if name in {"time", "received"}:
        return _INSTANT
    if name in _LISTS:
        return _LISTS[name]
    kind = "texts" if name == "params" else KINDS.get(name, "text")
    return {"number": pa.int64(), "texts": _TEXTS, "text": pa.string()}[kind]


def _getter(name: str) -> Callable[[Hit], Any]:
    group, attribute = FIELDS[name]

    def get(hit: Hit) -> Any:
        return _plain(getattr(getattr(hit.event, group), attribute))

    return get


def _plain(value: Any) -> Any:
    match value:
        case int():
            return min(max(value, _LEAST), _MOST)
        case tuple():
            return [_item(item) for item in value] or None
    return value


def _item(item: Any) -> Any:
    match item:
        case Change():
            return {"field": item.field, "before": item.before, "after": item.after}
        case Redaction():
            return {"offset": item.offset, "length": item.length, "rule": item.rule}
    return item


_COLUMNS = _columns()
SCHEMA = pa.schema([(name, kind) for name, kind, _ in _COLUMNS])
"""The columns of every file."""


class _Out:
    """A file that is only written to; what was written is taken away."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._at += len(part)
        return len(part)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Keep what there is until it is taken."""

    def close(self) -> None:
        """Stay open: the end of the file is still to be taken."""

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class ParquetWriter:
    """An `ExportWriter`. Invariant: fewer than GROUP_ROWS events wait."""

    def __init__(self) -> None:
        self._out = _Out()
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._out, mode="w"), SCHEMA, compression="zstd"
        )
        self._waiting: list[Hit] = []

    def encode(self, hits: Sequence[Hit]) -> bytes:
        """Take events; return whole groups of rows, often nothing."""
        self._waiting += hits
        while len(self._waiting) >= GROUP_ROWS:
            group, self._waiting = self._waiting[:GROUP_ROWS], self._waiting[GROUP_ROWS:]
            self._write(group)
        return self._out.take()

    def end(self) -> bytes:
        """Return the last group and the footer."""
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []
        self._writer.close()
        return self._out.take()

    def _write(self, hits: Sequence[Hit]) -> None:
        arrays = [pa.array([get(hit) for hit in hits], kind) for _, kind, get in _COLUMNS]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
