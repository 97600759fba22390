"""Fields of the records of a stretch of entries, as columns: what no column of the index tells.

A column has the values of a field as rules of one kind of log mean it (`compiled.fields`), so what
a rule asks of it is what it asks of a record. The compiled part cuts plain JSON; records that are
not plain, and fields that are elsewhere, are read one by one, as live.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from msgspec import Struct

from whodid.detection.backtest.distinct import Array, Distinct
from whodid.detection.compiled.fields import Load, is_of_event, loader, plain_path, view_of
from whodid.detection.compiled.path import Values, flat
from whodid.detection.record import NativeOf, Record
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.kinds import KINDS, kind_of, may_vary
from whodid.event import GROUPS
from whodid.index.build import gathered, readable
from whodid.index.builder import numbered
from whodid.ledger.leaf import LeafType
from whodid.ledger.pieces import Grid, Pieces
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import GroupRows
from whodid.limits import STRETCH_TEXTS_BYTES_MAX, STRETCH_VALUE_BYTES_MAX
from whodid.native import native

_RAW, _ENVELOPE = 6, 7
_ALL = tuple(range(len(GROUPS)))
NOTHING, UNTOLD, _FIRST = 0, 1, 2
"""Codes of a row: it has no value (or no event), it is not known, and the first value."""

_BY_NAME = {kind.name: kind for kind in KINDS}
_CUT = frozenset(("cloudtrail",))
"""Kinds whose records are JSON as it was sent, with keys that have no dots, in one case."""


class FieldName(Struct, frozen=True, order=True):
    """A field as rules of a kind of log name it; `event_first` as `compiled.fields.loader`."""

    kind: str
    name: str
    event_first: bool = False


class Column(Struct, frozen=True):
    """What rows have: `codes` (see NOTHING), the distinct values as JSON lists."""

    codes: Array
    values: tuple[bytes, ...]

    def decoded(self) -> list[Values]:
        """Return the distinct values, in the order of their codes."""
        return [tuple(_decode(value)) for value in self.values]

    def distinct(self) -> Distinct:
        """Return the distinct values, to be asked."""
        return Distinct(self.decoded())


class Stretch(Struct, frozen=True):
    """Entries [first, first+count). `senders` are (kind, source), `sent` their codes by row.

    Of an entry that is no event nothing is told, of one that is not readable that it may be
    anything. `whole` tells that there is none of these.
    """

    first: int
    sent: Array
    senders: tuple[tuple[str, str], ...]
    columns: Mapping[FieldName, Column]

    @property
    def count(self) -> int:
        """Number of entries."""
        return len(self.sent)

    @property
    def whole(self) -> bool:
        """Tell whether every event is readable."""
        return not bool((self.sent == UNTOLD).any())

    def of_senders(self, chosen: Sequence[bool]) -> Array:
        """Return the rows (bool) whose sender is chosen, by its place."""
        return _those(chosen, self.sent)

    def of_kind(self, kind: str, sent: Array) -> Array:
        """Return which of some rows, given by their senders' codes, are of a kind."""
        return _those([sender[0] == kind for sender in self.senders], sent)

    def lacks(self, names: Iterable[FieldName]) -> list[FieldName]:
        """Return the fields of kinds that are here that have no column."""
        kinds = {kind for kind, _ in self.senders}
        return [name for name in names if name.kind in kinds and name not in self.columns]


def _those(chosen: Sequence[bool], sent: Array) -> Array:
    table = np.array([False, False, *chosen], dtype=np.bool_)
    return table.take(sent)


def read_stretch(
    reader: LedgerReader, first: int, end: int, names: Sequence[FieldName], native_of: NativeOf
) -> Stretch:
    """Read columns of these fields of entries [first, end). Raises LedgerError.

    Fields of kinds that are not there get no column.
    """
    growing = _Growing(first, end - first, names, native_of)
    wanted = _ALL if growing.opens_events else (_RAW, _ENVELOPE)
    for rows in gathered(readable(reader, first, end, wanted)):
        growing.add(rows, wanted)
    return growing.finish()


