"""The tail of a type-4 entry: the map of a range of the log, signed with everything else.

    u8 version · u8 level · u64 first · u64 tree size · 32B root ·
    i64 least event time · i64 greatest · u32 events · u32 keys · 32B map root ·
    3 x (u32 count · 32B what) for the states ·
    u8 fields · per field 32B SHA-256 of its K · u64 replaced entry (all ones: none) · u8 cause

`size` and `root` are a tree head that the maker had read. The states are entries whose fields are
not (all) in the map: quarantined, erased (or not readable), amended. Times are µs, UTC; with no
event the least is greater than the greatest. The map itself: `merkle.range_map`.
"""

import struct

from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.merkle.range_map import LEVELS
from whodid.query.provable import MAPPED

RANGE_VERSION = 1
FIELDS = tuple(MAPPED)
"""The fields of a map, in the order of their keys in the tail."""

STATES = ("_quarantined", "_erased", "_amended")
NOT_REPLACED = 2**64 - 1

_HEAD = struct.Struct(">BBQQ32sqqII32s")
_STATE = struct.Struct(">I32s")
_END = struct.Struct(">QB")


class Counted(Struct, frozen=True):
    """How many entries, and what stands for them (`range_map.what_of`)."""

    count: int
    what: bytes


class RangeRoot(Struct, frozen=True):
    """What the log says of a range [first, first + 2^level)."""

    level: int
    first: int
    size: int
    root: bytes
    least_us: int
    greatest_us: int
    events: int
    keys: int
    map_root: bytes
    states: tuple[Counted, ...]
    key_hashes: tuple[bytes, ...]
    replaced: int = NOT_REPLACED
    cause: int = 0

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + (1 << self.level)

    def same_map(self, other: "RangeRoot") -> bool:
        """Tell whether both say the same of the same range, read at whatever tree head."""
        return _content(self) == _content(other)

    def encode(self) -> bytes:
        """Return the tail."""
        head = _HEAD.pack(
            RANGE_VERSION, self.level, self.first, self.size, self.root, self.least_us,
            self.greatest_us, self.events, self.keys, self.map_root,
        )  # fmt: skip
        states = b"".join(_STATE.pack(item.count, item.what) for item in self.states)
        hashes = bytes([len(self.key_hashes)]) + b"".join(self.key_hashes)
        return head + states + hashes + _END.pack(self.replaced, self.cause)


def _content(root: RangeRoot) -> tuple[object, ...]:
    return (
        root.level, root.first, root.least_us, root.greatest_us, root.events, root.keys,
        root.map_root, root.states, root.key_hashes,
    )  # fmt: skip


def parse_range_root(tail: bytes) -> RangeRoot:
    """Read a tail. Raises IntegrityError for anything that `encode` does not write."""
    states_end = _HEAD.size + len(STATES) * _STATE.size
    if len(tail) <= states_end or tail[0] != RANGE_VERSION:
        raise IntegrityError("the root of a range is cut short or of an unknown version")
    _, level, first, size, root, least, greatest, events, keys, map_root = _HEAD.unpack_from(tail)
    states = tuple(
        Counted(*_STATE.unpack_from(tail, _HEAD.size + number * _STATE.size))
        for number in range(len(STATES))
    )
    end = states_end + 1 + 32 * tail[states_end]
    if len(tail) != end + _END.size or tail[states_end] != len(FIELDS):
        raise IntegrityError("the root of a range has a wrong length")
    hashes = tuple(tail[at : at + 32] for at in range(states_end + 1, end, 32))
    replaced, cause = _END.unpack_from(tail, end)
    found = RangeRoot(
        level, first, size, root, least, greatest, events, keys, map_root, states, hashes,
        replaced, cause,
    )  # fmt: skip
    _check(found)
    return found


def _check(root: RangeRoot) -> None:
    if root.level not in LEVELS or root.first & (1 << root.level) - 1:
        raise IntegrityError(f"there is no range of level {root.level} at entry {root.first}")
    if root.end > root.size:
        raise IntegrityError(f"a range up to {root.end} that was read at {root.size} entries")
    if root.replaced != NOT_REPLACED or root.cause:
        raise IntegrityError("a range that replaces another, which this whodid does not know")
