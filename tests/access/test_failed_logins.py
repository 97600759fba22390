from whodid.access.failed_logins import FailedLogins
from whodid.limits import LOGIN_KEYS_MAX


def test_a_name_has_ten_failures_and_then_one_a_minute(clock):
    limit = FailedLogins(clock)
    assert [limit.begin("alice", f"10.0.0.{i}") for i in range(10)] == [0.0] * 10
    assert limit.begin("ALICE", "10.0.1.1") == 60.0
    assert limit.begin("bob", "10.0.1.1") == 0.0
    clock.pass_s(59)
    assert limit.begin("alice", "10.0.1.2") == 1.0
    clock.pass_s(1)
    assert limit.begin("alice", "10.0.1.2") == 0.0
    assert limit.begin("alice", "10.0.1.2") > 0


def test_an_address_has_thirty_failures(clock):
    limit = FailedLogins(clock)
    assert [limit.begin(f"user{i}", "10.0.0.1") for i in range(30)] == [0.0] * 30
    assert limit.begin("other", "10.0.0.1") == 20.0
    assert limit.begin(None, "10.0.0.1") == 20.0
    assert limit.begin("other", "10.0.0.2") == 0.0


def test_right_logins_cost_nothing(clock):
    limit = FailedLogins(clock)
    for _ in range(100):
        assert limit.begin("alice", "10.0.0.1") == 0.0
        limit.succeeded("alice", "10.0.0.1")


def test_an_ipv6_customer_is_one_address(clock):
    limit = FailedLogins(clock)
    waits = [limit.begin(None, f"2001:db8:0:1::{i:x}") for i in range(31)]
    assert waits[-1] > 0
    assert limit.begin(None, "2001:db8:0:2::1") == 0.0


def test_memory_is_bounded_and_a_clock_set_back_is_survived(clock):
    limit = FailedLogins(clock)
    for i in range(LOGIN_KEYS_MAX + 100):
        limit.begin(f"user{i}", f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(limit._names._credits) == LOGIN_KEYS_MAX
    assert len(limit._addresses._credits) == LOGIN_KEYS_MAX
    clock.pass_s(-3600)
    assert limit.begin("alice", None) == 0.0


def test_log_in_counts_failures_and_does_not_check_beyond(doorkeeper, alice, monkeypatch):
    for _ in range(10):
        login = doorkeeper.log_in("alice", "wrong password", "10.0.0.1")
        assert (login.user, login.wait_s) == (None, 0.0)
    monkeypatch.setattr(doorkeeper.users, "check", None)
    login = doorkeeper.log_in("alice", "correct horse", "10.0.0.1")
    assert login.user is None
    assert login.wait_s == 60.0


def test_log_in_and_link(doorkeeper, alice):
    assert doorkeeper.log_in("alice", "correct horse", "10.0.0.1").user == alice
    link = doorkeeper.sessions.issue_link(alice)
    assert doorkeeper.redeem(link, "10.0.0.1").user == alice
    assert doorkeeper.redeem(link, "10.0.0.1").user is None


def test_wrong_links_are_limited_and_a_right_one_never_waits(doorkeeper, alice):
    waits = [doorkeeper.redeem("wdl_" + "A" * 43, "10.0.0.1").wait_s for _ in range(31)]
    assert waits == [0.0] * 30 + [20.0]
    link = doorkeeper.sessions.issue_link(alice)
    assert doorkeeper.redeem(link, "10.0.0.1").user == alice
