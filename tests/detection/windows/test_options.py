"""What rules of whodid's own kinds may say."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.detection.windows import OWN_KINDS, option_keys, own_options
from whodid.errors import InputError


def test_defaults():
    assert {kind: own_options(kind, {}) for kind in OWN_KINDS} == {
        "new_value": {"as": "value", "learn": 0},
        "absence": {"expect": "after"},
        "ratio": {"minimum": 10},
        "outside_hours": {"person": "actor.id", "calendar": ""},
        "impossible_travel": {"distance": 100, "allow": ()},
    }
    assert own_options("event_count", {}) == {}


def test_spans_and_networks_are_read():
    assert own_options("new_value", {"learn": "7d"})["learn"] == 7 * 86_400_000_000
    assert own_options("new_value", {"learn": 0})["learn"] == 0
    allow = own_options("impossible_travel", {"allow": ["203.0.113.7/24", "2001:db8::/32"]})
    assert allow["allow"] == ("203.0.113.0/24", "2001:db8::/32")


FAULTS = [
    ("new_value", "as", "town", "one of value, network, country"),
    ("new_value", "learn", "soon", "a length of time"), ("new_value", "learn", True, "a length"),
    ("new_value", "minimum", 3, "it knows: as, learn"), ("event_count", "as", "value", "none"),
    ("absence", "expect", "never", "one of after, before"),
    ("ratio", "minimum", 0, "from 1"), ("ratio", "minimum", 2.5, "from 1"),
    ("ratio", "minimum", True, "from 1"), ("outside_hours", "person", [], "a name"),
    ("outside_hours", "calendar", "", "a name"), ("impossible_travel", "allow", ["x"], "networks"),
    ("impossible_travel", "allow", 7, "a list"), ("impossible_travel", "allow", [7], "networks"),
    ("impossible_travel", "allow", ["::/0"] * 1001, "at most"),
    ("impossible_travel", "distance", -1, "from 1"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "key", "value", "says"), FAULTS, ids=lambda v: str(v)[:15])
def test_a_fault_names_the_key_and_what_it_may_be(kind, key, value, says):
    with pytest.raises(InputError) as error:
        own_options(kind, {key: value})
    assert f"correlation.{key} " in str(error.value)
    assert says in str(error.value)


@given(st.data())
def test_any_value_is_read_or_refused(data):
    kind = data.draw(st.sampled_from(OWN_KINDS))
    key = data.draw(st.sampled_from(option_keys(kind)))
    value = data.draw(st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    ))  # fmt: skip
    with suppress(InputError):
        own_options(kind, {key: value})
