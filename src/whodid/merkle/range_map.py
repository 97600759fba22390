"""The map of a range: which entries have which exact value, so that "no other" can be proved.

A range is 2^level aligned entries, level 12, 16 or 20. Its map has one *row* for each
(field, value):

    key  = SHA-256("whodid/key/v1" || K || u8 length || field || u32 length || value)[:6]
    row  = key 6B || u32 count || what 32B

`what` are the offsets of up to eight entries (u32, ascending, then zeros), or the digest of the
list of all of them.
A row's bucket is the first `level - 1` bits of its key; a bucket is its rows in the order of their
keys, and the map is the tree of RFC 6962 over all buckets, empty ones too. So a value has one place
only: its bucket shows its row, or that there is none, and no map can prove both.

The digest of a list: at level 12 SHA-256("whodid/list/v1" || u16 offsets ascending), above it
SHA-256("whodid/lists/v1" || u16 which of the 16 ranges below || their digests), so that a part of a
long list can be shown alone.

K is secret, and another for each field: without it nobody can test guesses. Two values of one key
share a row, which then lists the entries of both; who asks for one of them opens the other's too.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

LEVELS: Final = (12, 16, 20)
CHUNK_LEVEL: Final = 12
FANOUT_BITS: Final = 4
KEY_BYTES: Final = 6
INLINE: Final = 8
KEY_BITS: Final = 8 * KEY_BYTES
ROW_BYTES: Final = KEY_BYTES + 4 + 32
SPAN_LEVEL: Final = 24
"""Ranges of one span of 2^24 entries share their secret."""

NO_LIST: Final = bytes(32)

_KEY: Final = b"whodid/key/v1"
_MAP_KEY: Final = b"whodid/map-key/v1"
LIST_PREFIX: Final = b"whodid/list/v1"
_LISTS: Final = b"whodid/lists/v1"


def depth_of(level: int) -> int:
    """Return the number of bits of a key that say its bucket."""
    return level - 1


def field_key(secret: bytes, field: str) -> bytes:
    """Return K of a field: 32 bytes, of which none says anything of another field's."""
    return hmac.digest(secret, _MAP_KEY + field.encode(), "sha256")


def key_prefix(key: bytes, field: str) -> bytes:
    """Return what is hashed before the length and the bytes of a value."""
    name = field.encode()
    return _KEY + key + bytes([len(name)]) + name


def key_of(key: bytes, field: str, value: bytes) -> int:
    """Return the key of a value (48 bits)."""
    data = key_prefix(key, field) + len(value).to_bytes(4, "big") + value
    return int.from_bytes(sha256(data).digest()[:KEY_BYTES], "big")


def chunk_digest(offsets: Sequence[int]) -> bytes:
    """Return the digest of a list of a range of level 12; offsets are ascending."""
    return sha256(
        LIST_PREFIX + b"".join([offset.to_bytes(2, "big") for offset in offsets])
    ).digest()


def joined_bytes(digests: Sequence[tuple[int, bytes]]) -> bytes:
    """Return what is hashed of lists of ranges below: (which of the 16, digest), ascending."""
    which = 0
    for child, _ in digests:
        which |= 1 << child
    return _LISTS + which.to_bytes(2, "big") + b"".join([digest for _, digest in digests])


def joined_digest(digests: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the digest of lists of ranges below."""
    return sha256(joined_bytes(digests)).digest()


def list_digest(level: int, offsets: Sequence[int]) -> bytes:
    """Return the digest of a list of ascending offsets in a range of this level."""
    if level == CHUNK_LEVEL:
        return chunk_digest(offsets)
    below = level - FANOUT_BITS
    parts: dict[int, list[int]] = {}
    for offset in offsets:
        parts.setdefault(offset >> below, []).append(offset & (1 << below) - 1)
    return joined_digest([(child, list_digest(below, part)) for child, part in parts.items()])


def what_of(level: int, offsets: Sequence[int]) -> bytes:
    """Return what stands in a row for these entries: the few offsets, or a digest."""
    if len(offsets) > INLINE:
        return list_digest(level, offsets)
    return b"".join([offset.to_bytes(4, "big") for offset in offsets]).ljust(32, b"\0")


def offsets_in(count: int, what: bytes) -> list[int]:
    """Return the offsets that stand in a row of at most INLINE entries."""
    return [int.from_bytes(what[at : at + 4], "big") for at in range(0, 4 * count, 4)]
