r"""Lines of `key=value` pairs (format `logfmt`), by the names of the short form.

    ts=2026-11-21T19:14:21Z user=ada action=read resource="a b" status=ok ip=192.0.2.1

Values are bare or in double quotes, with the escapes of JSON; a key alone is an empty value. There
is no standard: this is what Heroku, Go's go-kit and slog, and logrus write. A key twice is a
reason, as in JSON. It does not read colours, timestamps before the first pair, or single quotes.
"""

import re
from typing import Any, ClassVar

import msgspec

from whodid.event import Mapped
from whodid.normalize.format import Framing
from whodid.normalize.short_fields import is_telling, map_fields
from whodid.normalize.short_json_names import FIELDS, NAMES_OF

_PAIR = re.compile(
    r'[ \t]*+(?P<key>[^\s="]++)(?:=(?:"(?P<quoted>(?:[^"\\]++|\\.|)*+)"(?=[ \t]|\Z)'
    r'|(?P<bare>[^\s"]*+)(?=[ \t]|\Z))|(?=[ \t]|\Z))',
    re.DOTALL,
).match
_PAIRS_MIN = 3
_SUCCESS = frozenset(NAMES_OF[FIELDS["success"]])
_TIMES = frozenset(NAMES_OF[FIELDS["time"]])
_is_count = re.compile(r"[0-9]{9,11}\.[0-9]{1,9}").fullmatch
_decode_text = msgspec.json.Decoder(str).decode


def decode_logfmt(raw: bytes) -> dict[str, Any] | str:
    """Return the pairs of a line, or the reason (a short text) why there are none; never raises."""
    try:
        line = raw.decode().rstrip()
    except UnicodeDecodeError:
        return "not UTF-8"
    found: dict[str, Any] = {}
    at = 0
    while at < len(line):
        pair = _PAIR(line, at)
        if pair is None:
            return f"not logfmt: no key=value at character {at + 1}"
        key, quoted = pair["key"], pair["quoted"]
        if key in found:
            return f"key {key[:64]!r} stands twice"
        found[key] = (pair["bare"] or "") if quoted is None else _unescaped(quoted)
        at = pair.end()
    return found if b"=" in raw else "not logfmt: there is no key=value"


def _unescaped(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted
    try:
        return _decode_text(f'"{quoted}"'.encode())
    except (msgspec.MsgspecError, UnicodeError):
        return quoted  # an escape that JSON does not know, or a control character, stays as it is


class Logfmt:
    """The format `logfmt`. Invariants: see `Format`; one line gives one event."""

    name: ClassVar[str] = "logfmt"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "lines"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the line is nothing but pairs, with an actor or an action."""
        if record.count(b"=") < _PAIRS_MIN or record[:1] in b'{["<' or b"msg=audit(" in record:
            return False
        found = decode_logfmt(record)
        return isinstance(found, dict) and "" not in found.values() and is_telling(found)

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002 (its times are whole)
        """Map one line; a reason in `quarantine` when it is none or nothing in it is known."""
        found = decode_logfmt(record)
        if isinstance(found, str):
            return Mapped(quarantine=found)
        for name in _SUCCESS & found.keys():
            if found[name] in ("true", "false"):
                found[name] = found[name] == "true"
        for name in _TIMES & found.keys():
            if _is_count(found[name]):
                found[name] = float(found[name])
        return map_fields(found)
