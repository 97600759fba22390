"""Groups cut by the compiled part say what decoded structs say, and are refused for the same."""

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whodid.event import GROUPS, Context, Envelope, What, When, Where, Who
from whodid.index import group
from whodid.index.columns import COLUMNS, KINDS
from whodid.ledger.pieces import Pieces
from whodid.native import native


@pytest.fixture(autouse=True, scope="module")
def few_are_many():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(group, "_MANY", 0)
        yield


built = pytest.mark.skipif(native is None, reason="there is no compiled part")
texts = st.one_of(
    st.sampled_from(["alice", "bob", "", "naïve 日本", 'with "quotes"', "a\\n"]), st.text()
)
numbers = st.one_of(st.integers(0, 9), st.integers(-(2**70), 2**70))
some = st.none() | texts
whens = st.builds(When, id=texts, received=numbers, time=st.none() | numbers, original_time=some)
whos = st.builds(
    Who, actor_id=some, actor_name=some, actor_session=some,
    actor_type=st.none() | st.sampled_from(["user", "system"]),
    actor_groups=st.lists(texts, max_size=2).map(tuple),
)  # fmt: skip
whats = st.builds(
    What, action=some, rows=st.none() | numbers,
    access=st.none() | st.sampled_from(["read", "other"]),
    outcome=st.none() | st.sampled_from(["success", "denied"]),
)  # fmt: skip
wheres = st.builds(Where, ip=some, host=some, port=st.none() | numbers, agent=some)
contexts = st.builds(Context, endpoint=some, correlation=some, duration_us=st.none() | numbers)
envelopes = st.builds(
    Envelope, source=texts, format=texts, mapping=st.integers(0, 3),
    identity=st.sampled_from(["none", "client"]), native_id=some, quarantine=some,
)  # fmt: skip
KINDS_OF_GROUP = {0: whens, 1: whos, 2: whats, 3: wheres, 4: contexts, 7: envelopes}
groups = st.sampled_from(sorted(KINDS_OF_GROUP)).flatmap(
    lambda number: st.tuples(
        st.just(number), st.lists(KINDS_OF_GROUP[number].map(msgspec.json.encode), max_size=6)
    )
)


def said(number, decoded, count):
    """Return what a decoded group says of each field that somebody asks for."""
    found = {}
    names = [name for n, name, _, _ in COLUMNS if n == number]
    for name in [*names, "time", "received"] if number == 0 else names:
        if KINDS.get(name, "number") == "number":
            pair = decoded.numbers(name) or (np.zeros(count), np.zeros(count, np.bool_))
            found[name] = [int(v) if p else None for v, p in zip(*pair, strict=True)]
        else:
            values, codes = decoded.texts(name) or ([None], np.zeros(count, np.int32))
            each = values if codes is None else [values[code] for code in codes]
            found[name] = [None if value == () else value for value in each]
    for name in ("id", "original_time") if not number else ():
        pieces = decoded.pieces(name)
        found[name] = [b""] * count if pieces is None else list(pieces)
    return found


def outcome(number, way, parts):
    try:
        decoded = way(number, Pieces.of(parts))
    except msgspec.DecodeError:
        return None
    return said(number, decoded, len(parts))


@built
@settings(max_examples=300, deadline=None)
@given(groups)
@example((7, [b'{"source":"a","format":"b"}', b'{"source":"a","format":"b","mapping":4}']))
@example((7, [b'{"source":"a","format":"b"}', b'{"format":"b"}']))
@example((7, [b'{"source":"a","format":"b","identity":"other"}']))
@example((2, [b'{"outcome":"success"}', b"", b"{}", b'{"outcome":"lost"}']))
@example((3, [b'{"port":1}', b'{"port":"1"}']))
@example((3, [b'{"ip":"\xff"}']))
@example((3, [b'{"ip":"\xed\xa0\x80"}', b"{}"]))
@example((0, [b'{"id":"\xc3","received":1,"original_time":"\xa9"}']))
@example((0, [b'{"id":"a","received":1}', b""]))
@example((0, []))
def test_both_ways_say_the_same(given_group):
    number, parts = given_group
    assert outcome(number, group.decode_group, parts) == outcome(number, group._decoded, parts)


@built
@settings(max_examples=500, deadline=None)
@given(groups, st.data())
def test_altered_groups_are_refused_alike(given_group, data):
    number, parts = given_group
    if not parts or not any(parts):
        return
    part = bytearray(max(parts, key=len))
    at = data.draw(st.integers(0, len(part) - 1))
    part[at : at + 1] = data.draw(
        st.sampled_from([b"", b'"', b",", b":", b"{", b"}", b"9", b"\xe9", b"-"])
    )
    parts = [*parts, bytes(part)]
    assert outcome(number, group.decode_group, parts) == outcome(number, group._decoded, parts)


@built
def test_what_doors_write_is_plain():
    what = What(action="read", access="read", resource_name="naïve", outcome="success", rows=3)
    parts = [msgspec.json.encode(what), b"", msgspec.json.encode(What(reason="why"))]
    assert isinstance(group.decode_group(2, Pieces.of(parts)), group._Plain)


def test_every_group_has_its_fields():
    for number, shape in group._SHAPES.items():
        struct = GROUPS[number][1]
        assert shape.required == {"id", "received"} if struct is When else not None
        named = {name for n, name, _, kind in COLUMNS if n == number and kind != "texts"}
        assert named <= set(shape.names)
