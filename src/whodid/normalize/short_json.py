"""The short form people send: one JSON object (format `json`).

    {"timestamp":"2023-10-21T15:45:23.136Z","userId":"john.doe@example.com",
     "action":"FILE_UPLOAD","resource":"customer-records.csv","status":"SUCCESS"}

Names are those of `short_json_names`: camelCase, snake_case, our own, flat or nested. Keys that
are not there stay in the raw record. It does not split bodies, and knows no product.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from types import NoneType
from typing import Any, ClassVar, get_args

import msgspec

from whodid.event import (
    EMPTY_CONTENT,
    Access,
    Content,
    Context,
    Mapped,
    What,
    Where,
    Who,
)
from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.access import access_of, outcome_of
from whodid.normalize.address import is_ip
from whodid.normalize.changes import changes_of
from whodid.normalize.format import Framing
from whodid.normalize.json_record import compact, decode, integer, text
from whodid.normalize.short_json_names import (
    ACTOR_TYPES,
    COMMON_FROM,
    COMMON_TO,
    FIELDS,
    GROUPS,
    NAMES,
    NAMES_OF,
    TEXT_FIELDS,
)
from whodid.normalize.timestamps import count_us, naive_us, rfc3339_us

_TEXTS = len(TEXT_FIELDS)
_COMMON_FROM, _COMMON_TO = FIELDS[COMMON_FROM], FIELDS[COMMON_TO] + 1
_EMPTY: list[Any] = [None] * len(FIELDS)
_PLANNED_BYTES_MAX = 4096
"""Records up to this size are mapped by a remembered plan, so that plans stay small."""
_slot_of = NAMES.get
_decode = msgspec.json.Decoder().decode
_GROUP_DEPTH_MAX = 3
_ACTOR, _BEHALF, _KIND, _AI_AGENT, _AGENT = (
    FIELDS[name] for name in ("actor.id", "actor.on_behalf_of", "actor.type", "agent_id", "agent")
)
_NAME = FIELDS["actor.name"]
_ACTOR_NAMES = (
    "username", "user_name", "userName", "user", "login", "email", "user.email", "userEmail",
    "user_email", "actor.email",
)  # fmt: skip
_TRACE, _SPAN, _TRACEPARENT = (FIELDS[name] for name in ("trace", "span", "traceparent"))
_CHANGES, _BEFORE, _AFTER = (FIELDS[name] for name in ("changes", "before", "after"))
_OUTCOME, _SUCCESS, _ACCESS_SLOT = (FIELDS[name] for name in ("outcome", "success", "access"))
_LISTS = tuple(
    FIELDS[name] for name in ("actor.groups", "resource.labels", "resources", "via", "params")
)
_INTEGERS = tuple(FIELDS[name] for name in ("port", "duration_us", "epoch", "seq"))
_TELLING = tuple(FIELDS[name] for name in ("actor.id", "actor.name", "action"))
FOREIGN_MARKS = (b'"eventSource"', b'"error_severity"', b'"auditID"', b'"class_uid"')
"""Keys of formats of their own, whose records have some of our names by accident."""

_ACCESS: dict[str, Access] = {access: access for access in get_args(Access)}

_NOTHING_KNOWN = (
    "no field that is known: send at least one of timestamp, userId, action, resource "
    "(and status, ip, service, correlationId)"
)


class ShortJson:
    """The format `json`. Invariants: see `Format`; one object gives one event."""

    name: ClassVar[str] = "json"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the record is an object with an actor or an action, of no other format."""
        if record.lstrip()[:1] != b"{" or any(mark in record for mark in FOREIGN_MARKS):
            return False
        found = decode(record)
        if not isinstance(found, dict):
            return False
        slots = _ranked(found)
        return any(slots[slot] is not None for slot in _TELLING)

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002 (its times are whole)
        """Map one object; a reason in `quarantine` when it is none or nothing in it is known."""
        slots = _planned(record)
        if slots is None:
            found = decode(record)
            if isinstance(found, str):
                return Mapped(quarantine=found)
            slots = _ranked(found)
            if slots == _EMPTY:
                return Mapped(quarantine=_NOTHING_KNOWN)
            _settle(slots)
        return _build(slots)


