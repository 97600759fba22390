"""From rows of the ledger to a table. Rows are decoded column by column, a few thousand at a time.

Equal groups within one call of `add` are decoded once; the columns of a group are then looked up
for its distinct values only.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from whodid.event import GROUPS
from whodid.index.columns import COLUMNS, KEYED
from whodid.index.dictionary import encode_texts, split_encoded
from whodid.index.group import Group, decode_group
from whodid.index.signature import BLOCK_BITS, SignatureBuilder, list_keys, value_keys
from whodid.index.table import MemoryTable, narrow
from whodid.ledger.leaf import LeafType
from whodid.ledger.pieces import Grid, Pieces
from whodid.ledger.stored import GroupRows
from whodid.native import native

Array = np.ndarray
_LEARNT_MIN = 4096

WANTED: tuple[int, ...] = tuple(sorted({0, *(number for number, *_ in COLUMNS)}))
"""Groups (0 to 7) that have columns, `when` first; a signature is of all eight."""

ALL: tuple[int, ...] = tuple(range(len(GROUPS)))
_BESIDE_WHEN = ALL[1:]


_COLUMNS = {
    number: [(name, kind) for n, name, _, kind in COLUMNS if n == number] for number in WANTED
}


def numbered(given: list[Any], known: dict[Any, int], start: int) -> tuple[Array, list[Any]]:
    """Return the number of each value (i32) and the values that were not known, in order.

    They are known afterwards, by the numbers from `start` on.
    """
    if native is not None:
        codes, fresh = native.codes(given, known, start)
        return np.frombuffer(codes, dtype=np.int32), fresh
    fresh = [value for value in dict.fromkeys(given) if value not in known]
    known.update(zip(fresh, range(start, start + len(fresh)), strict=True))
    return np.array([known[value] for value in given], dtype=np.int32), fresh


class _Texts:
    """One text column while it grows: its texts, and the code of each row.

    Values that repeat are known by `_code`. Once it is large and still most values are new, it is
    given up, and the values of each call are only appended: a dictionary may say a text twice.
    """

    __slots__ = ("_code", "_nothing", "parts", "values")

    def __init__(self, nothing: Any) -> None:
        self._nothing = nothing
        self._code: dict[Any, int] | None = {nothing: 0}
        self.values: list[Any] = []
        self.parts: list[tuple[Array, Array]] = []

    def codes(self, given: list[Any], rows: int) -> Array:
        """Return the codes of these values, of so many rows; new ones are learned."""
        code = {self._nothing: 0} if self._code is None else self._code
        codes, fresh = numbered(given, code, len(self.values) + 1)
        self.values += fresh
        if len(code) > _LEARNT_MIN and 2 * len(fresh) > rows:
            self._code = None
        return codes


class _Column(Struct, frozen=True):
    """One group of some rows: its distinct values, which of them each row has (None: in order)."""

    group: Group
    place: Array | None
    rows: int

    def of_rows(self, values: Array) -> Array:
        """Return for each row what `values` says of its group."""
        return values if self.place is None else values[self.place]

    def pieces(self, name: str) -> Pieces | None:
        """Return the texts of a field by row, None when no row has it."""
        found = self.group.pieces(name)
        return found if found is None or self.place is None else found.part(self.place)


class TableBuilder:
    """Builds one table from consecutive rows. `size_bytes` bounds what it holds.

    With `signed` it has a signature, and no ids: it is to become a segment. Rows then come with
    all groups.
    """

    def __init__(self, first: int, *, signed: bool) -> None:
        self._first = first
        self.count = 0
        self._size_bytes = 0
        self._signature = SignatureBuilder() if signed else None
        self._fixed: dict[str, list[Array]] = defaultdict(list)
        self._ids: list[str] = []
        self._texts: dict[str, _Texts] = {}
        self._numbers: dict[str, list[tuple[Array, Array]]] = defaultdict(list)

    @property
    def wanted(self) -> tuple[int, ...]:
        """The groups that `add` takes."""
        return WANTED if self._signature is None else ALL

    @property
    def size_bytes(self) -> int:
        """Bytes of the fields so far, equal ones that came together once."""
        return self._size_bytes + (self._signature.size_bytes if self._signature else 0)

    def add(self, rows: GroupRows) -> None:
        """Append rows with the groups of `wanted`, which follow the ones before."""
        live = rows.here & (rows.types == LeafType.EVENT)
        groups = rows.groups
        if bool((rows.here & ~live).any()):
            groups = groups.part(live[rows.here])
        try:
            decoded = self._decode(groups)
        except msgspec.DecodeError:
            columns = zip(*self._columns(groups), strict=True)
            readable = np.array([_readable(parts) for parts in columns], dtype=np.bool_)
            live[np.flatnonzero(live)] = readable
            groups = groups.part(readable)
            decoded = self._decode(groups)
        here = np.flatnonzero(live) + self.count
        self._add_fixed(rows, live, decoded[0])
        for number, group in zip(WANTED, decoded, strict=True):
            if group.rows:
                self._add_group(number, group, here)
        if self._signature is not None:
            others = groups.columns(_BESIDE_WHEN)
            self._signature.add(here + self._first, [*_texts_of_when(decoded[0]), others])
        self.count += len(rows.types)

    def _columns(self, groups: Grid) -> Grid:
        return groups if len(groups) == len(WANTED) else groups.columns(WANTED)

    def _decode(self, groups: Grid) -> list[_Column]:
        columns = zip(WANTED, self._columns(groups), strict=True)
        return [self._distinct(number, parts) for number, parts in columns]

    def _distinct(self, number: int, parts: Pieces) -> _Column:
        place, first = parts.numbered()
        distinct = parts.part(first)
        self._size_bytes += int(distinct.sizes.sum())
        group = decode_group(number, distinct)
        return _Column(group, None if len(distinct) == len(parts) else place, len(parts))

    def _add_fixed(self, rows: GroupRows, live: Array, when: _Column) -> None:
        size = len(live)
        received, timed = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.bool_)
        at = received.copy()
        got, times = when.group.numbers("received"), when.group.numbers("time")
        if got is not None:
            values, present = times if times is not None else (got[0], np.zeros_like(got[1]))
            received[live] = when.of_rows(got[0])
            timed[live] = when.of_rows(present)
            at[live] = when.of_rows(np.where(present, values, got[0]))
        if self._signature is None:
            ids = when.pieces("id")
            self._add_ids([] if ids is None else ids.texts(), live)
        fixed = {
            "at": at, "received": received, "timed": timed, "live": live,
            "type": rows.types, "flags": rows.flags,
        }  # fmt: skip
        for name, array in fixed.items():
            self._fixed[name].append(array)

    def _add_ids(self, ids: list[str], live: Array) -> None:
        if len(ids) < len(live):
            given = iter(ids)
            ids = [next(given) if on else "" for on in live.tolist()]
        self._ids += ids

    def _add_group(self, number: int, column: _Column, here: Array) -> None:
        for name, kind in _COLUMNS[number]:
            if kind == "number":
                numbers = column.group.numbers(name)
                if numbers is not None:
                    for key, array in zip((name, f"{name}?"), numbers, strict=True):
                        self._numbers[key].append((here, column.of_rows(array)))
                continue
            found = column.group.texts(name)
            if found is None:
                continue
            values, codes = found
            texts = self._texts.get(name)
            if texts is None:
                texts = self._texts[name] = _Texts(() if kind == "texts" else None)
            learnt = texts.codes(values, len(values) if codes is None else len(codes))
            texts.parts.append((here, column.of_rows(learnt if codes is None else learnt[codes])))

    def finish(self) -> MemoryTable:
        """Return the table; the builder is used up. Raises ValueError when it has no row."""
        arrays = {name: np.concatenate(parts) for name, parts in self._fixed.items()}
        if self._signature is None:
            arrays |= id_arrays(self._ids, arrays["live"])
        keys: list[Array] = []
        for name, parts in self._numbers.items():
            dtype = np.bool_ if name.endswith("?") else np.int64
            arrays[name] = self._column(parts, dtype)
        for name, texts in self._texts.items():
            if not texts.values:
                continue
            arrays[name] = narrow(self._column(texts.parts, np.int32))
            lists = isinstance(texts.values[0], tuple)
            arrays |= (list_arrays if lists else text_arrays)(name, texts.values)
            if self._signature is not None and name in KEYED:
                keys.append(self._keys(name, arrays, texts.values, lists=lists))
        if self._signature is not None:
            arrays |= self._signature.finish(self.count, keys)
        return MemoryTable(self._first, arrays)

    def _keys(
        self, name: str, arrays: dict[str, Array], values: Sequence[Any], *, lists: bool
    ) -> Array:
        blocks = (np.arange(self.count) + self._first) >> BLOCK_BITS & 0xFF
        if not lists:
            return value_keys(name, arrays[name], blocks, split_encoded(values, folded=True))
        code = dict.fromkeys(text for value in values for text in value)
        folded = split_encoded(list(code), folded=True)
        bounds, flat = arrays[f"{name}<"], arrays[f"{name}>"]
        return list_keys(name, arrays[name], blocks, bounds, flat, folded)

    def _column(self, parts: list[tuple[Array, Array]], dtype: type) -> Array:
        column: Array = np.zeros(self.count, dtype=dtype)
        for here, values in parts:
            column[here] = values
        return column


def _texts_of_when(when: _Column) -> list[Grid]:
    """Return what `when` says beside numbers, each kind as a grid of one column."""
    kinds = [when.pieces("id"), when.pieces("original_time")]
    return [Grid(kind.data, kind.begin[None], kind.end[None]) for kind in kinds if kind is not None]


def text_arrays(name: str, values: Sequence[str]) -> dict[str, Array]:
    """Return the dictionary of a text column, in the order of its codes."""
    at, blob = encode_texts(values)
    return {f"{name}@": at, f"{name}$": blob}


def list_arrays(name: str, values: Sequence[tuple[str, ...]]) -> dict[str, Array]:
    """Return the lists and the dictionary of a column of several texts."""
    code: dict[str, int] = defaultdict(count().__next__)
    flat = [code[text] for value in values for text in value]
    bounds = np.cumsum([0, *map(len, values)], dtype=np.uint32)
    arrays = {f"{name}<": bounds, f"{name}>": np.array(flat, dtype=np.uint32)}
    return arrays | text_arrays(name, list(code))


_NIBBLE = np.full(256, 255, dtype=np.uint8)
_NIBBLE[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)
_DASHES = [8, 13, 18, 23]
_DIGITS = [i for i in range(36) if i not in _DASHES]


def id_arrays(ids: list[str], live: Array) -> dict[str, Array]:
    """Return the ids as two u64 each, or as texts when a live one is no UUID as we write it."""
    if not bool(live.all()):
        zero = "00000000-0000-0000-0000-000000000000"
        filled = [text if on else zero for text, on in zip(ids, live.tolist(), strict=True)]
    else:
        filled = ids
    pair = uuid_numbers(filled)
    if pair is not None:
        return {"id.high": pair[0], "id.low": pair[1]}
    code: dict[str | None, int] = defaultdict(count(1).__next__)
    code[None] = 0
    given = [text if on else None for text, on in zip(ids, live.tolist(), strict=True)]
    codes = np.fromiter(map(code.__getitem__, given), np.int32, count=len(given))
    texts = [text for text in code if text is not None]
    return {"id": narrow(codes), **text_arrays("id", texts)}


def uuid_numbers(ids: Sequence[str]) -> tuple[Array, Array] | None:
    """Return UUIDs in lower case with hyphens as (high, low) u64, None when one is otherwise."""
    if not {36}.issuperset(map(len, ids)):
        return None
    joined = "".join(ids)
    if not joined.isascii():
        return None
    chars = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, 36)
    digits = _NIBBLE[chars[:, _DIGITS]]
    if not bool((chars[:, _DASHES] == ord("-")).all()) or bool((digits == 255).any()):
        return None
    packed = np.ascontiguousarray(digits[:, 0::2] << 4 | digits[:, 1::2])
    words = packed.view(">u8").astype(np.uint64)
    return words[:, 0].copy(), words[:, 1].copy()


def uuid_texts(high: Array, low: Array) -> list[str]:
    """Return what `uuid_numbers` read."""
    words = np.stack((high, low), axis=1).astype(">u8").tobytes().hex()
    return [
        f"{w[:8]}-{w[8:12]}-{w[12:16]}-{w[16:20]}-{w[20:]}"
        for w in (words[i : i + 32] for i in range(0, len(words), 32))
    ]


def _readable(parts: tuple[bytes, ...]) -> bool:
    try:
        for number, part in zip(WANTED, parts, strict=True):
            decode_group(number, Pieces.of([part]))
    except msgspec.DecodeError:
        return False
    return True
