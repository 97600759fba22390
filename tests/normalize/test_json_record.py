"""Strict JSON: the fast check for duplicate keys agrees with the exact one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.limits import NESTING_MAX
from whodid.normalize.json_record import compact, decode, integer, text

_keys = st.sampled_from(["a", "b", 'c":', "d :", "é", ""])
_values = st.recursive(
    st.none() | st.integers(-9, 9) | st.sampled_from(['":', '{"a":1}', " :"]),
    lambda inner: st.lists(inner, max_size=2) | st.lists(st.tuples(_keys, inner), max_size=3),
    max_leaves=6,
)
_blanks = st.sampled_from(["", " ", "\n", "\t "])


def render(value, blank: str) -> tuple[str, bool]:
    """Return the JSON of a value, whose lists of pairs are objects, and whether a key repeats."""
    if isinstance(value, list) and value and all(isinstance(item, tuple) for item in value):
        parts = [(json.dumps(key), *render(item, blank)) for key, item in value]
        body = ",".join(f"{key}{blank}:{blank}{item}" for key, item, _ in parts)
        twice = len({key for key, _ in value}) < len(value)
        return "{" + blank + body + "}", twice or any(part[2] for part in parts)
    if isinstance(value, list):
        inner = [render(item, blank) for item in value]
        return "[" + ",".join(item for item, _ in inner) + "]", any(item[1] for item in inner)
    return json.dumps(value), False


@given(st.lists(st.tuples(_keys, _values), min_size=1, max_size=4), _blanks)
def test_duplicate_keys_are_found_and_only_they(pairs, blank):
    raw, twice = render(pairs, blank)
    found = decode(raw.encode())
    if twice:
        assert isinstance(found, str)
        assert "twice" in found
    else:
        assert found == json.loads(raw)


def test_nesting():
    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b"1" + b"}" * depth

    assert isinstance(decode(nested(NESTING_MAX)), dict)
    assert "nested" in decode(nested(NESTING_MAX + 1))
    assert "nested" in decode(b'{"a":' + b"[" * NESTING_MAX + b"]" * NESTING_MAX + b"}")
    assert "nested" in decode(nested(200_000))


@pytest.mark.parametrize("raw", [b'{"a":' + b"9" * 50_000 + b"}", b'{"a":1e400}', b'{"a":-0.0e1}'])
def test_hostile_numbers(raw):
    assert isinstance(decode(raw), dict | str)


@given(st.binary(max_size=64))
def test_any_bytes(raw):
    assert isinstance(decode(raw), dict | str)


def test_values():
    assert (text(7), text("x"), text(""), text(None), text(True), text(1.5)) == (
        "7", "x", None, None, None, None,
    )  # fmt: skip
    assert text(1 << 63) is None
    assert (integer(7), integer("7"), integer(7.0)) == (7, 7, 7)
    for bad in (-1, 1 << 63, "9" * 19, "-1", "²", True, 1.5, None, [], float("inf")):
        assert integer(bad) is None, bad
    assert compact({"a": [1, None]}) == '{"a":[1,null]}'
