"""From rows of the ledger to a table. Rows are decoded column by column, a few thousand at a time.

Equal groups within one call of `add` are decoded once; the columns of a group are then looked up
for its distinct values only.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import fields

from whodid.event import GROUPS
from whodid.index.columns import COLUMNS, KEYED, texts_in
from whodid.index.dictionary import encode_texts, split_encoded
from whodid.index.signature import BLOCK_BITS, SignatureBuilder, list_keys, value_keys
from whodid.index.table import MemoryTable, narrow
from whodid.ledger.leaf import LeafType
from whodid.ledger.pieces import Grid, Pieces
from whodid.ledger.stored import GroupRows
from whodid.native import native

Array = np.ndarray
_INT64 = np.iinfo(np.int64)
_LEARNT_MIN = 4096

WANTED: tuple[int, ...] = tuple(sorted({0, *(number for number, *_ in COLUMNS)}))
"""Groups (0 to 7) that have columns, `when` first; a signature is of all eight."""

ALL: tuple[int, ...] = tuple(range(len(GROUPS)))
_BESIDE_WHEN = ALL[1:]


def _decoder(number: int) -> Callable[[bytes], list[Any]]:
    """Return a reader of lists of a group, as values that the garbage collector may ignore."""
    group = GROUPS[number][1]
    assert group is not None
    given = [
        (item.name, item.type, _named(item.encode_name, item.default)) for item in fields(group)
    ]
    light: Any = msgspec.defstruct(group.__name__, given, gc=False)
    return msgspec.json.Decoder(list[light]).decode


def _named(name: str, default: Any) -> Any:
    required = default is msgspec.NODEFAULT
    return msgspec.field(name=name) if required else msgspec.field(default=default, name=name)


def _key(number: int, name: str) -> bytes | None:
    """Return the name that is in the JSON of a group when a value of it has this field.

    None for a field that may be left out though it has a value.
    """
    group = GROUPS[number][1]
    assert group is not None
    defaults = {item.encode_name: item.default for item in fields(group)}
    return name.encode() if defaults[name] in (None, ()) else None


_COLUMNS = {
    number: [
        (name, attrgetter(attribute), kind, _key(number, name))
        for n, name, attribute, kind in COLUMNS
        if n == number
    ]
    for number in WANTED
}
_DECODE = {number: _decoder(number) for number in WANTED}


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

    def codes(self, given: list[Any]) -> Array:
        """Return the codes of these values; new ones are learned."""
        code = {self._nothing: 0} if self._code is None else self._code
        codes, fresh = numbered(given, code, len(self.values) + 1)
        self.values += fresh
        if len(code) > _LEARNT_MIN and 2 * len(fresh) > len(given):
            self._code = None
        return codes


class _Group(Struct, frozen=True):
    """One group of some rows: distinct values, which of them each row has (None: in order).

    `joined` is all of them as JSON, and `names` what stands in it as names; None for very many.
    """

    values: list[Any]
    place: Array | None
    joined: bytes
    names: set[bytes] | None

    def may_have(self, key: bytes | None) -> bool:
        """Tell whether a value may have a field of this key (see `_key`)."""
        if key is None:
            return True
        return b'"%s":' % key in self.joined if self.names is None else key in self.names


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
            if group.values:
                self._add_group(number, group, here)
        if self._signature is not None:
            others = groups.columns(_BESIDE_WHEN)
            self._signature.add(here + self._first, [*_texts_of_when(decoded[0]), others])
        self.count += len(rows.types)

    def _columns(self, groups: Grid) -> Grid:
        return groups if len(groups) == len(WANTED) else groups.columns(WANTED)

    def _decode(self, groups: Grid) -> list[_Group]:
        columns = zip(WANTED, self._columns(groups), strict=True)
        return [self._distinct(number, parts) for number, parts in columns]

    def _distinct(self, number: int, parts: Pieces) -> _Group:
        place, first = parts.numbered()
        distinct = parts.part(first)
        self._size_bytes += int(distinct.sizes.sum())
        if not bool(distinct.sizes.all()):
            distinct = Pieces.of([part or b"{}" for part in distinct])
        joined = distinct.joined(b",", head=b"[") + b"]"
        structs = _DECODE[number](joined)
        if len(structs) != len(distinct):
            raise msgspec.DecodeError("a group that is not one object")
        names = None if native is None else native.names(joined)
        return _Group(structs, None if len(distinct) == len(parts) else place, joined, names)

    def _add_fixed(self, rows: GroupRows, live: Array, when: _Group) -> None:
        structs, place = when.values, when.place
        size = len(live)
        received, timed = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.bool_)
        at = received.copy()
        values, present = _int64([item.time for item in structs])
        got, _ = _int64([item.received for item in structs])
        received[live] = _placed(got, place)
        timed[live] = _placed(present, place)
        at[live] = _placed(np.where(present, values, got), place)
        if self._signature is None:
            self._add_ids(structs, place, live)
        fixed = {
            "at": at, "received": received, "timed": timed, "live": live,
            "type": rows.types, "flags": rows.flags,
        }  # fmt: skip
        for name, array in fixed.items():
            self._fixed[name].append(array)

    def _add_ids(self, structs: list[Any], place: Array | None, live: Array) -> None:
        ids = [item.id for item in structs]
        if place is not None:
            ids = [ids[number] for number in place.tolist()]
        if len(ids) < len(live):
            given = iter(ids)
            ids = [next(given) if on else "" for on in live.tolist()]
        self._ids += ids

    def _add_group(self, number: int, group: _Group, here: Array) -> None:
        place = group.place
        for name, get, kind, key in _COLUMNS[number]:
            if not group.may_have(key):
                continue
            values = list(map(get, group.values))
            if kind == "number":
                numbers, present = _int64(values)
                self._numbers[name].append((here, _placed(numbers, place)))
                self._numbers[f"{name}?"].append((here, _placed(present, place)))
                continue
            if name == "redactions":
                values = [texts_in(value) for value in values]
            texts = self._texts.get(name)
            if texts is None:
                texts = self._texts[name] = _Texts(() if kind == "texts" else None)
            texts.parts.append((here, _placed(texts.codes(values), place)))

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


def _texts_of_when(when: _Group) -> list[Grid]:
    """Return the texts of when events were that are no number, each kind as a grid of one column."""
    ids = Pieces.of_texts([item.id for item in when.values])
    times = Pieces.of_texts([item.original_time or "" for item in when.values])
    place = slice(None) if when.place is None else when.place
    kinds = (kind.part(place) for kind in (ids, times) if kind.data)
    return [Grid(kind.data, kind.begin[None], kind.end[None]) for kind in kinds]


def _placed(values: Array, place: Array | None) -> Array:
    return values if place is None else values[place]


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
    if any(len(text) != 36 for text in ids):
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


def _int64(values: Sequence[Any]) -> tuple[Array, Array]:
    """Return (numbers, present); what does not fit is the nearest number that does."""
    try:
        return np.array(values, dtype=np.int64), np.ones(len(values), dtype=np.bool_)
    except (TypeError, OverflowError):  # some are None or too large
        present = np.array([value is not None for value in values], dtype=np.bool_)
    filled = [0 if value is None else value for value in values]
    try:
        return np.array(filled, dtype=np.int64), present
    except OverflowError:
        clamped = [min(max(value, int(_INT64.min)), int(_INT64.max)) for value in filled]
        return np.array(clamped, dtype=np.int64), present


def _readable(parts: tuple[bytes, ...]) -> bool:
    try:
        for number, part in zip(WANTED, parts, strict=True):
            if len(_DECODE[number](b"[" + (part or b"{}") + b"]")) != 1:
                return False
    except msgspec.DecodeError:
        return False
    return True
