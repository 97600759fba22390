"""Entries as they are read: one by one, or many with some of their groups. No reading in here."""

import numpy as np
from msgspec import Struct

from whodid.event import Event, decode_groups
from whodid.ledger.leaf import Leaf, LeafType, decode_leaf
from whodid.ledger.pieces import Grid


class StoredRow(Struct, frozen=True):
    """One entry: its index, its leaf (94 B and tail), and its payload.

    `seed` and `groups` are None when it was erased, or when a door sent a body that does not open.
    """

    index: int
    leaf_bytes: bytes
    seed: bytes | None
    groups: tuple[bytes, ...] | None

    def leaf(self) -> Leaf:
        """Return the decoded leaf."""
        return decode_leaf(self.leaf_bytes)

    @property
    def type(self) -> int:
        """Return the entry's type (`LeafType`)."""
        return self.leaf_bytes[1]

    def event(self) -> Event | None:
        """Return the event; None for other types of entry and where there is no payload.

        Raises msgspec.DecodeError for a payload that is not an event's.
        """
        if self.type != LeafType.EVENT or self.groups is None:
            return None
        return decode_groups(self.groups)


class GroupRows(Struct, frozen=True):
    """Consecutive entries from `first` on: type, flags and whether the payload is here.

    `groups` has one column per group asked for, over the rows whose payload is here.
    """

    first: int
    types: np.ndarray
    flags: np.ndarray
    here: np.ndarray
    groups: Grid
