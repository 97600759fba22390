"""Short JSON records that look like those before them, mapped by cutting instead of decoding.

A sender writes the same keys in the same order, record after record. Of one such record a *stencil*
is made: its text as a pattern in which the values are holes. What the next record has in the holes
goes into templates of the groups, byte for byte what `ShortJson.map`, `record.prepare` and
`event.encode_groups` make of it, at a third of their cost. Whatever is out of the ordinary (an
escape, a nested value, a rare field, a time of another kind) is no stencil's business: it answers
None, and the record goes the long way.

It does not look for secrets: nobody asks it about a record that may hold one.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter

import msgspec
import numpy as np
from msgspec import Struct, structs

from whodid.event import IDENTITY_KINDS, Content, Context, Envelope, IdentityKind, What, Where, Who
from whodid.limits import (
    EVENT_TIME_MAX_US,
    EVENT_TIME_MIN_US,
    STENCIL_ATTEMPTS_MAX,
    STENCIL_RECORD_BYTES_MAX,
    STENCILS_MAX,
)
from whodid.normalize.access import access_of, outcome_of
from whodid.normalize.address import is_ip
from whodid.normalize.record import MISSING_NAMES
from whodid.normalize.short_json import ShortJson, places_of
from whodid.normalize.short_json_names import FIELDS
from whodid.normalize.timestamps import rfc3339_us

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_CLIENT = IDENTITY_KINDS.index("client")
_GROUPS: tuple[type[Struct], ...] = (Who, What, Where, Context, Content)
_tokens = re.compile(rb'"[^"]*"|[^\s{}:,"]+').finditer
_IPV4 = re.compile(
    rb"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!\Z)|\Z)){4}"
).fullmatch
_TEXT = rb'"([^"]++)"'
_COUNT = rb"(0|[1-9][0-9]{0,14}+)"
_COUNTS = frozenset(("rows", "bytes", "duration_ms"))
_NUMBERS = frozenset(("rows", "bytes", "duration_us"))
_PASSED_OVER: dict[type, bytes] = {
    str: rb'"[^"]++"',
    int: rb"-?(?:0|[1-9][0-9]{0,14}+)",
    float: rb"-?(?:0|[1-9][0-9]{0,14}+)\.[0-9]{1,14}+",
    bool: rb"(?:true|false)",
    type(None): rb"null",
}
"""How the value of a key stands in a pattern when the key means nothing to us."""


class Place(Struct, frozen=True):
    """The identity that a record without an id has by its place, and how its envelope tells it."""

    kind: int
    identity: bytes
    json: bytes


NOWHERE = Place(0, b"", b"")
"""No identity at all."""


def place(kind: IdentityKind, identity: str) -> Place:
    """Return a place; the text must stand in JSON as it is."""
    text = identity.encode()
    json = b',"identity":"%b","native_id":"%b"' % (kind.encode(), text)
    return Place(IDENTITY_KINDS.index(kind), text, json)


def all_plain(records: Sequence[bytes]) -> bool:
    """Tell whether all of these are UTF-8 without control characters, as a stencil needs them."""
    body = b"\n".join(records)
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            return False
    controls = np.count_nonzero(np.frombuffer(body, np.uint8) < 0x20)
    return int(controls) == len(records) - 1


class Stencils:
    """The stencils of one source. One owner; not safe for threads.

    Invariants: what `cut` returns is what the long way would; there are never more than
    STENCILS_MAX, and they are made of the first STENCIL_ATTEMPTS_MAX records that fitted none.
    """

    def __init__(self, source: str) -> None:
        self._known: dict[int, list[_Stencil]] = {}
        self._count = 0
        self._shapes: dict[tuple[tuple[str, ...], tuple[type, ...]], int] = {}
        self._attempts = STENCIL_ATTEMPTS_MAX
        envelope = _encode(Envelope(source, ShortJson.name, ShortJson.mapping))
        self._head = envelope[:-1].replace(b"%", b"%%")

    def cut(
        self, raw: bytes, event_id: str, received: bytes, place: Place
    ) -> tuple[tuple[bytes, ...], int, bytes] | None:
        """Map one record of `all_plain` ones: its groups, kind of identity, identity.

        None when no stencil fits. `received` is its time in decimal, `place` is its identity
        unless it has an id of its own.
        """
        if b"\\" in raw or len(raw) > STENCIL_RECORD_BYTES_MAX:
            return None
        for stencil in self._known.get(raw.count(b'"'), ()):
            found = stencil.cut(raw, event_id, received, place)
            if found is not None:
                return found
        return None

    def learn(self, raw: bytes) -> None:
        """Look at a record that no stencil fitted; the second of its shape makes one."""
        if not self._attempts or len(raw) > STENCIL_RECORD_BYTES_MAX or b"\\" in raw:
            return
        self._attempts -= 1
        try:
            found = _decode(raw)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            return
        if not isinstance(found, dict) or "" in found.values():
            return
        shape = (tuple(found), tuple(map(type, found.values())))
        seen = self._shapes[shape] = self._shapes.get(shape, 0) + 1
        if seen == 2 and self._count < STENCILS_MAX:
            names = _names(*shape)
            pattern = None if names is None else _pattern(raw, shape[1], names)
            if names is not None and pattern is not None:
                alike = self._known.setdefault(raw.count(b'"'), [])
                alike.append(_Stencil(pattern, [name for name in names if name], self._head))
                self._count += 1


def _names(keys: tuple[str, ...], kinds: tuple[type, ...]) -> list[str] | None:
    """Return the field of each key, empty for one that means nothing; None for no stencil."""
    places = places_of(keys, kinds)
    if places is None:
        return None
    names = [""] * len(keys)
    for name, slot in FIELDS.items():
        if places[slot] < len(keys):
            names[places[slot]] = name
    wanted = [int if name in _COUNTS else str for name in names]
    fits = all(not n or k is w for n, k, w in zip(names, kinds, wanted, strict=True))
    return names if fits else None


def _pattern(raw: bytes, kinds: tuple[type, ...], names: list[str]) -> re.Pattern[bytes] | None:
    """Return the record as a pattern; None when its tokens are not keys and values in turn."""
    parts, at = [], 0
    tokens = list(_tokens(raw))
    if len(tokens) != 2 * len(kinds):
        return None
    for token, kind, name in zip(tokens[1::2], kinds, names, strict=True):
        parts.append(re.escape(raw[at : token.start()]))
        if not name:
            parts.append(_PASSED_OVER[kind])
        else:
            parts.append(_COUNT if name in _COUNTS else _TEXT)
        at = token.end()
    return re.compile(b"".join((*parts, re.escape(raw[at:]))))


class _Stencil:
    """One shape of records; `names` are the fields of the holes of `pattern`, in order.

    The groups (all but the raw one) are one template with line ends between: no value has any.
    """

    def __init__(self, pattern: re.Pattern[bytes], names: list[str], head: bytes) -> None:
        self._match = pattern.fullmatch
        at = {name: number for number, name in enumerate(names)}
        self._time, self._ip, self._client_id = at.get("time"), at.get("ip"), at.get("client_id")
        self._action, self._outcome = at.get("action"), at.get("outcome")
        self._duration = at.get("duration_ms")
        # behind the values of the holes stand those that are made of them and of the delivery
        made = ("id", "received", "time_us", "access", "outcome", "duration_us", "identity")
        at |= {
            name: len(names) + number
            for number, name in enumerate(made)
            if (name != "outcome" or name in at) and (name != "duration_us" or "duration_ms" in at)
        }
        present = {name.removesuffix(".id").removesuffix(".name") for name in names}
        missing = [f"missing:{name}" for name in MISSING_NAMES if name not in present]
        labels = b',"labels":' + _encode(missing) if missing else b""
        when, whens = b'{"id":"%b","received":%b', [at["id"], at["received"]]
        if self._time is not None:
            when += b',"time":%d,"original_time":"%b"'
            whens += [at["time_us"], self._time]
        lines, places = [when + b"}"], whens
        for struct in _GROUPS:
            line, more = _template(struct, at)
            lines.append(line)
            places += more
        if self._client_id is None:
            places.append(at["identity"])
            lines.append(head + b"%b" + labels + b"}")
        else:
            places.append(self._client_id)
            lines.append(head + b',"identity":"client","native_id":"%b"' + labels + b"}")
        self._template = b"\n".join(lines)
        self._values = itemgetter(*places)

    def cut(
        self, raw: bytes, event_id: str, received: bytes, place: Place
    ) -> tuple[tuple[bytes, ...], int, bytes] | None:
        """Return groups, kind of identity, identity; None when the record does not fit."""
        match = self._match(raw)
        if match is None:
            return None
        values = match.groups()
        time_us, access, outcome, duration = 0, b"", b"", b""
        if self._time is not None:
            time_us = _time_us(values[self._time])
            if not EVENT_TIME_MIN_US <= time_us <= EVENT_TIME_MAX_US:
                return None
        if self._ip is not None and not _is_ip(values[self._ip]):
            return None
        if self._action is not None:
            access = _access(values[self._action])
        if self._outcome is not None:
            outcome = _outcome(values[self._outcome])
        if self._duration is not None:
            duration = values[self._duration]
            if duration != b"0":
                duration += b"000"
        values += (event_id.encode(), received, time_us, access, outcome, duration, place.json)
        when, who, what, where, context, content, envelope = (
            self._template % self._values(values)
        ).split(b"\n")
        groups = (when, who, what, where, context, content, raw, envelope)
        if self._client_id is None:
            return groups, place.kind, place.identity
        return groups, _CLIENT, values[self._client_id]


def _template(struct: type[Struct], at: dict[str, int]) -> tuple[bytes, list[int]]:
    """Return the JSON of a group with `%b` for its values, and where these are."""
    pieces, places = [], []
    for field in structs.fields(struct):
        name = field.encode_name
        if name == "access" or name not in at:
            continue
        hole = b"%b" if name in _NUMBERS else b'"%b"'
        pieces.append(b'"%b":%b' % (name.encode(), hole))
        places.append(at[name])
        if name == "action":  # its access brings the comma, for it may be unknown
            pieces[-1] += b"%b"
            places.append(at["access"])
    empty = b"" if struct is Content else b"{}"
    return b"{%b}" % b",".join(pieces) if pieces else empty, places


def _is_ip(address: bytes) -> bool:
    return _IPV4(address) is not None or _is_other_ip(address)


@lru_cache(maxsize=1024)
def _is_other_ip(address: bytes) -> bool:
    return is_ip(address.decode())


@lru_cache(maxsize=4096)
def _access(action: bytes) -> bytes:
    access = access_of(action.decode())
    return b"" if access is None else b',"access":"%b"' % access.encode()


@lru_cache(maxsize=1024)
def _outcome(status: bytes) -> bytes:
    return outcome_of(status.decode()).encode()


def _time_us(text: bytes) -> int:
    """Read an RFC 3339 time; -1 for anything else."""
    second, decimals = text[17:19], text[20:-1]
    if text[19:20] == b"." and text[-1:] == b"Z" and decimals.isdigit() and second.isdigit():
        minute_us = _minute_us(text[:17])
        if minute_us >= 0 and len(decimals) <= 6 and second < b"60":
            return minute_us + int(second) * 1_000_000 + int(decimals.ljust(6, b"0"))
    found = rfc3339_us(text.decode())
    return -1 if found is None else found


@lru_cache(maxsize=4096)
def _minute_us(text: bytes) -> int:
    """Read `2023-10-21T15:45:`, as the beginning of a time in UTC."""
    found = rfc3339_us(text.decode() + "00Z") if text[10:11] == b"T" else None
    return -1 if found is None else found
