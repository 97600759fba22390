"""Entries as they are read: whole, as a search needs them, or many with some of their groups.

No reading in here.
"""

from typing import TypeAlias

import numpy as np
from msgspec import Struct

from whodid.event import Event, decode_groups
from whodid.ledger.leaf import Leaf, LeafType, decode_leaf
from whodid.ledger.leaf_heads import LeafHead
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

    def head(self) -> LeafHead:
        """Return what of the leaf a search needs."""
        leaf = self.leaf()
        return LeafHead(leaf.type, leaf.flags, leaf.appended_us)

    def event(self) -> Event | None:
        """Return the event; None for other types of entry and where there is no payload.

        Raises msgspec.DecodeError for a payload that is not an event's.
        """
        return _event(self.type, self.groups)


class HeadedRow(Struct, frozen=True):
    """One entry with the head of its leaf only: to read a leaf whole is what costs most."""

    index: int
    leaf_head: LeafHead
    groups: tuple[bytes, ...] | None

    def head(self) -> LeafHead:
        """Return what of the leaf a search needs."""
        return self.leaf_head

    def event(self) -> Event | None:
        """Return the event, as `StoredRow.event` does."""
        return _event(self.leaf_head.type, self.groups)


FoundRow: TypeAlias = StoredRow | HeadedRow
"""An entry that a search found."""


def _event(type_: int, groups: tuple[bytes, ...] | None) -> Event | None:
    if type_ != LeafType.EVENT or groups is None:
        return None
    return decode_groups(groups)


class GroupRows(Struct, frozen=True):
    """Consecutive entries from `first` on: type, flags and whether the payload is here.

    `groups` has one column per group asked for, over the rows whose payload is here.
    """

    first: int
    types: np.ndarray
    flags: np.ndarray
    here: np.ndarray
    groups: Grid
