"""PostgreSQL 15+ with pgaudit, as jsonlog: sessions with contiguous line numbers.

pgaudit line: AUDIT: SESSION,statement,substatement,CLASS,COMMAND,OBJECT TYPE,OBJECT,SQL,PARAMS,ROWS
(`log_parameter` and `log_rows` on). Statements of applications end with a comment that names
user and correlation id, as sqlcommenter writes it.
"""

import csv
import io
from dataclasses import dataclass
from urllib.parse import quote

from whodid.demo.act import Act
from whodid.demo.sources.recorder import exact_json_bytes, instant
from whodid.demo.stage import SECOND_US

_CLASS = {
    "SELECT": "READ", "COPY": "READ", "INSERT": "WRITE", "UPDATE": "WRITE", "DELETE": "WRITE",
    "ALTER TABLE": "DDL", "CREATE INDEX": "DDL", "DROP TABLE": "DDL", "GRANT": "ROLE",
}  # fmt: skip

_STAGE = {
    "connection received": "", "authenticated": "authentication", "authorized": "authentication",
    "password failed": "authentication", "disconnection": "idle",
}  # fmt: skip
"""What `ps` shows when no statement runs."""


@dataclass(slots=True)
class _Session:
    """One backend. `line` and `statement` are the last numbers it has written; Postgres owns it."""

    pid: int
    started_us: int
    line: int = 0
    statement: int = 0


class Postgres:
    """Recorder of `postgres-main`. Invariant: in each session `line_num` counts 1, 2, 3."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def record(self, act: Act) -> bytes:
        """Return one line of the jsonlog."""
        session = self._sessions.get(act.session)
        if session is None:
            session = _Session(2_100 + len(self._sessions) * 3 % 29_000, act.time_us)
            self._sessions[act.session] = session
        session.line += 1
        started = instant(session.started_us)
        early = act.action == "connection received"
        record: dict[str, object] = {
            "timestamp": f"{instant(act.time_us).isoformat(' ', 'milliseconds')[:23]} UTC"
        }
        if not early:
            record |= {"user": act.actor, "dbname": act.detail["database"]}
        failed = act.action == "password failed"
        record |= {
            "pid": session.pid,
            "remote_host": act.ip,
            "remote_port": act.detail.get("port", 40_000 + session.pid % 20_000),
            "session_id": f"{session.started_us // SECOND_US:x}.{session.pid:x}",
            "line_num": session.line,
            "ps": _STAGE.get(act.action, act.action),
            "session_start": f"{started.isoformat(' ', 'seconds')[:19]} UTC",
            "vxid": f"{3 + session.pid % 40}/{session.line}",
            "txid": 0,
            "error_severity": "FATAL" if failed else "LOG",
        }
        if failed:
            record["state_code"] = "28P01"
        record["message"] = self._message(act, session)
        if "application" in act.detail and act.action != "connection received":
            record["application_name"] = act.detail["application"]
        record["backend_type"] = "not initialized" if early else "client backend"
        record["query_id"] = 0
        return exact_json_bytes(record)

    def _message(self, act: Act, session: _Session) -> str:
        database, port = act.detail["database"], act.detail.get("port", 0)
        match act.action:
            case "connection received":
                return f"connection received: host={act.ip} port={port}"
            case "authenticated":
                return (
                    f'connection authenticated: identity="{act.actor}" method=scram-sha-256 '
                    "(/etc/postgresql/16/main/pg_hba.conf:97)"
                )
            case "authorized":
                return f"connection authorized: user={act.actor} database={database}"
            case "password failed":
                return f'password authentication failed for user "{act.actor}"'
            case "disconnection":
                total_ms = (act.duration_us or 0) // 1000
                return (
                    f"disconnection: session time: {total_ms // 3_600_000}:"
                    f"{total_ms // 60_000 % 60:02d}:{total_ms // 1000 % 60:02d}."
                    f"{total_ms % 1000:03d} user={act.actor} database={database} host={act.ip} "
                    f"port={port}"
                )
            case _:
                session.statement += 1
                return _audit(act, session.statement)


def _audit(act: Act, number: int) -> str:
    sql = act.detail["statement"]
    if act.correlation:
        user = quote(act.on_behalf_of, safe="")
        sql += f" /*correlation_id='{act.correlation}',user='{user}'*/"
    params = act.detail.get("params")
    row = [
        "SESSION", number, 1, _CLASS[act.action], act.action,
        act.detail.get("object_type", "TABLE"), act.resource, sql,
        _csv(params) if params else "<none>", act.rows or 0,
    ]  # fmt: skip
    return "AUDIT: " + _csv(row)


def _csv(row: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)  # type: ignore[arg-type]
    return line.getvalue()
