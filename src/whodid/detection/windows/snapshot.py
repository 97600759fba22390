"""Snapshots of an engine: msgpack, with a number of their form; what is not one is refused.

State is kept by the version of the correlation it belongs to: of rules that changed, or that one
of the rules below them did, it is left out when it is taken up.
"""

from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from whodid.detection.windows.hit import PLAN, VALUE, Hit
from whodid.detection.windows.lane import Lane
from whodid.detection.windows.machine import Machine
from whodid.detection.windows.stored import Count, NoticeKind, StoredHit, hit_from
from whodid.detection.windows.watermark import MarkState
from whodid.errors import FormatError, InputError

FORM = "whodid-windows-1"
"""Changes with what is kept; a snapshot of another form is not taken up."""

Counts = dict[tuple[NoticeKind, str], int]


class _Lane(Struct, array_like=True):
    """`versions` are those of the plans, in the order that hits mean; state is by version."""

    time: MarkState
    versions: list[str]
    waiting: list[StoredHit]
    machines: dict[str, bytes]


class _Snapshot(Struct, array_like=True):
    form: str
    position: Count
    counts: list[tuple[NoticeKind, str, Count, Count]]
    lane: _Lane
    past: _Lane | None


class _Head(Struct, array_like=True):
    form: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Snapshot).decode
_head = msgspec.msgpack.Decoder(_Head).decode


class State(Struct):
    """What an engine knows. `noticed` are the counts that were told."""

    position: int
    counts: Counts
    noticed: Counts
    lane: Lane
    past: Lane | None


def snapshot_of(engine: State) -> bytes:
    """Return all of an engine's state; the same state gives the same bytes."""
    counts = [
        (kind, subject, count, engine.noticed.get((kind, subject), 0))
        for (kind, subject), count in sorted(engine.counts.items())
    ]
    past = None if engine.past is None else _stored(engine.past)
    return _encode(_Snapshot(FORM, engine.position, counts, _stored(engine.lane), past))


def restored(data: bytes, new_lane: Callable[[], Lane]) -> State:
    """Return what a snapshot says, for the plans of `new_lane`. Raises InputError, FormatError."""
    try:
        form = _head(data).form
        if form != FORM:
            raise FormatError(f"state of correlations: form {form[:40]!r}, not {FORM}: begin anew")
        said = _decode(data)
        lane = _taken(said.lane, new_lane())
        past = None
        if said.past is not None:
            past = _taken(said.past, new_lane())
            past.time.follows_clock = False
            if not past.time.sources:
                raise InputError("state of correlations: a past without a source")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise InputError(f"no state of correlations: {error}") from None
    counts = {(kind, subject): count for kind, subject, count, _ in said.counts}
    noticed = {(kind, subject): told for kind, subject, _, told in said.counts}
    return State(said.position, counts, noticed, lane, past)


def _stored(lane: Lane) -> _Lane:
    # sorted: a heap of the same hits can stand in many orders
    waiting = sorted(lane.waiting, key=lambda hit: hit[:VALUE])
    machines = {machine.plan.version: machine.state() for machine in lane.machines}
    return _Lane(lane.time.state(), [plan.version for plan in lane.plans], waiting, machines)


def _taken(stored: _Lane, lane: Lane) -> Lane:
    places = {plan.version: plan.place for plan in lane.plans}
    lane.time.take(stored.time)
    for machine in lane.machines:
        data = stored.machines.get(machine.plan.version)
        if data is not None:
            machine.take(data)
    lane.restore_waiting(list(_waiting(stored, places, lane.machines)))
    return lane


def _waiting(stored: _Lane, places: dict[str, int], machines: list[Machine]) -> Iterator[Hit]:
    for hit in stored.waiting:
        if hit[PLAN] >= len(stored.versions):
            raise InputError("state of correlations: a hit of no rule")
        place = places.get(stored.versions[hit[PLAN]])
        if place is None:
            continue
        machine = machines[place]
        yield hit_from(hit, machine.plan, machine.value_of(hit[VALUE]))
