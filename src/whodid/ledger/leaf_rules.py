"""What must hold between the fields of any one leaf. The sequencer refuses what `verify` would.

1. The type is one of `LeafType`.
2. No unknown bit of `flags` is set.
3. The identity tag is zero exactly when the type is not *event* or *no identity* is flagged.
4. Only what has an identity can be in conflict.
"""

import numpy as np

from whodid.ledger.leaf import LeafFlag, LeafType

_KNOWN_FLAGS = 0x3F
_FIRST, _LAST = min(LeafType), max(LeafType)

Array = np.ndarray


def has_identity(table: Array) -> Array:
    """Tell for each row (of LEAF_DTYPE or ROW_DTYPE) whether it has an identity."""
    wanted: Array = (table["type"] == int(LeafType.EVENT)) & (
        (table["flags"] & np.uint16(LeafFlag.NO_IDENTITY)) == 0
    )
    return wanted


def words(column: Array, words_each: int) -> Array:
    """Return a column of fixed-length bytes as native u64 words, one row each."""
    data = np.frombuffer(column.tobytes(), dtype=">u8")
    return data.reshape(-1, words_each).astype(np.uint64)


def first_broken_rule(table: Array) -> tuple[int, str] | None:
    """Return (row, what is wrong) of a row that breaks a rule, None when there is none."""
    types, flags = table["type"], table["flags"]
    wanted = has_identity(table)
    untagged = ~words(table["identity_tag"], 2).any(axis=1)
    rules = (
        ((types < _FIRST) | (types > _LAST), "has a type that is not known"),  # 1
        ((flags & np.uint16(~_KNOWN_FLAGS & 0xFFFF)) != 0, "has flags that are not known"),  # 2
        (wanted & untagged, "has no identity tag and does not say so"),  # 3
        (~wanted & ~untagged, "has an identity tag that its flags or type deny"),  # 3
        (
            ~wanted & ((flags & np.uint16(LeafFlag.CONFLICT)) != 0),
            "is flagged as a conflict without an identity",
        ),  # 4
    )
    for broken, problem in rules:
        if broken.any():
            return int(broken.argmax()), problem
    return None
