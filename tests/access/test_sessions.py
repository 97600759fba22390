from concurrent.futures import ThreadPoolExecutor

import pytest

from whodid.errors import UsageError

HOUR_S = 3600


def test_a_session_is_found_by_its_token_only(doorkeeper, alice):
    token = doorkeeper.sessions.open(alice)
    session = doorkeeper.sessions.find(token)
    assert session.user == alice
    assert session.id not in token
    for wrong in ("", "wds_", token[:-1], token + "x", "wd_" + token[4:], "wds_" + "A" * 43, "\0"):
        assert doorkeeper.sessions.find(wrong) is None


def test_idle_session_ends_after_12_hours_and_use_puts_it_off(doorkeeper, alice, clock):
    token = doorkeeper.sessions.open(alice)
    clock.pass_s(12 * HOUR_S - 1)
    assert doorkeeper.sessions.find(token)
    clock.pass_s(12 * HOUR_S - 1)
    assert doorkeeper.sessions.find(token)
    clock.pass_s(12 * HOUR_S)
    assert doorkeeper.sessions.find(token) is None


def test_looking_does_not_put_the_end_off(doorkeeper, alice, clock):
    token = doorkeeper.sessions.open(alice)
    clock.pass_s(12 * HOUR_S - 1)
    assert doorkeeper.sessions.find(token, used=False)
    clock.pass_s(1)
    assert doorkeeper.sessions.find(token) is None


def test_a_used_session_ends_after_7_days(doorkeeper, alice, clock):
    token = doorkeeper.sessions.open(alice)
    for _ in range(7 * 24 - 1):
        clock.pass_s(HOUR_S)
        assert doorkeeper.sessions.find(token)
    assert doorkeeper.sessions.find(token).expires_us == clock() + HOUR_S * 1_000_000
    clock.pass_s(HOUR_S)
    assert doorkeeper.sessions.find(token) is None


def test_closed_session_is_gone(doorkeeper, alice):
    token = doorkeeper.sessions.open(alice)
    assert doorkeeper.sessions.close(token) is True
    assert doorkeeper.sessions.close(token) is False
    assert doorkeeper.sessions.close("rubbish") is False
    assert doorkeeper.sessions.find(token) is None


def test_sessions_of_a_user_are_bounded(doorkeeper, alice, clock):
    bob = doorkeeper.users.add("bob", "correct horse", "administrator")
    his = doorkeeper.sessions.open(bob)
    tokens = []
    for _ in range(33):
        clock.pass_s(1)
        tokens.append(doorkeeper.sessions.open(alice))
    assert doorkeeper.sessions.find(tokens[0]) is None
    assert all(doorkeeper.sessions.find(token) for token in tokens[1:])
    assert doorkeeper.sessions.find(his)


def test_csrf_token_belongs_to_one_session(doorkeeper, alice):
    one, two = (doorkeeper.sessions.find(doorkeeper.sessions.open(alice)) for _ in range(2))
    assert one.allows(one.csrf)
    assert not one.allows(two.csrf)
    assert not one.allows("")
    assert not one.allows("\ud800ü")


def test_a_link_works_once_and_for_its_time(doorkeeper, alice, clock):
    sessions = doorkeeper.sessions
    link = sessions.issue_link(alice)
    assert sessions.redeem(link) == alice
    assert sessions.redeem(link) is None
    late = sessions.issue_link(alice)
    clock.pass_s(15 * 60)
    assert sessions.redeem(late) is None
    long = sessions.issue_link(alice, valid_us=24 * HOUR_S * 1_000_000)
    clock.pass_s(24 * HOUR_S - 1)
    assert sessions.redeem(long) == alice
    with pytest.raises(UsageError, match="24 hours"):
        sessions.issue_link(alice, valid_us=24 * HOUR_S * 1_000_000 + 1)


def test_a_link_is_not_a_session_nor_the_reverse(doorkeeper, alice):
    link, token = doorkeeper.sessions.issue_link(alice), doorkeeper.sessions.open(alice)
    assert doorkeeper.sessions.find(link) is None
    assert doorkeeper.sessions.redeem(token) is None
    assert doorkeeper.sessions.redeem("\0" * 1000) is None


def test_many_at_once_redeem_a_link_once(doorkeeper, alice):
    link = doorkeeper.sessions.issue_link(alice)
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: doorkeeper.sessions.redeem(link), range(16)))
    assert sum(user is not None for user in won) == 1