def _planned(record: bytes) -> Sequence[Any] | None:
    """Fill the slots of a plain record the short way; None when it is not so plain.

    Without escapes and with all keys and texts accounted for by their quotes, no key is there
    twice and nothing is nested.
    """
    if len(record) > _PLANNED_BYTES_MAX or b"\\" in record:
        return None
    try:
        found = _decode(record)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    if found.__class__ is not dict:
        return None
    values = (*found.values(), None)
    plan = _plan(tuple(found), tuple(map(type, values)))
    if plan is None or record.count(b'"') != plan[1] or "" in values:
        return None
    return plan[0](values)


@lru_cache(maxsize=256)
def _plan(
    keys: tuple[str, ...], kinds: tuple[type, ...]
) -> tuple[Callable[[tuple[Any, ...]], tuple[Any, ...]], int] | None:
    """Return what picks the slots from the values of such objects, and how many quotes those have.

    Senders repeat themselves: the same keys with the same types of values in the same order.
    """
    places = places_of(keys, kinds)
    return None if places is None else (itemgetter(*places), 2 * (len(keys) + kinds.count(str)))


def places_of(keys: tuple[str, ...], kinds: tuple[type, ...]) -> list[int] | None:
    """Return the place of each slot's key, len(keys) for what is not there.

    None for anything nested, two names of one field, rare fields, or nothing known.
    """
    if dict in kinds or list in kinds:
        return None
    places = [len(keys)] * len(FIELDS)  # where a None stands
    for place, (key, kind) in enumerate(zip(keys, kinds, strict=False)):
        slot = _slot_of(key)
        if slot is None or kind is NoneType:
            continue
        if (
            places[slot] != len(keys)
            or not _COMMON_FROM <= slot < _COMMON_TO
            or (slot < _TEXTS and kind is not str)
        ):
            return None
        places[slot] = place
    return None if min(places) == len(keys) else places


def _ranked(found: dict[str, Any]) -> list[Any]:
    """Fill the slots from nested objects too, each by the best of its names."""
    flat: dict[str, Any] = {}
    _flatten(found, "", flat, 0)
    slots = _EMPTY.copy()
    for slot in {NAMES[name] for name in flat}:
        slots[slot] = next(flat[name] for name in NAMES_OF[slot] if name in flat)
    if slots[_NAME] is None:
        # beside an id, the name or address under which people know the actor
        named = next((flat[name] for name in _ACTOR_NAMES if name in flat), None)
        slots[_NAME] = named if named != slots[_ACTOR] else None
    return slots


def _flatten(found: dict[str, Any], prefix: str, flat: dict[str, Any], depth: int) -> None:
    for key, value in found.items():
        name = prefix + key
        slot = _slot_of(name)
        group = GROUPS.get(name) if value.__class__ is dict else None
        if group is not None:
            if depth < _GROUP_DEPTH_MAX:
                _flatten(value, group, flat, depth + 1)
        elif slot is not None:
            kept = text(value) if slot < _TEXTS else value
            if kept is not None and kept != "":
                flat.setdefault(name, kept)


def _settle(slots: list[Any]) -> None:
    """Bring what is rare into the form that `_build` takes: tuples, types of actor, traces."""
    for slot in _LISTS:
        if slots[slot] is not None:
            slots[slot] = _texts(slots[slot])
    if slots[_KIND] is not None:
        slots[_KIND] = ACTOR_TYPES.get(slots[_KIND].lower())
    _settle_agent(slots)
    if slots[_ACCESS_SLOT] is not None:
        slots[_ACCESS_SLOT] = _ACCESS.get(slots[_ACCESS_SLOT].lower())
    if slots[_TRACEPARENT] is not None and slots[_TRACE] is None:
        slots[_TRACE], slots[_SPAN] = _traceparent(slots[_TRACEPARENT], slots[_SPAN])
    if slots[_OUTCOME] is None and slots[_SUCCESS].__class__ is bool:
        slots[_OUTCOME] = "success" if slots[_SUCCESS] else "failure"
    for slot in _INTEGERS:
        if slots[slot] is not None:
            slots[slot] = integer(slots[slot])
    slots[_CHANGES] = changes_of(slots[_CHANGES], slots[_BEFORE], slots[_AFTER])


def _settle_agent(slots: list[Any]) -> None:
    """Make an agent that acts for somebody the actor, in place of that somebody."""
    ai_agent = slots[_AI_AGENT]
    if ai_agent is None and slots[_ACTOR] is None and slots[_BEHALF] is not None:
        ai_agent, slots[_AGENT] = slots[_AGENT], None  # no browser acts on behalf of anybody
    if ai_agent is not None:
        if slots[_BEHALF] is None and slots[_ACTOR] != ai_agent:
            slots[_BEHALF] = slots[_ACTOR]
        slots[_ACTOR] = ai_agent
        slots[_KIND] = slots[_KIND] or "agent"


