"""The commitment of an event: eight salted hashes under one, so that each can be shown alone.

    salt_1 … salt_8 = the 16-byte slices of SHAKE-128("whodid/salt/v1" || seed)
    C_g             = SHA-256("whodid/group/v1" || u8 g || salt_g || bytes_g)
    commitment      = SHA-256("whodid/event/v1" || C_1 || … || C_8)

The seed is 16 random bytes of the event's own: one salt shown reveals no other, and once the seed
is destroyed nobody can test a guess. It does not serialise events and does not draw random bytes.
"""

import struct
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256, shake_128
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.native import native

GROUPS = 8
SEED_BYTES = 16
SALT_BYTES = 16
HASH_BYTES = 32

_SALT = b"whodid/salt/v1"
_GROUP = b"whodid/group/v1"
_EVENT = b"whodid/event/v1"
_GROUP_PREFIXES = tuple(_GROUP + bytes([g]) for g in range(1, GROUPS + 1))
_CUT = struct.Struct("16s" * GROUPS).unpack


class Revealed(NamedTuple):
    """One group that is shown: its number (1 to 8), its salt and its bytes."""

    group: int
    salt: bytes
    data: bytes


class Opening(Struct, frozen=True):
    """Selective disclosure of one event: all eight group hashes, and the groups that are shown.

    A hidden group shows its hash only, which its secret salt makes useless for guessing.
    """

    hashes: tuple[bytes, ...]
    revealed: tuple[Revealed, ...] = ()


def salts(seed: bytes) -> list[bytes]:
    """Return the eight salts of an event."""
    stream = shake_128(_SALT + seed).digest(GROUPS * SALT_BYTES)
    return [stream[i : i + SALT_BYTES] for i in range(0, len(stream), SALT_BYTES)]


def group_hash(g: int, salt: bytes, data: bytes) -> bytes:
    """Return C_g; `g` counts from 1 to 8."""
    return sha256(_GROUP_PREFIXES[g - 1] + salt + data).digest()


def group_hashes(seed: bytes, groups: Sequence[bytes]) -> list[bytes]:
    """Return C_1 to C_8 of an event with these serialised groups."""
    return _group_hashes(salts(seed), groups)


def _group_hashes(salts_of: Sequence[bytes], groups: Sequence[bytes]) -> list[bytes]:
    return [
        sha256(prefix + salt + data).digest()
        for prefix, salt, data in zip(_GROUP_PREFIXES, salts_of, groups, strict=True)
    ]


def commit(seed: bytes, groups: Sequence[bytes]) -> bytes:
    """Return the commitment of an event with these eight serialised groups."""
    return sha256(_EVENT + b"".join(group_hashes(seed, groups))).digest()


def commit_rows(seeds: Iterable[bytes], rows: Iterable[Sequence[bytes]]) -> list[bytes]:
    """Return the commitments of many events: `commit` for each, the hot path.

    Raises ValueError when there are not as many seeds as rows, or a row has not eight groups.
    """
    if native is not None:
        return native.commitments(list(seeds), list(map(tuple, rows)))
    return commit_rows_unrolled(seeds, rows)


def commit_rows_unrolled(seeds: Iterable[bytes], rows: Iterable[Sequence[bytes]]) -> list[bytes]:
    """Return what `commit_rows` does, in Python."""
    sha, shake, cut, join = sha256, shake_128, _CUT, b"".join
    salt_prefix, event_prefix = _SALT, _EVENT
    p1, p2, p3, p4, p5, p6, p7, p8 = _GROUP_PREFIXES
    out: list[bytes] = []
    append = out.append
    for seed, (g1, g2, g3, g4, g5, g6, g7, g8) in zip(seeds, rows, strict=True):
        s1, s2, s3, s4, s5, s6, s7, s8 = cut(shake(salt_prefix + seed).digest(128))
        hashes = (
            event_prefix,
            sha(p1 + s1 + g1).digest(),
            sha(p2 + s2 + g2).digest(),
            sha(p3 + s3 + g3).digest(),
            sha(p4 + s4 + g4).digest(),
            sha(p5 + s5 + g5).digest(),
            sha(p6 + s6 + g6).digest(),
            sha(p7 + s7 + g7).digest(),
            sha(p8 + s8 + g8).digest(),
        )
        append(sha(join(hashes)).digest())
    return out


def commit_columns(seeds: bytes, data: bytes, begin: np.ndarray, end: np.ndarray) -> bytes:
    """Return the commitments of rows by column, joined: what `commit_rows` does, and no object.

    `seeds` are joined; group g of row i is data[begin[g - 1, i]:end[g - 1, i]] (i64). Raises
    ValueError when there are not as many seeds as rows, or a row has not eight groups.
    """
    if native is not None:
        begin, end = np.ascontiguousarray(begin), np.ascontiguousarray(end)
        return native.commitments_at(seeds, data, begin, end)
    each = [seeds[at : at + SEED_BYTES] for at in range(0, len(seeds), SEED_BYTES)]
    bounds = zip(begin.T.tolist(), end.T.tolist(), strict=True)
    rows = [[data[a:b] for a, b in zip(*places, strict=True)] for places in bounds]
    return b"".join(commit_rows_unrolled(each, rows))


def reveal(seed: bytes, groups: Sequence[bytes], shown: Collection[int]) -> Opening:
    """Return the opening of an event that shows the groups numbered in `shown`, and no other."""
    each = salts(seed)
    return Opening(
        hashes=tuple(_group_hashes(each, groups)),
        revealed=tuple(Revealed(g, each[g - 1], groups[g - 1]) for g in sorted(shown)),
    )


def verify_opening(opening: Opening, commitment: bytes) -> None:
    """Check that the groups shown are those that were committed to; else IntegrityError."""
    hashes = opening.hashes
    if len(hashes) != GROUPS or any(len(value) != HASH_BYTES for value in hashes):
        raise IntegrityError(f"An opening holds {GROUPS} hashes of {HASH_BYTES} bytes.")
    for g, salt, data in opening.revealed:
        if not 1 <= g <= GROUPS:
            raise IntegrityError(f"There is no group {g} in an event.")
        # A salt of another length would move the border between salt and bytes.
        if len(salt) != SALT_BYTES:
            raise IntegrityError(f"The salt of group {g} must have {SALT_BYTES} bytes.")
        if group_hash(g, salt, data) != hashes[g - 1]:
            raise IntegrityError(f"Group {g} is not what was committed to.")
    if sha256(_EVENT + b"".join(hashes)).digest() != commitment:
        raise IntegrityError("The group hashes do not lead to the commitment of this event.")
