"""PostgreSQL's `jsonlog` (15 and later): one JSON object a line, pgaudit messages included.

Native id `session_id/line_num`, the same as in a csvlog of the same server. What the fields mean
is in `postgres_entry`; csvlog and stderr are formats of their own.
"""

from typing import ClassVar

from whodid.event import Mapped
from whodid.normalize.format import Framing
from whodid.normalize.json_record import decode, integer, text
from whodid.normalize.postgres_entry import Entry, map_entry


class Postgres:
    """The format `postgres`. Invariants: see `Format`; one object gives one event."""

    name: ClassVar[str] = "postgres"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the three keys that every jsonlog line has are there."""
        return (
            b'"error_severity"' in record
            and b'"session_id"' in record
            and b'"line_num"' in record
            and record.lstrip()[:1] == b"{"
        )

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002  # times are whole
        """Map one line; what is no JSON object, or has no `error_severity`, is quarantined."""
        line = decode(record)
        if isinstance(line, str):
            return Mapped(quarantine=f"postgres: {line}")
        severity = text(line.get("error_severity"))
        if severity is None:
            return Mapped(quarantine="postgres: no error_severity")
        query_id = line.get("query_id")
        return map_entry(
            Entry(
                severity,
                text(line.get("message")) or "",
                text(line.get("timestamp")),
                text(line.get("user")),
                text(line.get("dbname")),
                "remote_host" in line,
                text(line.get("remote_host")),
                integer(line.get("remote_port")),
                text(line.get("session_id")),
                integer(line.get("line_num")),
                text(line.get("ps")) or "",
                text(line.get("state_code")),
                text(line.get("detail")),
                "context" in line,
                text(line.get("statement")),
                text(line.get("application_name")),
                query_id if query_id.__class__ is int else 0,
            )
        )
