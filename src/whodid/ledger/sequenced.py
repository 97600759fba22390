"""A sequenced batch: the body of one write-ahead record. Big-endian.

    u64 first index · u64 appended_us · u32 rows · u32 accepted · one verdict byte a row · batch

Rows that were accepted (verdict 0 or 2) are entries first, first+1, … of the log, in order.
"""

import struct

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.batch import Batch, parse_batch
from whodid.ledger.leaf import LEAF_DTYPE, LEAF_VERSION, LeafFlag, encode_leaves
from whodid.ledger.leaf_rules import has_identity

ACCEPTED, DUPLICATE, CONFLICT = 0, 1, 2

_HEADER = struct.Struct(">QQII")


class Sequenced(Struct, frozen=True):
    """A batch with its order, time and verdicts."""

    first: int
    appended_us: int
    verdicts: bytes
    batch: Batch

    @property
    def accepted(self) -> int:
        """Number of entries that this batch added to the log."""
        return len(self.verdicts) - self.verdicts.count(DUPLICATE)

    @property
    def end(self) -> int:
        """Index behind its last entry."""
        return self.first + self.accepted

    def kept(self) -> list[int]:
        """Row numbers that became entries, in order."""
        if DUPLICATE not in self.verdicts:
            return list(range(len(self.verdicts)))
        return [i for i, verdict in enumerate(self.verdicts) if verdict != DUPLICATE]

    def content_tags(self) -> bytes:
        """Return the content tags of the entries, in order, joined."""
        tags = self.batch.table["content_tag"]
        return (tags if DUPLICATE not in self.verdicts else tags[self.kept()]).tobytes()

    def encode(self) -> bytes:
        """Return the record body."""
        header = _HEADER.pack(self.first, self.appended_us, len(self.verdicts), self.accepted)
        return b"".join((header, self.verdicts, self.batch.data))

    def leaves(self) -> list[bytes]:
        """Return the entries' leaves, each behind the 0x00 of RFC 6962."""
        return encode_leaves(*self.table())

    def table(self) -> tuple[np.ndarray, dict[int, bytes]]:
        """Return the entries' leaves as an array of LEAF_DTYPE, and their tails by position."""
        batch = self.batch
        verdicts = np.frombuffer(self.verdicts, dtype="u1")
        keep = verdicts != DUPLICATE
        rows = batch.table if bool(keep.all()) else batch.table[keep]
        out = np.zeros(len(rows), dtype=LEAF_DTYPE)
        out["version"] = LEAF_VERSION
        for name in ("type", "class", "epoch", "seq", "identity_tag", "commitment"):
            out[name] = rows[name]
        conflict = (verdicts[keep] == CONFLICT).astype(np.uint16) * int(LeafFlag.CONFLICT)
        out["flags"] = rows["flags"] | conflict
        out["source_id"] = np.array(batch.sources, dtype="V16")[rows["source"]]
        out["appended_us"] = self.appended_us
        tails: dict[int, bytes] = {}
        if batch.tails:
            place = {row: i for i, row in enumerate(self.kept())}
            tails = {place[row]: tail for row, tail in batch.tails.items() if row in place}
        return out, tails


def parse_sequenced(body: bytes) -> Sequenced:
    """Read a record body. Raises IntegrityError or InputError for bytes that are none."""
    try:
        first, appended_us, rows, accepted = _HEADER.unpack_from(body)
    except struct.error as error:
        raise IntegrityError("a write-ahead record that is cut short") from error
    start = _HEADER.size + rows
    verdicts = body[_HEADER.size : start]
    sequenced = Sequenced(first, appended_us, verdicts, parse_batch(body[start:]))
    if sequenced.batch.rows != rows or sequenced.accepted != accepted:
        raise IntegrityError("a write-ahead record whose rows do not add up")
    if accepted < rows:  # nothing can be a duplicate that has no identity
        dropped = np.frombuffer(verdicts, dtype="u1") == DUPLICATE
        if (dropped & ~has_identity(sequenced.batch.table)).any():
            raise IntegrityError("a write-ahead record that drops a row without an identity")
    return sequenced