def _build(slots: Sequence[Any]) -> Mapped:
    """Make the groups of the slots, in the order of `short_json_names`."""
    (
        actor_name, kind, behalf, _, access, parent, host, _,
        actor_id, session, action, resource_type, resource_name, outcome, reason, ip, agent,
        service, version, endpoint, correlation, trace, span, request, message, statement,
        client_id,
        time, rows, size, duration_ms, duration_us, groups, resource_labels, resources, port, via,
        _, changes, _, _, params, epoch, seq,
    ) = slots  # fmt: skip
    if access is None and action is not None:
        access = access_of(action)
    if duration_ms is not None and duration_us is None:
        duration_us = _microseconds(duration_ms)
    time_us = rfc3339_us(time) if time.__class__ is str else None
    mapped = Mapped(
        time_us,
        time if time_us is not None else None,
        Who(actor_id, actor_name, kind, behalf, session, groups or ()),
        What(
            action,
            access,
            resource_type,
            resource_name,
            parent,
            resource_labels or (),
            resources or (),
            outcome_of(outcome) if outcome is not None else None,
            reason,
            None if rows is None else integer(rows),
            None if size is None else integer(size),
        ),
        Where(ip, host, port, agent, via or ()),
        Context(service, version, endpoint, correlation, trace, span, request, duration_us),
        EMPTY_CONTENT
        if message is statement is params is None and not changes
        else Content(message, changes or (), statement, params or ()),
        None,
        client_id,
        epoch,
        seq,
    )
    if time_us is None and time is not None:
        _set_time(mapped, time)
    if ip is not None and not _is_ip(ip):
        mapped.where = _address(mapped, ip)
    return mapped


@lru_cache(maxsize=4096)
def _is_ip(address: str) -> bool:
    return is_ip(address)


def _set_time(mapped: Mapped, time: Any) -> None:
    """Set a time that is no RFC 3339, its verbatim text, and a label for what had to be assumed."""
    if time.__class__ is str:
        mapped.original_time = time
        mapped.time = naive_us(time)
        if mapped.time is not None:
            mapped.labels += ("assumed:utc",)
            return
        if time.isascii() and time.isdigit() and len(time) < 20:
            mapped.time = count_us(int(time))
    elif time.__class__ is int:
        mapped.original_time = text(time)
        mapped.time = count_us(time)
    elif time.__class__ is float:
        mapped.original_time = repr(time)
        mapped.time = count_us(round(time * 1_000_000)) if 1 << 20 <= time < 1 << 33 else None
    if mapped.time is None:
        mapped.labels += ("unreadable:time",)


def _microseconds(duration_ms: Any) -> int | None:
    if duration_ms.__class__ is float:
        return round(duration_ms * 1000) if 0 <= duration_ms < 1 << 40 else None
    whole = integer(duration_ms)
    return None if whole is None or whole >= 1 << 53 else whole * 1000


def _texts(value: Any) -> tuple[str, ...]:
    """Return a list, or one text with commas, as texts; one item more than is kept at most."""
    if value.__class__ is str:
        value = [part.strip() for part in value.split(",", LIST_ITEMS_MAX + 1)]
    if value.__class__ is not list:
        return ()
    items = (item if item.__class__ is str else compact(item) for item in value if item is not None)
    return tuple(item for item in items if item)[: LIST_ITEMS_MAX + 1]


def _traceparent(value: str, span: str | None) -> tuple[str | None, str | None]:
    """Read trace and span of a W3C Trace Context header (version-trace-span-flags)."""
    parts = value.split("-", 4)
    if len(parts) < 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return None, span
    return parts[1], span or parts[2]


def _address(mapped: Mapped, address: str) -> Where:
    """Read `ip:port`, `[ip]:port` and `client, proxy, proxy`; a label when it is none of them."""
    where = mapped.where
    first, comma, rest = address.partition(",")
    first = first.strip()
    via = _texts(rest) if comma and not where.via else where.via
    if is_ip(first):
        return Where(first, where.host, where.port, where.agent, via)
    head, colon, tail = first.rpartition(":")
    head = head.strip("[]")
    if colon and tail.isascii() and tail.isdigit() and is_ip(head):
        port = where.port if where.port is not None else integer(tail)
        return Where(head, where.host, port, where.agent, via)
    mapped.labels += ("unreadable:ip",)
    return Where(None, where.host, where.port, where.agent, via)