class _Texts:
    """Codes of one field while it grows."""

    def __init__(self, rows: int) -> None:
        self.codes = np.zeros(rows, dtype=np.uint32)
        self._code: dict[bytes, int] = {}
        self._of_raw: dict[bytes, int] = {}
        self._of_text: dict[str, int] = {}
        self._bytes = 0

    def code(self, values: Values) -> int:
        """Return the code of values."""
        if not values:
            return NOTHING
        if len(values) == 1 and values[0].__class__ is str:  # the usual case
            text = values[0]
            code = self._of_text.get(text)
            if code is None:
                code = self._new(values)
                if code != UNTOLD:  # what is not kept is not remembered: it may be large
                    self._of_text[text] = code
            return code
        return self._new(values)

    def _new(self, values: Values) -> int:
        """Return the code of values that are not known by their text."""
        try:
            text = _encode(values)
        except (RecursionError, TypeError, ValueError, OverflowError):
            return UNTOLD
        known = self._code.get(text)
        if known is None:
            self._bytes += len(text)
            if len(text) > STRETCH_VALUE_BYTES_MAX or self._bytes > STRETCH_TEXTS_BYTES_MAX:
                self._bytes -= len(text)
                return UNTOLD
            known = self._code[text] = len(self._code) + _FIRST
        return known

    def code_of_raw(self, raw: bytes) -> int:
        """Return the code of a value that stands in a record as this JSON."""
        known = self._of_raw.get(raw)
        if known is None:
            known = UNTOLD
            if len(raw) <= STRETCH_VALUE_BYTES_MAX:
                try:
                    known = self.code(flat(_decode(raw)))
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    known = UNTOLD
            if known != UNTOLD:
                self._of_raw[raw] = known
        return known

    def column(self) -> Column:
        """Return the column."""
        most = len(self._code) + _FIRST
        size = np.uint8 if most <= 1 << 8 else np.uint16 if most <= 1 << 16 else np.uint32
        return Column(self.codes.astype(size), tuple(self._code))


class _Fields:
    """The wanted fields of one kind: which are cut out of plain records, and how others load."""

    def __init__(self, kind: Kind, names: Sequence[FieldName], rows: int) -> None:
        self.texts = {name: _Texts(rows) for name in names}
        self.paths: dict[tuple[bytes, ...], list[FieldName]] = {}
        self.loads: dict[FieldName, Load] = {}
        for name in names:
            self.loads[name] = loader(kind, name.name, event_first=name.event_first)
            steps = plain_path(kind, name.name) if kind.name in _CUT else None
            if steps is not None:
                cut = tuple(step.encode() for step in steps)
                self.paths.setdefault(cut, []).append(name)
        cut_names = {name for some in self.paths.values() for name in some}
        self.others = [name for name in names if name not in cut_names]


