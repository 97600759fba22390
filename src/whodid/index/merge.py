"""Joining tables of adjacent entries into one, without opening the ledger again.

Dictionaries are joined too. Where their texts hardly repeat (ids, correlation) they are only put
one after the other: a text that stands twice in a dictionary does no harm.
"""

from collections.abc import Sequence

import numpy as np

from whodid.index.builder import id_arrays, uuid_texts
from whodid.index.columns import KINDS
from whodid.index.dictionary import split_texts
from whodid.index.signature import NAMES, merged
from whodid.index.table import MemoryTable, Table, narrow
from whodid.ledger.pieces import Pieces

Array = np.ndarray
_FIXED = ("at", "received", "timed", "live", "type", "flags")
_NEW_MIN = 0.25
"""Texts an entry from which on dictionaries are not made one."""


def merge(tables: Sequence[Table]) -> MemoryTable:
    """Return one table of all the entries. The tables are adjacent, in order."""
    arrays = {name: _joined([_needed(table, name) for table in tables]) for name in _FIXED}
    arrays |= _ids(tables, arrays["live"])
    for name, kind in KINDS.items():
        having = [table for table in tables if table.array(name) is not None]
        if not having:
            continue
        if kind == "number":
            for key, dtype in ((name, np.int64), (f"{name}?", np.bool_)):
                arrays[key] = _joined([_or_zeros(table, key, dtype) for table in tables])
        else:
            arrays |= _texts(name, tables, lists=kind == "texts")
    arrays |= merged([{name: table.array(name) for name in NAMES} for table in tables])
    return MemoryTable(tables[0].first, arrays)


def _needed(table: Table, name: str) -> Array:
    found = table.array(name)
    assert found is not None
    return found


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts)


def _or_zeros(table: Table, name: str, dtype: type) -> Array:
    found = table.array(name)
    return np.zeros(table.count, dtype=dtype) if found is None else found


def _ids(tables: Sequence[Table], live: Array) -> dict[str, Array]:
    if any(table.array("id") is None and table.array("id.high") is None for table in tables):
        return {}
    if all(table.array("id") is None for table in tables):
        return {
            name: _joined([_needed(table, name) for table in tables])
            for name in ("id.high", "id.low")
        }
    return id_arrays([text for table in tables for text in ids_of(table)], live)


def ids_of(table: Table) -> list[str]:
    """Return the id of every entry as text, empty where there is none. Not of a segment."""
    codes = table.array("id")
    if codes is None:
        return uuid_texts(_needed(table, "id.high"), _needed(table, "id.low"))
    texts = split_texts(_needed(table, "id@"), _needed(table, "id$"))
    names = ["", *(text.decode("utf-8", "replace") for text in texts)]
    return [names[code] for code in codes.tolist()]


def _texts(name: str, tables: Sequence[Table], *, lists: bool) -> dict[str, Array]:
    having = [table for table in tables if table.array(name) is not None]
    arrays, places = _dictionaries(name, having)
    if lists:
        arrays[f"{name}<"], arrays[f"{name}>"], places = _lists(name, having, places)
    shifts = dict(zip(map(id, having), places, strict=True))
    codes = []
    for table in tables:
        shift = shifts.get(id(table))
        if shift is None:
            codes.append(np.zeros(table.count, dtype=np.int64))
        else:
            codes.append(np.concatenate(([0], shift + 1))[_needed(table, name)])
    arrays[name] = narrow(_joined(codes))
    return arrays


def _lists(
    name: str, tables: Sequence[Table], places: list[Array]
) -> tuple[Array, Array, list[Array]]:
    """Return the joined lists (bounds, numbers of texts) and each table's new list numbers."""
    flat, bounds, moved = [], [np.zeros(1, dtype=np.int64)], []
    size, lists = 0, 0
    for table, place in zip(tables, places, strict=True):
        flat.append(place[_needed(table, f"{name}>")])
        own = _needed(table, f"{name}<").astype(np.int64)
        bounds.append(own[1:] + size)
        moved.append(np.arange(len(own) - 1) + lists)
        size += int(own[-1])
        lists += len(own) - 1
    return _joined(bounds).astype(np.uint32), _joined(flat).astype(np.uint32), moved


def _dictionaries(name: str, tables: Sequence[Table]) -> tuple[dict[str, Array], list[Array]]:
    """Return one dictionary and, per table, the new number of each of its texts."""
    texts_count = sum(len(_needed(table, f"{name}@")) - 1 for table in tables)
    if texts_count > _NEW_MIN * sum(table.count for table in tables):
        return _stacked(name, tables)
    stacked, places = _stacked(name, tables)
    bounds = stacked[f"{name}@"].astype(np.int64)
    texts = Pieces(stacked[f"{name}$"].tobytes(), bounds[:-1], bounds[1:])
    codes, first = texts.numbered()
    distinct = texts.part(first)
    at = np.concatenate((bounds[:1], np.cumsum(distinct.sizes))).astype(np.uint32)
    blob = np.frombuffer(distinct.joined(), dtype=np.uint8)
    return {f"{name}@": at, f"{name}$": blob}, [codes[place].astype(np.int64) for place in places]


def _stacked(name: str, tables: Sequence[Table]) -> tuple[dict[str, Array], list[Array]]:
    bounds, blobs, places = [np.zeros(1, dtype=np.int64)], [], []
    size, texts = 0, 0
    for table in tables:
        own = _needed(table, f"{name}@").astype(np.int64)
        bounds.append(own[1:] + size)
        blobs.append(_needed(table, f"{name}$"))
        places.append(np.arange(len(own) - 1) + texts)
        size += int(own[-1])
        texts += len(own) - 1
    return {
        f"{name}@": _joined(bounds).astype(np.uint32),
        f"{name}$": _joined(blobs),
    }, places
