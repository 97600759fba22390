"""What a rule's name of a field means for a kind of log: where its values are.

In this order, and the first place that has a value counts: what the kind's table says, the native
record, our Event. Rules about all records (`product: whodid`) ask our Event first.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from whodid.detection.compiled.path import Get, Values, flat, getter, heads_of, plain_steps
from whodid.detection.record import Record
from whodid.detection.taxonomy.kind import Kind
from whodid.event import FIELDS, GROUPS, Change

Load = Callable[["View"], Values]

UNIONS: dict[str, tuple[str, ...]] = {
    "actor": ("actor.id", "actor.name"),
    "resource": ("resource.name", "resources"),
}
"""Names that stand for several fields of the Event at once, as in a search."""

OTHER_NAMES: dict[str, str] = {
    # Elastic Common Schema
    "user.name": "actor.name", "user.id": "actor.id", "source.ip": "ip", "client.ip": "ip",
    "source.port": "port", "event.action": "action", "event.outcome": "outcome",
    "event.provider": "service.name", "user_agent.original": "agent", "url.path": "resource.name",
    "http.request.method": "action", "host.name": "host", "trace.id": "trace",
    "process.command_line": "statement", "error.message": "reason",
    # Open Cybersecurity Schema Framework
    "actor.user.name": "actor.name", "actor.user.uid": "actor.id", "src_endpoint.ip": "ip",
    "src_endpoint.port": "port", "api.operation": "action", "api.service.name": "service.name",
    "http_request.user_agent": "agent", "metadata.product.name": "service.name",
}  # fmt: skip
"""Names of common schemas → the field of the Event that they mean."""

GROUP_NUMBER = {name: number for number, (name, _) in enumerate(GROUPS)}
_encode = msgspec.json.encode


class View(Struct, eq=False):
    """One record while rules look at it: its native form, and what was looked up already.

    `passed` are the bits of the looks at plain paths, when they were decided while it was read.
    `known` are the values of fields by their slots, and their texts in small letters by ~slot; at
    None all texts of the record, in small letters.
    """

    record: Record
    native: dict[str, Any]
    passed: int | None = None
    known: dict[int | None, Values] = {}
    texts: str | None = None


def view_of(record: Record, native: Any) -> View:
    """Return the view of a record whose native form is that, or none."""
    return View(record, native if native.__class__ is dict else {})


class Field:
    """A field of one kind of log. `raw` are its values, `lower` their texts in small letters."""

    __slots__ = ("cased", "load", "lower", "raw", "slot")

    def __init__(self, slot: int, load: Load) -> None:
        self.slot = slot
        self.load = load

        def raw(view: View) -> Values:
            found = view.known.get(slot)
            if found is None:
                found = view.known[slot] = load(view)
            return found

        def lower(view: View) -> tuple[str, ...]:
            found = view.known.get(~slot)
            if found is None:
                found = tuple([text_of(value).lower() for value in raw(view)])
                view.known[~slot] = found
            return found

        def cased(view: View) -> tuple[str, ...]:
            return tuple([text_of(value) for value in raw(view)])

        self.raw = raw
        self.lower = lower
        self.cased = cased


def text_of(value: Any) -> str:
    """Return a value as the text that rules compare: JSON's for truth values, numbers and maps."""
    if value.__class__ is str:
        return value
    if value.__class__ is int or value.__class__ is float:
        return repr(value)
    try:
        return _encode(value).decode()
    except (RecursionError, TypeError, ValueError, OverflowError):
        return ""


def is_of_event(name: str) -> bool:
    """Tell whether a name means a field of our Event (it may mean one of the native record too)."""
    return name in FIELDS or name in UNIONS or name in OTHER_NAMES


def is_known(kind: Kind, name: str) -> bool:
    """Tell whether there is anything that `name` could mean in this kind of log."""
    if name in kind.fields or is_of_event(name) or kind.top is None:
        return True
    first = name.partition(".")[0].partition("[")[0]
    if kind.folds:
        return first.lower() in {it.lower() for it in kind.top}
    return first in kind.top


def loader(kind: Kind, name: str, *, event_first: bool) -> Load:
    """Return what loads the values of a field that rules call `name`."""
    others, of_event = _others(kind, name), _of_event(name)
    return _first([*of_event, *others] if event_first else [*others, *of_event])


class EventPlace(NamedTuple):
    """Where a field of the Event is: its group, its attribute there; and where else it may be.

    There is nothing elsewhere when a native record has none of the keys `heads` at its top; None:
    that does not tell.
    """

    group: int
    attribute: str
    otherwise: Load | None
    heads: frozenset[str] | None


