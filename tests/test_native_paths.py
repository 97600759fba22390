"""Values at paths of JSON records, cut by the compiled part: as the parser finds them, or not told.

WHODID_SEED chooses the records.
"""

import json
import random

import msgspec
import numpy as np
import pytest

from chance import SEED
from whodid.detection.compiled.path import flat, getter
from whodid.ledger.pieces import Pieces
from whodid.native import native

PATHS = ("a", "a.b", "a.b.c", "b", "c", "c.a", "ü", "long.way.down")
KEYS = ("a", "b", "c", "ü", "long", "way", "down", "x", "")
SCALARS = ("", "x", "é", 'a"b', "a\\b", "a\nb", "\x7f", 0, -1, 12, 1.5, True, False, None, 10**30)
pytestmark = pytest.mark.skipif(native is None, reason="there is no compiled part")


def cut(records):
    """Return (state, {path: value as JSON}) of each record."""
    parts = Pieces.of(records)
    keys = tuple(tuple(key.encode() for key in path.split(".")) for path in PATHS)
    states, places = native.paths(parts.data, parts.begin, parts.end, keys)
    bounds = [np.frombuffer(place, dtype=np.int64).reshape(2, -1) for place in places]
    return [
        (state, {
            path: parts.data[begin[row] : end[row]]
            for path, (begin, end) in zip(PATHS, bounds, strict=True)
            if begin[row] >= 0
        })
        for row, state in enumerate(states)
    ]  # fmt: skip


def value(chance, depth=0):
    kind = chance.random()
    if depth > 3 or kind < 0.4:
        return chance.choice(SCALARS)
    if kind < 0.85:
        return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randrange(5))}
    return [value(chance, depth + 1) for _ in range(chance.randrange(3))]


def record(chance):
    found = {chance.choice(KEYS): value(chance) for _ in range(chance.randrange(6))}
    text = json.dumps(
        found, ensure_ascii=chance.random() < 0.3, indent=chance.choice((None, None, 2)),
        separators=chance.choice(((",", ":"), (", ", ": "))),
    )  # fmt: skip
    return text.encode()


def broken(chance, data):
    """Return bytes that are like a record, and mostly none."""
    at = chance.randrange(len(data) + 1)
    match chance.randrange(5):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([chance.randrange(256)]) + data[at:]
        case 2:
            return data[:at] + data[at + 1 :]
        case 3:
            return data + chance.choice((b" ", b"x", b"{}", b"\0", b","))
    return chance.choice((b"[", b"", b" ", b"\xff")) + data


def check(data, state, values):
    """Hold what was cut against what the parser says; return whether anything was told."""
    if not state:
        return False
    if state > 1:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False  # the caller looks at that
    native_record = msgspec.json.decode(data)
    for path in PATHS:
        told = flat(msgspec.json.decode(values[path])) if path in values else ()
        assert told == getter(path)(native_record), (data, path)
    return True


def test_it_finds_what_the_parser_finds():
    chance = random.Random(SEED)
    records = [record(chance) for _ in range(3000)]
    found = cut(records)
    told = sum(check(data, *it) for data, it in zip(records, found, strict=True))
    assert told > 1000


def test_it_tells_nothing_of_what_no_parser_takes():
    chance = random.Random(SEED + 1)
    records = [broken(chance, record(chance)) for _ in range(6000)]
    found = cut(records)
    told = sum(check(data, *it) for data, it in zip(records, found, strict=True))
    assert 0 < told < 4000


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"1", b'{"a":1', b'{"a":1}}', b'{"a":01}', b'{"a":1.}', b'{"a":.5}', b'{"a":-}',
        b'{"a":1e5}', b'{"a":tru}', b'{"a":nul}', b'{"a" 1}', b'{"a":1,}', b"{,}", b'{"a":"\t"}',
        b'{"a":"\\u0041"}', b'{"a":"\\x"}', b'{"a":"\\', b'{"\\u0061":1}', b'{"\\n":1}',
        b'{"a":{"b":1},"a":{"c":2}}', b'{"a":1,"a":2}', b'{"a":[{"b":1}]}',
        b'{"b":' + b"[" * 100 + b"]" * 100 + b"}", b'{"b":' + b'{"b":' * 100 + b"1" + b"}" * 101,
    ],
)  # fmt: skip
def test_it_leaves_these_to_the_parser(data):
    [(state, values)] = cut([data])
    assert (state, values) == (0, {})


def test_it_says_which_records_are_beyond_ascii():
    [(one, _), (two, values), (three, _)] = cut(
        [b'{"a":"x"}', '{"a":"é"}'.encode(), b'{"x":"\xff"}']
    )
    assert (one, two, three) == (1, 2, 2)
    assert values["a"] == '"é"'.encode()


def test_it_refuses_paths_that_are_none():
    for paths in (((),), ((b"a",), (b"a",)), ("a",), ((1,),)):
        with pytest.raises((TypeError, ValueError)):
            native.paths(b"{}", np.array([0]), np.array([2]), paths)
    for begin, end in (([0], [9]), ([2], [1]), ([-1], [1])):
        with pytest.raises(ValueError, match="within"):
            native.paths(b"{}", np.array(begin), np.array(end), ((b"a",),))