class _Growing:
    """A stretch while rows are added."""

    def __init__(
        self, first: int, rows: int, names: Sequence[FieldName], native_of: NativeOf
    ) -> None:
        self._first = first
        self._rows = rows
        self._native_of = native_of
        self._names: dict[str, list[FieldName]] = {}
        for name in names:
            self._names.setdefault(name.kind, []).append(name)
        self._sent = np.zeros(rows, dtype=np.uint32)
        self._senders: dict[tuple[str, str], int] = {}
        self._fields: dict[str, _Fields] = {}
        self.opens_events = any(_may_be_of_event(name) for name in names)

    def add(self, rows: GroupRows, wanted: Sequence[int]) -> None:
        """Take further rows with these groups."""
        at = rows.first - self._first
        is_event = rows.types == LeafType.EVENT
        self._sent[at : at + len(is_event)][is_event & ~rows.here] = UNTOLD
        live = is_event & rows.here
        groups = rows.groups.part(live[rows.here])
        places = np.flatnonzero(live) + at
        codes, senders = numbered(_senders(groups[wanted.index(_ENVELOPE)]), {}, 0)
        for number, sender in enumerate(senders):
            chosen = np.flatnonzero(codes == number)
            if may_vary(sender[0]):
                self._add_varied(sender, groups.part(chosen), wanted, places[chosen])
            else:
                kind = kind_of(sender[0], sender[1], None)
                self._add(kind, sender[1], groups.part(chosen), wanted, places[chosen])

    def _add_varied(
        self, sender: tuple[str, str], groups: Grid, wanted: Sequence[int], places: Array
    ) -> None:
        """Take rows of a format whose records tell themselves which kind of log they are of."""
        records = self._records(groups, wanted, places)
        by_kind: dict[str, list[int]] = {}
        for number, record in enumerate(records):
            by_kind.setdefault(kind_of(*sender, record.native).name, []).append(number)
        for name, numbers in by_kind.items():
            chosen = np.array(numbers)
            self._add(
                _BY_NAME[name], sender[1], groups.part(chosen), wanted, places[chosen],
                [records[number] for number in numbers],
            )  # fmt: skip

    def _records(self, groups: Grid, wanted: Sequence[int], places: Array) -> list[Record]:
        nothing = [b""] * len(places)
        columns: list[Iterable[bytes]] = [nothing] * len(GROUPS)
        for group, column in zip(wanted, groups, strict=True):
            columns[group] = column
        entries = (places + self._first).tolist()
        return [
            Record(entry, parts, self._native_of)
            for entry, parts in zip(entries, zip(*columns, strict=True), strict=True)
        ]

    def _add(
        self, kind: Kind, source: str, groups: Grid, wanted: Sequence[int], places: Array,
        records: list[Record] | None = None,
    ) -> None:  # fmt: skip
        """Take rows of one kind and source; `records` are the same, where they are at hand."""
        code = self._senders.setdefault((kind.name, source), len(self._senders) + _FIRST)
        self._sent[places] = code
        if kind.name not in self._names:
            return
        fields = self._fields.get(kind.name)
        if fields is None:
            fields = _Fields(kind, self._names[kind.name], self._rows)
            self._fields[kind.name] = fields
        plain = np.zeros(len(places), dtype=np.bool_)
        if native is not None and fields.paths:
            plain = _cut(groups[wanted.index(_RAW)], fields, places)
        if fields.others or not plain.all():
            self._load(fields, records or self._records(groups, wanted, places), places, plain)

    def _load(
        self, fields: _Fields, records: Sequence[Record], places: Array, plain: Array
    ) -> None:
        """Load what was not cut out, record by record."""
        for record, place, cut in zip(records, places.tolist(), plain.tolist(), strict=True):
            names = fields.others if cut else fields.texts
            if names:
                view = view_of(record, record.native)
                for name in names:
                    texts = fields.texts[name]
                    texts.codes[place] = texts.code(fields.loads[name](view))

    def finish(self) -> Stretch:
        """Return the stretch."""
        columns = {
            name: texts.column()
            for fields in self._fields.values()
            for name, texts in fields.texts.items()
        }
        size = np.uint8 if len(self._senders) + _FIRST <= 1 << 8 else np.uint32
        return Stretch(self._first, self._sent.astype(size), tuple(self._senders), columns)


def _may_be_of_event(name: FieldName) -> bool:
    """Tell whether values of our Event may be asked for."""
    kind = _BY_NAME[name.kind]
    places = kind.fields.get(name.name, ())
    return is_of_event(name.name) or any(place[:1] == "@" for place in places)


class _Sender(Struct, gc=False):
    format: str
    source: str


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder().decode
_decode_senders = msgspec.json.Decoder(list[_Sender]).decode


def _senders(envelopes: Pieces) -> list[tuple[str, str]]:
    """Return format and source of each."""
    try:
        found = _decode_senders(envelopes.joined(b",", head=b"[") + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = []
    if len(found) == len(envelopes):
        return [(sender.format, sender.source) for sender in found]
    nothing = (b"",) * _ENVELOPE
    return [Record(0, (*nothing, it), lambda _raw, _format: None).sender for it in envelopes]


def _cut(raws: Pieces, fields: _Fields, places: Array) -> Array:
    """Fill in the codes of plain records, and return which these are."""
    assert native is not None
    begin, end = np.ascontiguousarray(raws.begin), np.ascontiguousarray(raws.end)
    states, found = native.paths(raws.data, begin, end, tuple(fields.paths))
    state = np.frombuffer(states, dtype=np.uint8)
    plain = state > 0
    for number in np.flatnonzero(state > 1).tolist():
        try:
            raws[number].decode()
        except UnicodeDecodeError:
            plain[number] = False
    for names, where in zip(fields.paths.values(), found, strict=True):
        starts, stops = np.frombuffer(where, dtype=np.int64).reshape(2, -1)
        here = np.flatnonzero((starts >= 0) & plain)
        if not len(here):
            continue
        pieces = Pieces(raws.data, starts[here], stops[here])
        numbers, first = pieces.numbered()
        distinct = list(pieces.part(first))
        for name in names:
            texts = fields.texts[name]
            codes = np.array([texts.code_of_raw(raw) for raw in distinct], dtype=np.uint32)
            texts.codes[places[here]] = codes[numbers]
    return plain
