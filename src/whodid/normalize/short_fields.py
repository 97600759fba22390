"""The fields of a record by the names of the short form, whatever it was decoded from.

`ranked` fills a list of slots, one a field of `short_json_names`, by the best of its names;
`settle` brings rare values into form; `build` makes the groups. It does not decode records.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, get_args

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
from whodid.normalize.json_record import compact, integer, text
from whodid.normalize.short_json_names import (
    ACTOR_TYPES,
    FIELDS,
    GROUPS,
    NAMES,
    NAMES_OF,
    TEXT_FIELDS,
)
from whodid.normalize.timestamps import count_us, naive_us, rfc3339_us

_TEXTS = len(TEXT_FIELDS)
EMPTY: list[Any] = [None] * len(FIELDS)
"""The slots of a record in which nothing is known."""
_slot_of = NAMES.get
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
_ACCESS: dict[str, Access] = {access: access for access in get_args(Access)}

NOTHING_KNOWN = (
    "no field that is known: send at least one of timestamp, userId, action, resource "
    "(and status, ip, service, correlationId)"
)


def is_telling(found: dict[str, Any]) -> bool:
    """Tell whether the names of a record say who or what."""
    slots = ranked(found)
    return any(slots[slot] is not None for slot in _TELLING)


def map_fields(found: dict[str, Any]) -> Mapped:
    """Map a decoded record; quarantined when nothing in it is known."""
    slots = ranked(found)
    if slots == EMPTY:
        return Mapped(quarantine=NOTHING_KNOWN)
    settle(slots)
    return build(slots)


def ranked(found: dict[str, Any]) -> list[Any]:
    """Fill the slots from nested objects too, each by the best of its names."""
    flat: dict[str, Any] = {}
    _flatten(found, "", flat, 0)
    slots = EMPTY.copy()
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


def settle(slots: list[Any]) -> None:
    """Bring what is rare into the form that `_build` takes: tuples, types of actor, traces."""
    for slot in _LISTS:
        if slots[slot] is not None:
            slots[slot] = texts(slots[slot])
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


def build(slots: Sequence[Any]) -> Mapped:
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
        duration_us = microseconds(duration_ms)
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
        set_time(mapped, time)
    if ip is not None and not _known_ip(ip):
        mapped.where = address_of(mapped, ip)
    return mapped


@lru_cache(maxsize=4096)
def _known_ip(address: str) -> bool:
    return is_ip(address)


def set_time(mapped: Mapped, time: Any) -> None:
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


def microseconds(duration_ms: Any) -> int | None:
    """Return a duration in µs; None for what is none or too long."""
    if duration_ms.__class__ is float:
        return round(duration_ms * 1000) if 0 <= duration_ms < 1 << 40 else None
    whole = integer(duration_ms)
    return None if whole is None or whole >= 1 << 53 else whole * 1000


def texts(value: Any) -> tuple[str, ...]:
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


def address_of(mapped: Mapped, address: str) -> Where:
    """Read `ip:port`, `[ip]:port` and `client, proxy, proxy`; a label when it is none of them."""
    where = mapped.where
    first, comma, rest = address.partition(",")
    first = first.strip()
    via = texts(rest) if comma and not where.via else where.via
    if is_ip(first):
        return Where(first, where.host, where.port, where.agent, via)
    head, colon, tail = first.rpartition(":")
    head = head.strip("[]")
    if colon and tail.isascii() and tail.isdigit() and is_ip(head):
        port = where.port if where.port is not None else integer(tail)
        return Where(head, where.host, port, where.agent, via)
    mapped.labels += ("unreadable:ip",)
    return Where(None, where.host, where.port, where.agent, via)
