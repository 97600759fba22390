"""PostgreSQL's stderr log with a known `log_line_prefix`, pgaudit messages included.

An entry is a line with a severity, the lines that begin with a tab and go on with it, and its
DETAIL, CONTEXT, STATEMENT … lines, which repeat the prefix. What the fields mean is in
`postgres_entry`, the prefixes are in `postgres_prefix`.

`%l` counts lines where jsonlog and csvlog count entries: the native id `session/line/stderr` is
another than theirs, and proves no gap. Without `%e` a refusal, without `%i` a login that failed
are known by the words of the message.

It does not read translated severities: `lc_messages` has to be C or English.
"""

import re
from typing import ClassVar

from msgspec import structs

from whodid.event import Content, Mapped, What
from whodid.normalize.format import Framing
from whodid.normalize.postgres_entry import Entry, map_entry
from whodid.normalize.postgres_prefix import SECONDARY, Prefix, read_bare, read_prefix

_SNIFFED_BYTES = 1024
_PEER = re.compile(r".* host=(\S+)(?: port=([0-9]{1,5}))?", re.DOTALL).fullmatch
_ABOUT_PEER = ("connection received: ", "disconnection: session time: ")
_LOGIN_FAILED = re.compile(
    r".* authentication failed for user .*|(?:role|database) .* does not exist"
    r"|no pg_hba\.conf entry .*|pg_hba\.conf rejects .*|role .* is not permitted to log in"
    r"|permission denied for database .*",
    re.DOTALL,
).fullmatch
_AT_CHARACTER = re.compile(r" at character [0-9]{1,10}\Z")


class PostgresStderr:
    """The format `postgres-stderr`. Invariants: see `Format`; one entry gives one event."""

    name: ClassVar[str] = "postgres-stderr"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "postgres-stderr"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the first line has a known prefix and a severity."""
        if not record[:4].isdigit():
            return False
        line = record[:_SNIFFED_BYTES].partition(b"\n")[0]
        return read_prefix(line.decode("utf-8", "replace")) is not None

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002  # times are whole
        """Map one entry; one whose first line has no known prefix is quarantined."""
        labels: tuple[str, ...] = ()
        try:
            text = record.decode()
        except UnicodeDecodeError:
            text = record.decode("utf-8", "backslashreplace")
            labels = ("invalid:utf8",)
        lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
        prefix = read_prefix(lines[0]) or read_bare(lines[0])
        if prefix is None:
            reason = "no known log_line_prefix and severity"
            if text.startswith("\t"):
                reason = "a line that goes on with an entry that is not here"
            return Mapped(quarantine=f"postgres-stderr: {reason}", labels=labels)
        if prefix.keyword in SECONDARY:
            return Mapped(
                quarantine=f"postgres-stderr: {prefix.keyword} of an entry that is not here",
                labels=labels,
            )
        parts = _parts(lines, prefix)
        mapped = map_entry(_entry(prefix, parts))
        if prefix.session is not None and prefix.line_num is not None:
            mapped.native_id = f"{prefix.session}/{prefix.line_num}/stderr"
        mapped.labels += labels
        if prefix.unsure_message:
            # Of a line that can be read in several ways only what the server wrote is kept.
            mapped.what = What(access="other")
            mapped.content = Content(message=lines[0] or None)
            mapped.labels += ("ambiguous:line",)
        elif prefix.unsure_names:
            mapped.labels += ("ambiguous:actor",)
        if prefix.unsure_names:
            mapped.who = structs.replace(mapped.who, actor_name=None, actor_type=None)
        if prefix.unknown:
            mapped.labels += ("unknown:prefix",)
        return mapped


def _parts(lines: list[str], prefix: Prefix) -> dict[str, str]:
    """Return the text of the entry under `""`, and of its further lines under their keywords."""
    parts: dict[str, list[str]] = {"": [lines[0][prefix.message_at :]]}
    current = parts[""]
    for line in lines[1:]:
        if line.startswith("\t"):
            current.append(line[1:])
            continue
        further = read_prefix(line) or read_bare(line)
        if further is None:
            current.append(line)
        else:
            current = parts.setdefault(further.keyword, [])
            current.append(line[further.message_at :])
    return {keyword: "\n".join(said) for keyword, said in parts.items()}


def _entry(prefix: Prefix, parts: dict[str, str]) -> Entry:
    message, statement = parts[""], parts.get("STATEMENT")
    if statement is not None:
        message = _AT_CHARACTER.sub("", message)  # a field of its own in jsonlog and csvlog
    stage = prefix.stage
    if stage is None:
        failed = prefix.keyword == "FATAL" and _LOGIN_FAILED(message) is not None
        stage = "authentication" if failed else ""
    host, port = prefix.remote_host, prefix.remote_port
    if host is None and message.startswith(_ABOUT_PEER):
        match = _PEER(message)
        if match is not None:
            host, port = match[1], int(match[2]) if match[2] else None
    return Entry(
        prefix.keyword,
        message,
        prefix.time,
        prefix.user,
        prefix.database,
        prefix.client or host is not None,
        host,
        port,
        prefix.session,
        None,
        stage,
        None if prefix.state == "00000" else prefix.state,
        parts.get("DETAIL"),
        "CONTEXT" in parts,
        statement,
        prefix.agent,
    )
