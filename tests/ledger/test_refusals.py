"""What was refused is counted, never lost before it is taken, and takes bounded room."""

from hypothesis import given
from hypothesis import strategies as st

from whodid.ledger.refusals import MANY, Refusals, Refused, network_of
from whodid.limits import REFUSALS_MAX


def test_the_same_is_counted_once_more():
    refusals = Refusals()
    refusals.note("unknown", "10.0.0.1", None, 5)
    refusals.note("unknown", "10.0.0.1", None, 9)
    refusals.note("revoked", "10.0.0.1", "aa", 1)
    assert refusals.take() == [
        Refused("revoked", "10.0.0.1", "aa", 1, 1, 1),
        Refused("unknown", "10.0.0.1", "", 2, 5, 9),
    ]
    assert refusals.take() == []


def test_a_customers_addresses_are_one():
    refusals = Refusals()
    for number in range(1000):
        refusals.note("unknown", f"2001:db8:0:1::{number:x}", None, number)
    [one] = refusals.take()
    assert (one.network, one.count) == ("2001:db8:0:1::/64", 1000)
    assert network_of("::ffff:10.0.0.1") == "::ffff:a00:1"
    for odd in (None, "", "x", "10.0.0.1/8", "\0"):
        assert network_of(odd) == ""


def test_a_flood_from_everywhere_takes_bounded_room_and_is_counted():
    refusals = Refusals()
    for number in range(50_000):
        refusals.note("unknown", f"10.{number >> 8 & 255}.{number & 255}.1", None, number)
    found = refusals.take()
    assert len(found) <= REFUSALS_MAX + 1
    assert sum(item.count for item in found) == 50_000
    assert {item.reason for item in found} == {"unknown", MANY}


@given(st.lists(st.builds(Refused, st.text(), st.text(), st.text(), st.integers(), st.integers(),
                          st.integers()), max_size=5))  # fmt: skip
def test_another_process_may_send_anything(items):
    refusals = Refusals()
    refusals.add(items)
    for item in refusals.take():
        assert max(map(len, (item.reason, item.network, item.token))) <= 64
        assert item.count >= 0
