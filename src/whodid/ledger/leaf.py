"""The leaf: one entry of the log, what the tree hashes. Big-endian, 94 bytes and a tail.

    u8 version · u8 type · u16 flags · u16 class · 16B source_id · u64 epoch · u64 seq ·
    u64 appended_us · 16B identity_tag · 32B commitment · tail (by type, at most 4 KiB)

The tree hash is SHA-256(0x00 ‖ leaf) (RFC 6962, section 2.1). No personal data is in a leaf.
"""

import struct
from collections.abc import Iterable
from enum import IntEnum, IntFlag

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.limits import LEAF_TAIL_BYTES_MAX

LEAF_VERSION = 1
LEAF_FIXED = struct.Struct(">BBHH16sQQQ16s32s")
LEAF_BYTES = LEAF_FIXED.size
NO_IDENTITY = bytes(16)

LEAF_DTYPE = np.dtype(
    [
        ("prefix", "u1"),
        ("version", "u1"),
        ("type", "u1"),
        ("flags", ">u2"),
        ("class", ">u2"),
        ("source_id", "V16"),
        ("epoch", ">u8"),
        ("seq", ">u8"),
        ("appended_us", ">u8"),
        ("identity_tag", "V16"),
        ("commitment", "V32"),
    ]
)
"""A leaf behind the 0x00 of RFC 6962, so that an array of them is hashed slice by slice."""


class LeafType(IntEnum):
    """What an entry is."""

    EVENT = 1
    SOURCE = 2
    KEY = 3
    RANGE_ROOT = 4
    ERASURE = 5
    ANCHOR = 6
    MEASUREMENT = 7
    CLOCK = 8
    AMENDMENT = 9
    RESTART = 10


class LeafFlag(IntFlag):
    """Bits of `flags`. The two lowest bits say where `seq` comes from (`SeqKind`)."""

    SEQ_SENDER = 1
    SEQ_NATIVE = 2
    SEQ_ASSIGNED = 3
    QUARANTINED = 4
    REDACTED = 8
    CONFLICT = 16
    NO_IDENTITY = 32


SEQ_MASK = 3


class Leaf(Struct, frozen=True):
    """One entry, decoded. `appended_us` is the sequencer's clock and never decreases."""

    type: int
    flags: int
    class_: int
    source_id: bytes
    epoch: int
    seq: int
    appended_us: int
    identity_tag: bytes
    commitment: bytes
    tail: bytes = b""
    version: int = LEAF_VERSION

    def encode(self) -> bytes:
        """Return the bytes that the tree hashes (behind 0x00) and that tiles carry."""
        fixed = LEAF_FIXED.pack(
            self.version, self.type, self.flags, self.class_, self.source_id, self.epoch,
            self.seq, self.appended_us, self.identity_tag, self.commitment,
        )  # fmt: skip
        return fixed + self.tail


def decode_leaf(data: bytes) -> Leaf:
    """Read a leaf. Raises IntegrityError for a wrong length or an unknown version."""
    if not LEAF_BYTES <= len(data) <= LEAF_BYTES + LEAF_TAIL_BYTES_MAX:
        raise IntegrityError(f"a leaf has {LEAF_BYTES} bytes and a tail, this one {len(data)}")
    (
        version, type_, flags, class_, source_id, epoch, seq, appended_us, tag, commitment,
    ) = LEAF_FIXED.unpack_from(data)  # fmt: skip
    if version != LEAF_VERSION:
        raise IntegrityError(f"leaf version {version} is not known; upgrade whodid")
    return Leaf(
        type_, flags, class_, source_id, epoch, seq, appended_us, tag, commitment,
        data[LEAF_BYTES:], version,
    )  # fmt: skip


def encode_leaves(table: "np.ndarray", tails: dict[int, bytes]) -> list[bytes]:
    """Cut an array of LEAF_DTYPE into leaves behind their 0x00, tails appended where there are."""
    data = table.tobytes()
    step = LEAF_DTYPE.itemsize
    leaves = [data[start : start + step] for start in range(0, len(data), step)]
    for row, tail in tails.items():
        leaves[row] += tail
    return leaves


def unprefixed(leaves: Iterable[bytes]) -> list[bytes]:
    """Drop the 0x00 of RFC 6962 from leaves made by `encode_leaves`."""
    return [leaf[1:] for leaf in leaves]
