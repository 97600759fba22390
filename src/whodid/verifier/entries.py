"""Entries of the log: leaves, the roots of ranges in them, events that are opened in part."""

import json
import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from whodid.verifier.fields import DocumentError, Part

EVENT, RANGE = 1, 4
LEAF_BYTES = 94
GROUPS = 8
MAPPED: dict[str, tuple[str, ...]] = {
    "actor": ("actor.id", "actor.name"),
    "on_behalf_of": ("actor.on_behalf_of",),
    "session": ("actor.session",),
    "action": ("action",),
    "access": ("access",),
    "resource": ("resource.name", "resources"),
    "outcome": ("outcome",),
    "ip": ("ip",),
    "correlation": ("correlation",),
    "trace": ("trace",),
    "request": ("request",),
    "service": ("service.name",),
    "source": ("source",),
}
"""Field of a map → the fields of an event that it covers, in the order of the keys in a range."""

GROUP_OF = {
    **dict.fromkeys(("actor.id", "actor.name", "actor.on_behalf_of", "actor.session"), 2),
    **dict.fromkeys(("action", "access", "resource.name", "resources", "outcome"), 3),
    "ip": 4,
    **dict.fromkeys(("correlation", "trace", "request", "service.name"), 5),
    "source": 8,
}
WHEN, ENVELOPE = 1, 8
OWN_SOURCE = "whodid"

_RANGE = struct.Struct(">BBQQ32sqqII32s")
_STATE = struct.Struct(">I32s")
_NOT_REPLACED = b"\xff" * 8 + b"\0"


@dataclass(frozen=True)
class RangeRoot:
    """What an entry of type 4 says of the entries [first, first + 2^level)."""

    level: int
    first: int
    least_us: int
    greatest_us: int
    events: int
    map_root: bytes
    quarantined: int
    erased: int
    key_hashes: dict[str, bytes]

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + (1 << self.level)


def leaf_type(leaf: bytes, place: str) -> int:
    """Return the type of an entry. Raises DocumentError for what is no leaf."""
    if len(leaf) < LEAF_BYTES or leaf[0] != 1:
        raise DocumentError(f"{place}: is no leaf of a version that is known")
    return leaf[1]


def range_root(leaf: bytes, place: str) -> RangeRoot:
    """Read an entry that names a range. Raises DocumentError for any other."""
    if leaf_type(leaf, place) != RANGE:
        raise DocumentError(f"{place}: does not name a range")
    tail = leaf[LEAF_BYTES:]
    states_end = _RANGE.size + 3 * _STATE.size
    hashes_end = states_end + 1 + 32 * len(MAPPED)
    if (
        len(tail) != hashes_end + len(_NOT_REPLACED)
        or (tail[0], tail[states_end], tail[hashes_end:]) != (1, len(MAPPED), _NOT_REPLACED)
        or tail[1] not in {12, 16, 20}
    ):
        raise DocumentError(f"{place}: names a range in a way that is not known")
    _, level, first, _, _, least, greatest, events, _, root = _RANGE.unpack_from(tail)
    counts = [_STATE.unpack_from(tail, _RANGE.size + 36 * number)[0] for number in range(3)]
    at = range(states_end + 1, hashes_end, 32)
    hashes = {name: tail[a : a + 32] for name, a in zip(MAPPED, at, strict=True)}
    return RangeRoot(level, first, least, greatest, events, root, counts[0], counts[1], hashes)


@dataclass(frozen=True)
class Opened:
    """The groups of an event that are shown and are what its leaf commits to."""

    groups: dict[int, dict[str, Any]]

    def texts(self, name: str) -> list[str] | None:
        """Return the texts of a field, None when its group is not shown."""
        group = self.groups.get(GROUP_OF[name])
        if group is None:
            return None
        found = group.get(name)
        values = found if isinstance(found, list) else [found]
        return [value for value in values if isinstance(value, str)]

    @property
    def time_us(self) -> int | None:
        """Event time, else receipt; None when the group is not shown."""
        when = self.groups.get(WHEN)
        if when is None:
            return None
        found = when.get("time", when.get("received"))
        return found if isinstance(found, int) else None


def opened(part: Part, leaf: bytes) -> Opened:
    """Open what is shown of an event.

    Raises DocumentError when it is not what the leaf commits to, or does not decode.
    """
    hashes = part.get("hashes", []).hashes()
    groups: dict[int, dict[str, Any]] = {}
    for item in part.get("shown", []).each():
        number, salt, data = [*item.each(), Part(None), Part(None), Part(None)][:3]
        group = number.number()
        if not 1 <= group <= GROUPS or len(hashes) != GROUPS:
            raise DocumentError(f"{item.place}: an event has {GROUPS} groups")
        shown = data.data()
        prefix = b"whodid/group/v1" + bytes([group]) + salt.data(16)
        if sha256(prefix + shown).digest() != hashes[group - 1]:
            raise DocumentError(f"{item.place}: is not what the event committed to")
        if group != 7:
            groups[group] = _object(shown, item.place)
    if sha256(b"whodid/event/v1" + b"".join(hashes)).digest() != leaf[LEAF_BYTES - 32 : LEAF_BYTES]:
        raise DocumentError(f"{part.place}: its groups are not what its leaf commits to")
    return Opened(groups)


def _object(data: bytes, place: str) -> dict[str, Any]:
    try:
        found = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DocumentError(f"{place}: is no JSON object")
    return found
