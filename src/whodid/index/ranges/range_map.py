"""The rows of a map as arrays, in the order of their keys; built of columns, and of smaller maps.

`keys` u64, `counts` u32, `what` u8 of shape (rows, 32): see `merkle.range_map`.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from whodid.index.dictionary import split_encoded, split_texts
from whodid.index.evaluate import masks
from whodid.index.table import Array, Table
from whodid.ledger.leaf import LeafType
from whodid.ledger.range_root import STATES, Counted
from whodid.merkle.batch import sha256_each
from whodid.merkle.range_map import (
    CHUNK_LEVEL,
    FANOUT_BITS,
    KEY_BITS,
    KEY_BYTES,
    LIST_PREFIX,
    NO_LIST,
    ROW_BYTES,
    chunk_digest,
    joined_digest,
    key_prefix,
    lone,
    what_of,
)
from whodid.query.provable import MAPPED, address_value
from whodid.query.tree import Term

_ROW_BITS = 16
_QUARANTINED = Term("_quarantined", "has", value=True)


class Rows(Struct, frozen=True):
    """Some rows of a map, ascending."""

    keys: Array
    counts: Array
    what: Array

    def part(self, low: int, high: int) -> "Rows":
        """Return the rows whose key is in [low, high)."""
        start, end = np.searchsorted(self.keys, np.array([low, high], dtype=np.uint64)).tolist()
        return Rows(self.keys[start:end], self.counts[start:end], self.what[start:end])


class Facts(Struct, frozen=True):
    """What the log says of a range beside its map."""

    least_us: int
    greatest_us: int
    events: int
    states: tuple[Counted, ...]


NO_ROWS = Rows(
    np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint32), np.zeros((0, 32), dtype=np.uint8)
)
NO_FACTS = Facts(0, -1, 0, (Counted(0, NO_LIST),) * len(STATES))


def build(tables: Sequence[Table], first: int, keys: dict[str, bytes]) -> tuple[Rows, Facts]:
    """Return the map of the range of level 12 at `first`; the tables hold all of its entries.

    `keys` are the K of its fields. Raises what reading a table does.
    """
    end = first + (1 << CHUNK_LEVEL)
    postings: list[Array] = []
    parts: list[_Part] = []
    for table in tables:
        low, high = max(first, table.first), min(end, table.first + table.count)
        rows = slice(low - table.first, high - table.first)
        offsets = np.arange(low - first, high - first, dtype=np.uint64)
        for field, columns in MAPPED.items():
            prefix = key_prefix(keys[field], field)
            for column in columns:
                postings += _postings(table, column, rows, offsets, prefix)
        parts.append(_part(table, rows, low - first))
    found = _grouped(np.unique(np.concatenate(postings))) if postings else NO_ROWS
    return found, _facts(parts)


def _postings(
    table: Table, column: str, rows: slice, offsets: Array, prefix: bytes
) -> Iterable[Array]:
    """Yield (key << 16 | offset) of what a column has in these rows."""
    found = table.array(column)
    if found is None:
        return
    codes = found[rows]
    bounds, flat = table.array(f"{column}<"), table.array(f"{column}>")
    if bounds is not None and flat is not None:
        codes, offsets = _flattened(codes, offsets, bounds, flat)
    having = codes != 0
    codes, offsets = codes[having], offsets[having]
    if not len(codes):
        return
    used, place = np.unique(codes, return_inverse=True)
    hashed = np.array(_keys(table, column, used, prefix), dtype=np.uint64)
    yield hashed[place] << np.uint64(_ROW_BITS) | offsets


def _flattened(codes: Array, offsets: Array, bounds: Array, flat: Array) -> tuple[Array, Array]:
    """Return the codes of single texts (from 1) and their rows, of rows with lists of texts."""
    having = codes != 0
    lists = codes[having].astype(np.int64) - 1
    starts = bounds.astype(np.int64)[lists]
    sizes = bounds.astype(np.int64)[lists + 1] - starts
    total = int(sizes.sum())
    ends = np.cumsum(sizes)
    within = np.arange(total) - np.repeat(ends - sizes, sizes)
    return flat[np.repeat(starts, sizes) + within] + 1, np.repeat(offsets[having], sizes)


def _keys(table: Table, column: str, used: Array, prefix: bytes) -> list[int]:
    """Return the keys of the texts with these codes."""
    at, blob = _needed(table, f"{column}@"), _needed(table, f"{column}$")
    values = _texts(at, blob, used.astype(np.int64) - 1)
    if column == "ip":
        values = [address_value(value) for value in values]
    else:
        values = split_encoded([value.decode("utf-8", "replace") for value in values], folded=True)
    hashed = sha256_each([prefix + len(value).to_bytes(4, "big") + value for value in values])
    return [int.from_bytes(digest[:KEY_BYTES], "big") for digest in hashed]


def _texts(at: Array, blob: Array, numbers: Array) -> list[bytes]:
    if 2 * len(numbers) > len(at):
        every = split_texts(at, blob)
        return [every[number] for number in numbers.tolist()]
    starts, ends = at[numbers].tolist(), at[numbers + 1].tolist()
    return [blob[start:end].tobytes() for start, end in zip(starts, ends, strict=True)]


def _grouped(pairs: Array) -> Rows:
    """Return rows of ascending distinct (key << 16 | offset) pairs."""
    keys = pairs >> np.uint64(_ROW_BITS)
    edges = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]))
    counts = np.diff(edges).astype(np.uint32)
    offsets = (pairs & np.uint64((1 << _ROW_BITS) - 1)).astype(">u2")
    what = np.zeros((len(counts), 32), dtype=np.uint8)
    single = counts == 1
    what[single, 2:4] = offsets[edges[:-1][single]].view(np.uint8).reshape(-1, 2)
    many = np.flatnonzero(~single).tolist()
    if many:
        data, bounds = offsets.tobytes(), (2 * edges).tolist()
        digests = sha256_each([LIST_PREFIX + data[bounds[i] : bounds[i + 1]] for i in many])
        what[many] = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
    return Rows(keys[edges[:-1]], counts, what)


class _Part(Struct):
    """What one table says of a range of level 12: event times, offsets of each state."""

    times: Array
    states: tuple[list[int], ...]


def _part(table: Table, rows: slice, shift: int) -> _Part:
    live, types, at = (_needed(table, name)[rows] for name in ("live", "type", "at"))
    quarantined = np.broadcast_to(masks(_QUARANTINED, table)[0], (table.count,))[rows]
    gone = (types == LeafType.EVENT) & ~live
    states = [(np.flatnonzero(chosen) + shift).tolist() for chosen in (quarantined, gone)]
    return _Part(at[live], (*states, []))


def _needed(table: Table, name: str) -> Array:
    found = table.array(name)
    assert found is not None
    return found


def _facts(parts: list[_Part]) -> Facts:
    times = np.concatenate([part.times for part in parts])
    states = [[o for part in parts for o in part.states[n]] for n in range(len(STATES))]
    return Facts(
        int(times.min()) if len(times) else 0,
        int(times.max()) if len(times) else -1,
        len(times),
        tuple(Counted(len(offsets), what_of(CHUNK_LEVEL, offsets)) for offsets in states),
    )


def join(children: Sequence[Rows], level: int) -> Rows:
    """Return rows of a range of `level` of those of its sixteen parts, in order."""
    below = level - FANOUT_BITS
    keys = np.concatenate([rows.keys for rows in children])
    if not len(keys):
        return NO_ROWS
    child = np.repeat(np.arange(len(children)), [len(rows.keys) for rows in children])
    order = np.argsort(keys, kind="stable")
    keys, child = keys[order], child[order]
    counts = np.concatenate([rows.counts for rows in children])[order]
    what = np.concatenate([rows.what for rows in children])[order]
    edges = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]))
    starts = edges[:-1]
    totals = np.add.reduceat(counts, starts, dtype=np.uint32)
    out = what[starts].copy()
    single = totals == 1
    offsets = out[single, :4].copy().view(">u4")[:, 0].astype(np.uint32)
    moved = offsets + (child[starts[single]].astype(np.uint32) << np.uint32(below))
    out[single, :4] = moved.astype(">u4").view(np.uint8).reshape(-1, 4)
    many = np.flatnonzero(~single)
    if len(many):
        digests = _digests(edges, many, child, counts, what, below)
        out[many] = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
    return Rows(keys[starts], totals, out)


def _digests(
    edges: Array, many: Array, child: Array, counts: Array, what: Array, below: int
) -> list[bytes]:
    """Return the digests of the lists of some groups of rows."""
    starts, ends = edges[many].tolist(), edges[many + 1].tolist()
    data = what.tobytes()
    children, sizes = child.tolist(), counts.tolist()
    single: dict[bytes, bytes] = {}
    out: list[bytes] = []
    for start, end in zip(starts, ends, strict=True):
        parts = []
        for row in range(start, end):
            digest = data[32 * row : 32 * row + 32]
            if sizes[row] == 1:
                digest = single.get(digest) or single.setdefault(
                    digest, what_digest(below, 1, digest)
                )
            parts.append((children[row], digest))
        out.append(joined_digest(parts))
    return out


def what_digest(level: int, count: int, what: bytes) -> bytes:
    """Return the digest of the list that a row stands for; there is at least one entry."""
    if count > 1:
        return what
    offset = int.from_bytes(what[:4], "big")
    digest = chunk_digest([offset & (1 << CHUNK_LEVEL) - 1])
    for below in range(CHUNK_LEVEL, level, FANOUT_BITS):
        digest = joined_digest([(offset >> below & 15, digest)])
    return digest


def join_facts(children: Sequence[Facts], level: int) -> Facts:
    """Return the facts of a range of `level` of those of its sixteen parts, in order."""
    below = level - FANOUT_BITS
    having = [item for item in children if item.events]
    states = []
    for number in range(len(NO_FACTS.states)):
        parts = [(c, item.states[number]) for c, item in enumerate(children)]
        states.append(_joined([(c, part) for c, part in parts if part.count], below))
    return Facts(
        min((item.least_us for item in having), default=0),
        max((item.greatest_us for item in having), default=-1),
        sum(item.events for item in children),
        tuple(states),
    )


def _joined(parts: list[tuple[int, Counted]], below: int) -> Counted:
    total = sum(part.count for _, part in parts)
    if not total:
        return Counted(0, NO_LIST)
    if total == 1:
        child, part = parts[0]
        return Counted(1, lone((child << below) + int.from_bytes(part.what[:4], "big")))
    digests = [(child, what_digest(below, part.count, part.what)) for child, part in parts]
    return Counted(total, joined_digest(digests))


def bucket_edges(keys: Array, depth: int, first_bucket: int, buckets: int) -> list[int]:
    """Return where each of some consecutive buckets begins in ascending keys, and the end."""
    shift = np.uint64(KEY_BITS - depth)
    wanted = np.arange(first_bucket, first_bucket + buckets + 1, dtype=np.uint64) << shift
    edges: list[int] = np.searchsorted(keys, wanted).tolist()
    return edges


def encode_rows(rows: Rows) -> Array:
    """Return rows as they are hashed: u8 of shape (rows, 42)."""
    out = np.empty((len(rows.keys), ROW_BYTES), dtype=np.uint8)
    out[:, :KEY_BYTES] = rows.keys.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    out[:, KEY_BYTES : KEY_BYTES + 4] = rows.counts.astype(">u4").view(np.uint8).reshape(-1, 4)
    out[:, KEY_BYTES + 4 :] = rows.what
    return out


def bucket_hashes(rows: Rows, depth: int, first_bucket: int, buckets: int) -> list[bytes]:
    """Return the leaf hashes (RFC 6962) of consecutive buckets."""
    edges = bucket_edges(rows.keys, depth, first_bucket, buckets)
    data = encode_rows(rows).tobytes()
    bounds = [ROW_BYTES * edge for edge in edges]
    return sha256_each([b"\0" + data[start:end] for start, end in pairwise(bounds)])