def event_place(kind: Kind, name: str) -> EventPlace | None:
    """Return where a field is that is looked for in the Event first; None when it is no plain one.

    What `loader` loads with `event_first` is this attribute, else what `otherwise` loads.
    """
    name_of_event = OTHER_NAMES.get(name, name)
    if name in UNIONS or name_of_event not in FIELDS or name_of_event in ("time", "changes"):
        return None
    group, attribute = FIELDS[name_of_event]
    others = _others(kind, name)
    otherwise = _first(others) if others else None
    return EventPlace(GROUP_NUMBER[group], attribute, otherwise, _heads_of(kind, name))


def _others(kind: Kind, name: str) -> list[Load]:
    """Return what loads a field from anywhere but the field of the Event that is called so."""
    explicit = [_place(kind, it) for it in kind.fields.get(name, ())]
    native = _native(kind, name) if kind.has_record else []
    return [*explicit, *native]


def plain_path(kind: Kind, name: str) -> tuple[str, ...] | None:
    """Return the keys under which a field is in the native record, when it is nowhere else."""
    elsewhere = name in kind.fields or is_of_event(name) or kind.below or kind.above
    varies = kind.folds or kind.dotted
    return None if elsewhere or varies or not is_known(kind, name) else plain_steps(name)


def paths_of(kind: Kind, name: str) -> list[str]:
    """Return the paths of the native record at which a field is looked for."""
    places = [it.partition("+")[0] for it in kind.fields.get(name, ()) if it[:1] != "@"]
    return [*places, *_native_paths(kind, name)] if kind.has_record else places


def _place(kind: Kind, place: str) -> Load:
    if place[:1] == "@":
        return _event_load(place[1:])
    path, _, behind = place.partition("+")
    get = _native_load(kind, path)
    return (lambda view: tuple([f"{it}{behind}" for it in get(view)])) if behind else get


def _native(kind: Kind, name: str) -> list[Load]:
    return [_native_load(kind, it) for it in _native_paths(kind, name)]


def _native_paths(kind: Kind, name: str) -> list[str]:
    names = [name, *(name[len(it) + 1 :] for it in kind.above if name.startswith(f"{it}."))]
    for below in kind.below:
        inside = name.startswith(f"{below}.")
        names.append(name[len(below) + 1 :] if inside else f"{below}.{name}")
    if kind.top is not None and not is_known(kind, name):
        return []
    return [it for it in names if it]


def _heads_of(kind: Kind, name: str) -> frozenset[str] | None:
    """Return the keys of which a native record has one when it has a field at all."""
    places = kind.fields.get(name, ())
    if any(place[:1] == "@" for place in places):
        return None
    found: set[str] = set()
    for path in (*(it.partition("+")[0] for it in places), *_native_paths(kind, name)):
        heads = heads_of(path, folds=kind.folds, dotted=kind.dotted)
        if heads is None:
            return None
        found |= heads
    return frozenset(found)


def _native_load(kind: Kind, path: str) -> Load:
    get: Get = getter(path, folds=kind.folds, dotted=kind.dotted)

    def load(view: View) -> Values:
        return get(view.native)

    return load


def _of_event(name: str) -> list[Load]:
    if name in UNIONS:
        parts = [_event_load(it) for it in UNIONS[name]]

        def load(view: View) -> Values:
            return tuple([value for part in parts for value in part(view)])

        return [load]
    name = OTHER_NAMES.get(name, name)
    return [_event_load(name)] if name in FIELDS else []


def _event_load(name: str) -> Load:
    if name == "time":
        return lambda view: (view.record.time_us,)
    group, attribute = FIELDS[name]
    number = GROUP_NUMBER[group]
    if number == 5 and attribute == "changes":
        return _changes

    def load(view: View) -> Values:
        value = getattr(view.record.group(number), attribute)
        if value.__class__ is str:
            return (value,)
        return value if value.__class__ is tuple else flat(value)

    return load


def _changes(view: View) -> Values:
    changes: tuple[Change, ...] = view.record.group(5).changes
    return tuple(
        text for it in changes for text in (it.field, it.before, it.after) if text is not None
    )


def _first(loads: list[Load]) -> Load:
    """Return what gives the values of the first place that has any."""
    if not loads:
        return lambda _view: ()
    if len(loads) == 1:
        return loads[0]
    if len(loads) == 2:
        one, other = loads

        def either(view: View) -> Values:
            return one(view) or other(view)

        return either

    def first(view: View) -> Values:
        for load in loads:
            found = load(view)
            if found:
                return found
        return ()

    return first
