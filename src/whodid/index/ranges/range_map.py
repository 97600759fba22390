"""The rows of a map as arrays, in the order of their keys; built of columns, and of smaller maps.

`keys` u64, `counts` u32, `what` u8 of shape (rows, 32): see `merkle.range_map`.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from whodid.index.dictionary import split_encoded, texts_at
from whodid.index.evaluate import masks
from whodid.index.table import Array, Table
from whodid.ledger.leaf import LeafType
from whodid.ledger.pieces import Pieces
from whodid.ledger.range_root import STATES, Counted
from whodid.merkle.batch import sha256_each
from whodid.merkle.range_map import (
    CHUNK_LEVEL,
    FANOUT_BITS,
    INLINE,
    KEY_BITS,
    KEY_BYTES,
    LIST_PREFIX,
    NO_LIST,
    ROW_BYTES,
    joined_bytes,
    joined_digest,
    key_prefix,
    list_digest,
    offsets_in,
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
    found = _grouped(_ascending(np.concatenate(postings))) if postings else NO_ROWS
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
    hashed = _keys(table, column, used, prefix)
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


def _keys(table: Table, column: str, used: Array, prefix: bytes) -> Array:
    """Return the keys of the texts with these codes."""
    at, blob = _needed(table, f"{column}@"), _needed(table, f"{column}$")
    texts = texts_at(at, blob, used.astype(np.int64) - 1)
    if column == "ip":
        values = Pieces.of([address_value(value) for value in texts])
    else:
        values = _folded(texts)
    hashed = values.hashed(prefix, with_length=True)
    words = np.frombuffer(hashed, dtype=">u8")[::4].astype(np.uint64)
    keys: Array = words >> np.uint64(64 - KEY_BITS)
    return keys


def _folded(texts: Pieces) -> Pieces:
    """Return texts with their case folded; of ASCII that is their lower case."""
    if texts.data.isascii():
        return Pieces(texts.data.lower(), texts.begin, texts.end)
    return Pieces.of(
        split_encoded([text.decode("utf-8", "replace") for text in texts], folded=True)
    )


def _ascending(pairs: Array) -> Array:
    """Return distinct pairs, ascending: several times as fast as `np.unique` for these."""
    pairs.sort()
    kept = np.ones(len(pairs), dtype=np.bool_)
    np.not_equal(pairs[1:], pairs[:-1], out=kept[1:])
    return pairs[kept]


def _grouped(pairs: Array) -> Rows:
    """Return rows of ascending distinct (key << 16 | offset) pairs."""
    keys = pairs >> np.uint64(_ROW_BITS)
    edges = _edges(keys)
    counts = np.diff(edges).astype(np.uint32)
    offsets = pairs & np.uint64((1 << _ROW_BITS) - 1)
    what = np.zeros((len(counts), INLINE), dtype=">u4")
    few = counts <= INLINE
    group = np.repeat(np.arange(len(counts)), counts)
    chosen = few[group]
    place = np.arange(len(pairs)) - edges[:-1][group]
    what[group[chosen], place[chosen]] = offsets[chosen]
    what = what.view(np.uint8)
    lists = Pieces(offsets.astype(">u2").tobytes(), 2 * edges[:-1][~few], 2 * edges[1:][~few])
    digests = lists.hashed(LIST_PREFIX)
    what[~few] = np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32)
    return Rows(keys[edges[:-1]], counts, what)


def _edges(keys: Array) -> Array:
    """Return where equal ascending keys begin, and the end."""
    return np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]))


def _where(chosen: Array) -> list[int]:
    found: list[int] = np.flatnonzero(chosen).tolist()
    return found


def _put(what: Array, chosen: Array, hashed: list[bytes]) -> None:
    """Write the hashes of some bytes into the chosen rows."""
    if hashed:
        digests = b"".join(sha256_each(hashed))
        what[chosen] = np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32)


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
    edges = _edges(keys)
    totals = np.add.reduceat(counts, edges[:-1], dtype=np.uint32)
    out = _inline(edges, totals, child << below, counts.astype(np.int64), what)
    many = totals > INLINE
    digests = _child_digests(many[np.repeat(np.arange(len(totals)), np.diff(edges))],
                             counts, what, below)  # fmt: skip
    children_of, starts, ends = child.tolist(), edges[:-1].tolist(), edges[1:].tolist()
    hashed = [
        joined_bytes([(children_of[row], digests[row]) for row in range(starts[i], ends[i])])
        for i in _where(many)
    ]
    _put(out, many, hashed)
    return Rows(keys[edges[:-1]], totals, out)


def _inline(edges: Array, totals: Array, shifts: Array, counts: Array, what: Array) -> Array:
    """Return `what` of groups of rows whose entries are few; of others zeros."""
    group = np.repeat(np.arange(len(totals)), np.diff(edges))
    rows = np.flatnonzero((totals <= INLINE)[group])
    sizes = counts[rows]
    before = np.cumsum(counts) - counts
    start = before[rows] - before[edges[:-1]][group[rows]]
    row = np.repeat(np.arange(len(rows)), sizes)
    inside = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    offsets = np.ascontiguousarray(what[rows]).view(">u4")[row, inside].astype(np.int64)
    out = np.zeros((len(totals), INLINE), dtype=">u4")
    out[group[rows][row], start[row] + inside] = offsets + shifts[rows][row]
    return out.view(np.uint8)


def _child_digests(chosen: Array, counts: Array, what: Array, level: int) -> dict[int, bytes]:
    """Return the digests of the lists that some rows stand for."""
    data, sizes = what.tobytes(), counts.tolist()
    found: dict[int, bytes] = {}
    few: list[int] = []
    for row in _where(chosen):
        if sizes[row] > INLINE:
            found[row] = data[32 * row : 32 * row + 32]
        else:
            few.append(row)
    if level == CHUNK_LEVEL:
        short = what.reshape(-1, INLINE, 4)[:, :, 2:].tobytes()
        width = 2 * INLINE
        lists = [LIST_PREFIX + short[width * r : width * r + 2 * sizes[r]] for r in few]
        found.update(zip(few, sha256_each(lists), strict=True))
    else:
        for row in few:
            found[row] = what_digest(level, sizes[row], data[32 * row : 32 * row + 32])
    return found


def what_digest(level: int, count: int, what: bytes) -> bytes:
    """Return the digest of the list that a row stands for; there is at least one entry."""
    return what if count > INLINE else list_digest(level, offsets_in(count, what))


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
    if total <= INLINE:
        offsets = [
            (child << below) + offset
            for child, part in parts
            for offset in offsets_in(part.count, part.what)
        ]
        return Counted(total, what_of(below + FANOUT_BITS, offsets))
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
