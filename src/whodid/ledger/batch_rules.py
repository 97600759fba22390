"""What the sequencer refuses of a batch, beyond what holds for any leaf (`leaf_rules`).

1. The conflict flag, which is the sequencer's to set.
2. An identity without a content tag: it would read as erased.
3. A tail on an entry of a type that has none.
4. The entry that restarts a log, but from a restore.
"""

import numpy as np

from whodid.ledger.batch import Batch
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.leaf_rules import first_broken_rule, has_identity, words

_TAILLESS = (int(LeafType.EVENT), int(LeafType.SOURCE))


def broken_rule(batch: Batch, *, restarting: bool = False) -> str | None:
    """Return what is wrong with the rows of a batch, None when nothing is.

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
    return None
