"""What the maps of ranges prove of a search: for each range its row, or that there is none.

1. The largest ranges that follow each other from the first entry on and whose maps are here.
2. A range whose event times all lie outside of the search is shown by its entry alone.
3. In the others the bucket of each term: when one has no row there, that bucket is enough. Else the
   shortest list is shown whole, the others where it has entries; what is in all are candidates.

What the index finds is compared with what the map lists, so that no proof is given that would not
be accepted.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.index.evaluate import masks
from whodid.index.ranges.folder import MapFolder
from whodid.index.ranges.lists import Shown, digest_of, shown
from whodid.index.ranges.map_file import MapError
from whodid.index.ranges.named import Named
from whodid.index.ranges.secrets import MapKeys
from whodid.index.table import Array, Table
from whodid.merkle.range_map import CHUNK_LEVEL, INLINE, KEY_BYTES, ROW_BYTES, key_of, what_of
from whodid.query.provable import Provable, ProvableTerm


class TermProof(Struct, frozen=True):
    """The bucket of one term in a range, its way to the root, and its entries if they are needed.

    `term` counts the terms of the search from 0; `rows` are those of the bucket, 42 bytes each.
    """

    term: int
    rows: bytes
    path: list[bytes]
    entries: Shown | None = None


class RangeProof(Struct, frozen=True):
    """A range: the entry that names it, and a proof for each term that is needed."""

    entry: int
    terms: list[TermProof]


class Ranges(Struct, frozen=True):
    """The ranges of an answer from the first entry to `end`; candidates are entries, ascending."""

    ranges: list[RangeProof]
    end: int
    candidates: list[int]


def prove(
    tables: Sequence[Table], named: Sequence[Named], asked: Provable, folder: MapFolder,
    keys: MapKeys,
) -> Ranges:  # fmt: skip
    """Prove a search over these ranges, up to the first whose map is not here; it is asked for.

    Raises IntegrityError when index and map differ, LedgerError when a secret is gone.
    """
    found = [_found(tables, term) for term in asked.terms]
    ranges: list[RangeProof] = []
    candidates: list[int] = []
    end = 0
    for item in named:
        try:
            proofs, here = _range(item, found, asked, folder, keys)
        except MapError:
            folder.mark(item.place)
            break
        ranges.append(RangeProof(item.index, proofs))
        candidates += here
        end = item.root.end
    return Ranges(ranges, end, candidates)


def outside(item: Named, asked: Provable) -> bool:
    """Tell whether no event of a range can be in the time of a search."""
    root = item.root
    if not root.events:
        return True
    early = asked.from_us is not None and root.greatest_us < asked.from_us
    return early or (asked.to_us is not None and root.least_us >= asked.to_us)


def _found(tables: Sequence[Table], term: ProvableTerm) -> Array:
    """Return the entries that a map lists for a term, ascending."""
    return np.concatenate([np.zeros(0, dtype=np.int64), *_rows(tables, term)])


def _rows(tables: Sequence[Table], term: ProvableTerm) -> Iterator[Array]:
    node = term.search()
    for table in tables:
        sure = masks(node, table)[0]
        if sure.any():
            yield np.flatnonzero(np.broadcast_to(sure, (table.count,))) + table.first


def _range(
    item: Named, found: list[Array], asked: Provable, folder: MapFolder, keys: MapKeys
) -> tuple[list[TermProof], list[int]]:
    if outside(item, asked):
        return [], []
    level, first = item.place
    opened = folder.map(item.place)
    secrets = keys.of(first)
    offsets = []
    buckets = []
    for number, term in enumerate(asked.terms):
        start, end = np.searchsorted(found[number], [first, item.root.end]).tolist()
        offsets.append(found[number][start:end] - first)
        key = key_of(secrets[term.mapped], term.mapped, term.key_value())
        _, rows, path = opened.prove(key)
        _compare(item, term, _row(rows, key), offsets[-1])
        buckets.append((rows, path))
        if not len(offsets[-1]):
            return [TermProof(number, rows, path)], []
    shortest = min(range(len(offsets)), key=lambda number: len(offsets[number]))
    chunks = np.unique(offsets[shortest] >> CHUNK_LEVEL).tolist()
    proofs = [
        TermProof(
            number, rows, path,
            None if len(offsets[number]) <= INLINE
            else shown(level, offsets[number], None if number == shortest else chunks),
        )
        for number, (rows, path) in enumerate(buckets)
    ]  # fmt: skip
    both = offsets[shortest]
    for other in offsets:
        both = both[np.isin(both, other, assume_unique=True)]
    return proofs, (both + first).tolist()


def _row(rows: bytes, key: int) -> bytes | None:
    """Return the row of a key in a bucket, None when there is none."""
    wanted = key.to_bytes(KEY_BYTES, "big")
    for at in range(0, len(rows), ROW_BYTES):
        if rows[at : at + KEY_BYTES] == wanted:
            return rows[at : at + ROW_BYTES]
    return None


def _compare(item: Named, term: ProvableTerm, row: bytes | None, offsets: Array) -> None:
    count = int.from_bytes(row[KEY_BYTES : KEY_BYTES + 4], "big") if row else 0
    if count == len(offsets):
        if not row:
            return
        if count <= INLINE:
            what = what_of(item.root.level, offsets.tolist())
        else:
            what = digest_of(item.root.level, offsets)
        if row[KEY_BYTES + 4 :] == what:
            return
    raise IntegrityError(
        f"entries {item.root.first} to {item.root.end}: the index finds {len(offsets)} events with "
        f"this {term.mapped}, the map that entry {item.index} names lists {count}: "
        "`whodid verify --replay` says which is right"
    )
