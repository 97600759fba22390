"""Comparing the index with the ledger, for `whodid verify --index`. Read-only.

1. The catalog is ours and whole; its segments are there, with their hashes.
2. Each segment opens, and its entries are the ledger's (the leaf of the last one).
3. Every value of every column is what the entry's payload says.
4. Its signature holds the words, values and letters of its entries, and no others.
5. No range before the last segment is without one.

It says which file, entry and field differ, never the values. Entries that are not indexed yet, or
an index that is not there at all, are no difference: the follower makes it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count, islice, pairwise
from pathlib import Path

import numpy as np

from whodid.errors import LedgerError
from whodid.index.build import build_table
from whodid.index.cache import ArrayCache
from whodid.index.catalog import Entry, catalog_path, gaps, read_catalog
from whodid.index.columns import KINDS
from whodid.index.dictionary import split_texts
from whodid.index.segment import Segment
from whodid.index.signature import NAMES, merged, same_signature
from whodid.index.table import Array, MemoryTable, Table
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import INDEX
from whodid.ledger.reader import LedgerReader

_NAMED_MAX = 20
"""Most differing entries that are named of one segment."""

_TRIES = 3
_FIXED = ("type", "flags", "live", "at", "received", "timed")


def compare(directory: Path, keys: KeyFolder, reader: LedgerReader) -> list[str]:
    """Return one sentence per difference, none when the index says what the ledger says."""
    found: list[str] = []
    for _ in range(_TRIES):
        before = _bytes_of(catalog_path(directory))
        if before is None:
            return []
        found = _compare(directory, keys, reader)
        if _bytes_of(catalog_path(directory)) == before:
            return found
    return found


def compare_each(directory: Path, keys: KeyFolder, reader: LedgerReader) -> Iterator[str]:
    """Yield one sentence per difference, segment by segment, while the follower is at work.

    A segment that was merged or made again meanwhile is left out: the next comparison has its
    successor.
    """
    if not catalog_path(directory).exists():
        return
    entries = read_catalog(directory, keys.ledger_id)
    reader.refresh()  # now it reaches as far as any of them
    if not entries:
        yield from _compare(directory, keys, reader)
        return
    for first, end in gaps(entries, entries[-1].end):
        yield f"index/catalog: entries {first} to {end - 1} are in no segment"
    for entry in entries:
        try:
            found = _compare_segment(entry, directory, keys, reader)
        except LedgerError as error:
            found = [f"index/{entry.name}: {error}"]
        if found and entry in read_catalog(directory, keys.ledger_id):
            yield from found


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _compare(directory: Path, keys: KeyFolder, reader: LedgerReader) -> list[str]:
    entries = read_catalog(directory, keys.ledger_id)
    if not entries:
        data = _bytes_of(catalog_path(directory)) or b""
        empty = data.count(b"\n") == 3 and data.startswith(b"whodid index ")
        return [] if empty else ["index/catalog: altered, or of another ledger"]
    reader.refresh()  # a server may have gone on since: now it reaches as far as any of them
    found = [
        f"index/catalog: entries {first} to {end - 1} are in no segment"
        for first, end in gaps(entries, entries[-1].end)
    ]
    for entry in entries:
        try:
            found += _compare_segment(entry, directory, keys, reader)
        except LedgerError as error:
            found.append(f"index/{entry.name}: {error}")
    return found


def _compare_segment(
    entry: Entry, directory: Path, keys: KeyFolder, reader: LedgerReader
) -> list[str]:
    path = directory / INDEX / entry.name
    data = _bytes_of(path)
    if data is None:
        return [f"index/{entry.name}: missing"]
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        return [f"index/{entry.name}: altered (its SHA-256 is not the catalog's)"]
    if not entry.belongs_to(reader):
        return [f"index/{entry.name}: entry {entry.end - 1} is another one in the ledger"]
    segment = Segment(path, keys.ledger_id, keys.keks(), ArrayCache(0)).load()
    if (segment.first, segment.count) != (entry.first, entry.count):
        return [f"index/{entry.name}: holds other entries than the catalog says"]
    found = list(islice(_differences(entry, segment, reader), _NAMED_MAX + 1))
    if len(found) > _NAMED_MAX:
        found[-1] = f"index/{entry.name}: and more"
    if not found and segment.summary != MemoryTable(segment.first, segment.arrays).summary:
        found.append(f"index/{entry.name}: its summary is not that of its entries")
    return found


def _differences(entry: Entry, segment: MemoryTable, reader: LedgerReader) -> Iterator[str]:
    at = entry.first
    signatures: list[MemoryTable] = []
    while at < entry.end:
        wanted = build_table(reader, at, entry.end, signed=True)
        signatures.append(wanted)
        part = segment.part(wanted.first, wanted.end)
        for name in (*_FIXED, *KINDS):
            known: dict[object, int] = defaultdict(count(1).__next__)
            differ = _values(part, name, known) != _values(wanted, name, known)
            for row in np.flatnonzero(differ).tolist():
                yield f"index/{entry.name}: entry {at + row}: {name} is not what the ledger says"
        at = wanted.end
    should = merged([{name: table.array(name) for name in NAMES} for table in signatures])
    for name in NAMES:
        if not same_signature(name, segment.array(name), should.get(name)):
            yield f"index/{entry.name}: its {name} are not those of its entries"


def _values(table: Table, name: str, known: dict[object, int]) -> Array:
    """Return numbers, row by row, that are equal exactly where values are; 0 is no value.

    Dictionaries may stand in any order and say a text twice; `known` numbers their values.
    """
    array = table.array(name)
    if array is None:
        return np.zeros(table.count, dtype=np.int64)
    kind = KINDS.get(name)
    if kind is None:
        return array
    if kind == "number":
        (present,) = _arrays(table, name, "?")
        return np.where(present, _numbered(array.tolist(), known)[1:], 0)
    texts: list[object] = list(split_texts(*_arrays(table, name, "@$")))
    if kind == "texts":
        bounds, flat = _arrays(table, name, "<>")
        items = [texts[number] for number in flat.tolist()]
        texts = [tuple(items[a:b]) for a, b in pairwise(bounds.tolist())]
    numbered: Array = _numbered(texts, known)[array]
    return numbered


def _numbered(values: Sequence[object], known: dict[object, int]) -> Array:
    """Return a number for each value, and before them the 0 of no value."""
    return np.array([0, *map(known.__getitem__, values)], dtype=np.int64)


def _arrays(table: Table, name: str, suffixes: str) -> list[Array]:
    found = [table.array(name + suffix) for suffix in suffixes]
    return [array for array in found if array is not None]
