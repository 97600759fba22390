"""What the sequencer refuses of a batch, beyond what holds for any leaf (`leaf_rules`).

1. The conflict flag, which is the sequencer's to set.
2. An identity without a content tag: it would read as erased.
3. A tail on an entry of a type that has none.
4. The entry that restarts a log, but from a restore.
5. The root of a range that does not decode, or of entries that the log does not have yet.
"""

import numpy as np

from whodid.errors import IntegrityError
from whodid.ledger.batch import Batch
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.leaf_rules import first_broken_rule, has_identity, words
from whodid.ledger.range_root import parse_range_root

_TAILLESS = (int(LeafType.EVENT), int(LeafType.SOURCE))


def broken_rule(batch: Batch, size: int, *, restarting: bool = False) -> str | None:
    """Return what is wrong with the rows of a batch for a log of `size`, None when nothing is.

    `restarting` allows the entry that a restore begins with.
    """
    table = batch.table
    if (table["flags"] & np.uint16(LeafFlag.CONFLICT)).any():
        return "a batch with the conflict flag, which is the sequencer's to set"
    if not restarting and (table["type"] == int(LeafType.RESTART)).any():
        return "an entry of type 10, which only a restore appends"
    broken = first_broken_rule(table)
    if broken:
        return f"row {broken[0]} of the batch {broken[1]}"
    if (has_identity(table) & (words(table["content_tag"], 1)[:, 0] == 0)).any():
        # It would read as erased, and each later record of that identity as a duplicate.
        return "a batch with a row that has an identity and no content tag"
    if any(table["type"][row] in _TAILLESS for row in batch.tails):
        return "a batch with a tail on an entry of a type that has none"
    return _broken_range(batch, size)


def _broken_range(batch: Batch, size: int) -> str | None:
    for row in np.flatnonzero(batch.table["type"] == int(LeafType.RANGE_ROOT)).tolist():
        try:
            root = parse_range_root(batch.tails.get(row, b""))
        except IntegrityError as error:
            return f"row {row} of the batch: {error}"
        if root.size > size:
            return f"row {row} of the batch: a range read at {root.size} entries of {size}"
    return None
