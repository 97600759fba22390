"""PostgreSQL's `csvlog` (9.0 and later), pgaudit messages included: 22 to 26 columns.

One record may span lines, within quotes. The server doubles quotes in every text, so no text of a
client can end a field. Native id `session_id/line_num`, the same as in a jsonlog of the same
server. What the fields mean is in `postgres_entry`.
"""

import re
from typing import ClassVar

from whodid.event import Mapped
from whodid.normalize.format import Framing
from whodid.normalize.json_record import integer
from whodid.normalize.pgaudit import split_csv
from whodid.normalize.postgres_entry import Entry, map_entry

_COLUMNS_MIN, _COLUMNS_MAX = 22, 32
_SNIFFED_BYTES = 1024
_TIME = (
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})? [A-Za-z0-9+:-]{1,10}"
)
_TEXT = rb'(?:"(?:[^"]|""|){0,256}+")?'
_START = (
    rb"%b,%b,%b,[0-9]{0,10},%b,[0-9a-f]{1,8}\.[0-9a-f]{1,8},[0-9]{1,18},"
    % (_TIME, _TEXT, _TEXT, _TEXT)
)  # fmt: skip

_starts_record = re.compile(_START).match
begins = re.compile(rb'%b,[,"]' % _TIME).match
"""Matches where a record may begin; a name that follows may itself have line breaks."""

begins_surely = re.compile(
    rb'%b%b,%b,[^,"\r\n]{0,64},[0-9]{0,20},[A-Z]{3,8}[1-5]?,[0-9A-Z]{5},"(?:""|)*+(?=[^",\r\n])'
    % (_START, _TEXT, _TIME)
).match
"""Matches only where a record begins: no text of a client can look like this, because in quotes
the server doubles each quote, so that their number in a row is even but at a field's ends."""


class PostgresCsv:
    """The format `postgres-csv`. Invariants: see `Format`; one record gives one event."""

    name: ClassVar[str] = "postgres-csv"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "postgres-csv"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether time, user, database, process, peer, session and line number stand first."""
        return _starts_record(record, 0, _SNIFFED_BYTES) is not None

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002  # times are whole
        """Map one record; one of other columns, or with an open quote, is quarantined."""
        labels: tuple[str, ...] = ()
        try:
            text = record.decode()
        except UnicodeDecodeError:
            text = record.decode("utf-8", "backslashreplace")
            labels = ("invalid:utf8",)
        columns = split_csv(text.rstrip("\r\n"), 0, _COLUMNS_MAX)
        if columns is None:
            return Mapped(quarantine="postgres-csv: a quote is not closed", labels=labels)
        if len(columns) < _COLUMNS_MIN or not columns[11]:
            reason = f"{len(columns)} columns, or no severity among them"
            return Mapped(quarantine=f"postgres-csv: {reason}", labels=labels)
        mapped = map_entry(_entry(columns))
        mapped.labels += labels
        return mapped


def _entry(columns: list[str]) -> Entry:
    peer = columns[4]
    host, _, port = ("", "", "") if not peer else peer.rpartition(":")
    if peer and (not port.isascii() or not port.isdigit() or not host):
        host, port = peer, ""  # a Unix socket
    return Entry(
        columns[11],
        columns[13],
        columns[0] or None,
        columns[1] or None,
        columns[2] or None,
        bool(peer),
        host or None,
        integer(port),
        columns[5] or None,
        integer(columns[6]),
        columns[7],
        None if columns[12] == "00000" else columns[12] or None,
        columns[14] or None,
        bool(columns[18]),
        columns[19] or None,
        (columns[22] or None) if len(columns) > 22 else None,
        (_signed(columns[25]) or 0) if len(columns) > 25 else 0,
    )


def _signed(text: str) -> int | None:
    number = integer(text.removeprefix("-"))
    return -number if number and text.startswith("-") else number
