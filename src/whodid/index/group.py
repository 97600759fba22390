"""One group of many entries, decoded: for each field the values of the distinct groups.

Groups that are plain (`native.fields`), as doors write nearly all, are cut into columns by the
compiled part and need no object for each. All others, and all where there is no compiled part, are
decoded to structs. Both ways say the same, and refuse the same.
"""

from collections.abc import Callable
from operator import attrgetter
from types import UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import fields

from whodid.event import GROUPS
from whodid.index.columns import KINDS, texts_in
from whodid.ledger.pieces import Pieces
from whodid.native import native

Array = np.ndarray
_INT64 = np.iinfo(np.int64)
_TEXT = ord("t")
_MANY = 64
"""Fewer values are decoded to structs sooner than columns are made of them."""


class Group(Protocol):
    """What the distinct values of a group say, n of them."""

    def numbers(self, name: str) -> tuple[Array, Array] | None:
        """Return the numbers (i64) of a field and which are there; None when none is."""

    def texts(self, name: str) -> tuple[list[Any], Array | None] | None:
        """Return values of a field and which of them each has, None for in order.

        A value is None (or empty) where the field is missing; None when it always is.
        """

    def pieces(self, name: str) -> Pieces | None:
        """Return the texts of a field, empty where it is missing; None when it always is."""


def decode_group(number: int, parts: Pieces) -> Group:
    """Decode distinct values of group `number` (0 to 7, not the raw one).

    Raises msgspec.DecodeError when one is none.
    """
    if native is not None and len(parts) >= _MANY:
        plain = _plain(_SHAPES[number], parts)
        if plain is not None:
            return plain
    return _decoded(number, parts)


# --- plain ones ------------------------------------------------------------------------------


class _Shape(Struct, frozen=True):
    """The fields of a group that may be in a plain one, in order.

    `required` are those that must be there, `literals` those of few possible values, `defaults`
    what some are where they are not there.
    """

    names: tuple[str, ...]
    encoded: tuple[bytes, ...]
    kinds: bytes
    required: frozenset[str]
    literals: dict[str, frozenset[str]]
    defaults: dict[str, Any]


def _shape(number: int) -> _Shape:
    group = GROUPS[number][1]
    assert group is not None
    hints = get_type_hints(group)
    names, kinds, literals = [], b"", {}
    for item in fields(group):
        hint = hints[item.name]
        options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        [of] = [option for option in options if option is not type(None)]
        if get_origin(of) is Literal:
            literals[item.encode_name] = frozenset(get_args(of))
        elif of not in (str, int):
            continue  # a list: a group that has it is not plain
        names.append(item.encode_name)
        kinds += b"n" if of is int else b"t"
    required = frozenset(item.encode_name for item in fields(group) if item.required)
    encoded = tuple(name.encode() for name in names)
    defaults = {
        item.encode_name: item.default
        for item in fields(group)
        if item.default not in (msgspec.NODEFAULT, None, ())
    }
    return _Shape(tuple(names), encoded, kinds, required, literals, defaults)


class _Plain:
    """A group as places in its text: for each field that some have, two i64 each (`native`)."""

    def __init__(self, shape: _Shape, parts: Pieces, found: dict[str, Array]) -> None:
        self._data = parts.data
        self._count = len(parts)
        self._found = found
        self._defaults = shape.defaults
        self._texts: dict[str, tuple[list[Any], Array]] = {}

    def numbers(self, name: str) -> tuple[Array, Array] | None:
        found, default = self._found.get(name), self._defaults.get(name)
        if default is None:
            return None if found is None else (found[0], found[1] != 0)
        present = np.ones(self._count, dtype=np.bool_)
        if found is None:
            return np.full(self._count, default, dtype=np.int64), present
        return np.where(found[1] != 0, found[0], default), present

    def texts(self, name: str) -> tuple[list[Any], Array] | None:
        return self._texts.get(name)

    def pieces(self, name: str) -> Pieces | None:
        found = self._found.get(name)
        return None if found is None else Pieces(self._data, *np.maximum(found, 0))

    def read(self, name: str) -> list[Any]:
        """Read the texts of a field, and return the different ones. Raises UnicodeDecodeError."""
        found = self._found.get(name)
        codes = np.zeros(self._count, dtype=np.int32)
        if found is None:
            default = self._defaults.get(name)
            if default is not None:
                self._texts[name] = [default], codes
            return []
        here = found[0] >= 0
        every = bool(here.all())
        pieces = Pieces(self._data, *(found if every else found[:, here]))
        numbers, first = pieces.numbered()
        values = pieces.part(first).texts()
        if every:
            self._texts[name] = values, numbers
        else:
            codes[here] = numbers + 1
            self._texts[name] = [self._defaults.get(name), *values], codes
        return values

    def check(self, name: str) -> None:
        """Raise UnicodeDecodeError where a text of a field is no UTF-8."""
        pieces = self.pieces(name)
        if pieces is not None:
            pieces.joined(b"\n").decode()


def _plain(shape: _Shape, parts: Pieces) -> _Plain | None:
    """Return groups as far as all are plain and right; None when one is not."""
    assert native is not None
    begin, end = np.ascontiguousarray(parts.begin), np.ascontiguousarray(parts.end)
    cut = native.fields(parts.data, begin, end, shape.encoded, shape.kinds)
    if cut is None:
        return None
    found = {
        name: np.frombuffer(places, dtype=np.int64).reshape(2, -1)
        for name, places in zip(shape.names, cut, strict=True)
        if places is not None
    }
    if len(parts) and not all(_is_in_all(found.get(name)) for name in shape.required):
        return None
    group = _Plain(shape, parts, found)
    try:
        for name, kind in zip(shape.names, shape.kinds, strict=True):
            if kind != _TEXT:
                continue
            if name not in KINDS:
                group.check(name)
            elif name in shape.literals and not shape.literals[name].issuperset(group.read(name)):
                return None
            elif name not in shape.literals:
                group.read(name)
    except UnicodeDecodeError:
        return None
    return group


def _is_in_all(found: Array | None) -> bool:
    return found is not None and bool((found[1] > 0).all())


# --- all others ------------------------------------------------------------------------------


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


class _Decoded:
    """A group as structs; `joined` is all of it as JSON, in which a field that none has is not."""

    def __init__(self, number: int, values: list[Any], joined: bytes) -> None:
        self._get = _GETTERS[number]
        self._values = values
        self._joined = joined
        self._names = None if native is None else native.names(joined)

    def _all(self, name: str) -> list[Any] | None:
        """Return the field of each, None when none has it."""
        get, may_be_left_out = self._get[name]
        if may_be_left_out and not self._is_named(name.encode()):
            return None
        return list(map(get, self._values))

    def _is_named(self, name: bytes) -> bool:
        return b'"%s":' % name in self._joined if self._names is None else name in self._names

    def numbers(self, name: str) -> tuple[Array, Array] | None:
        values = self._all(name)
        return None if values is None else _int64(values)

    def texts(self, name: str) -> tuple[list[Any], Array | None] | None:
        values = self._all(name)
        if values is not None and name == "redactions":
            values = [texts_in(value) for value in values]
        return None if values is None else (values, None)

    def pieces(self, name: str) -> Pieces | None:
        values = self._all(name)
        return None if values is None else Pieces.of_texts([value or "" for value in values])


def _decoded(number: int, parts: Pieces) -> _Decoded:
    if not bool(parts.sizes.all()):
        parts = Pieces.of([part or b"{}" for part in parts])
    joined = parts.joined(b",", head=b"[") + b"]"
    try:
        structs = _DECODE[number](joined)
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec lets these two through
        raise msgspec.DecodeError(str(error)) from error
    if len(structs) != len(parts):
        raise msgspec.DecodeError("a group that is not one object")
    return _Decoded(number, structs, joined)


def _int64(values: list[Any]) -> tuple[Array, Array]:
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


_NUMBERS = tuple(number for number, (_, group) in enumerate(GROUPS) if group is not None)
_DECODE = {number: _decoder(number) for number in _NUMBERS}
_SHAPES = {number: _shape(number) for number in _NUMBERS}
_GETTERS = {
    number: {
        item.encode_name: (attrgetter(item.name), item.default in (None, ()))
        for item in fields(GROUPS[number][1] or Struct)
    }
    for number in _NUMBERS
}
