"""Who is whose peer, and how others count."""

import math

import pytest

from baseline_kit import at, office, record
from whodid.detection.baseline import Scorer
from whodid.detection.baseline.crowd import Crowd
from whodid.detection.baseline.dimensions import (
    DIMENSIONS,
    Keys,
    Reading,
    area_of,
    client_of,
    fresh_values,
    network_of,
)
from whodid.detection.baseline.peers import peers
from whodid.detection.baseline.profile import Decay, Profile
from whodid.detection.baseline.view import Hourly, View
from whodid.event import Where

DECAY = Decay(45.0)


def profile_of(slot, resources, day=20_000, groups=()):
    profile = Profile(slot)
    profile.groups = groups
    for n in range(5):
        profile.counters[0].add(dict.fromkeys(resources, 1), day + n, DECAY)
    profile.first, profile.last, profile.days = day, day + 4, 5
    return profile


def test_those_who_use_the_same_are_peers_when_nobody_says_who_is():
    keys = Keys()
    teams = [[keys(f"t{team}-{n}") for n in range(10)] for team in range(3)]
    profiles = [profile_of(slot, teams[slot % 3]) for slot in range(24)]
    groups = peers(profiles, 20_005, DECAY)
    assert sorted(min(p.slot % 3 for p in found) for found in groups.values()) == [0, 1, 2]
    for found in groups.values():
        assert len({profile.slot % 3 for profile in found}) == 1
        assert {profile.group for profile in found} <= set(groups)


def test_groups_that_sources_name_come_first_the_smallest_of_them():
    everyone, team, pair = 11, 22, 33
    profiles = [profile_of(slot, [slot], groups=(everyone, team)) for slot in range(4)]
    profiles[0].groups = (everyone, team, pair)
    profiles[1].groups = (everyone, team, pair)
    profiles += [profile_of(10 + slot, [1], groups=(everyone,)) for slot in range(12)]
    groups = peers(profiles, 20_005, DECAY)
    together = {p.slot for p in groups[profiles[0].group]}
    assert together == {0, 1, 2, 3}  # a pair is too few, everyone is nobody in particular


def test_peers_are_the_same_whatever_the_order_of_who_was_seen():
    one, other = Scorer(), Scorer()
    one.feed(office(20))
    kept = one.snapshot()
    other.restore(kept)
    assert one._model.members == other._model.members
    assert one.counts()["groups"] >= 1


def view_of(profile, others):
    crowd = Crowd(DECAY)
    day = 20_000
    profile.group = 1
    values = lambda keys: [dict.fromkeys(keys, 1), *[{} for _ in DIMENSIONS[1:]]]  # noqa: E731
    crowd.groups[1] = [type(counter)() for counter in profile.counters]
    for other, keys in others:
        crowd.learn(other, values(keys), day)
    mine = list(profile.counters[0].entries)
    if mine:
        crowd.learn(profile, values(mine), day)
    return View(profile, crowd, Hourly(crowd, day, DECAY), day, DECAY, 0.5)


def test_back_off_by_hand():
    """One own day of {1, 2}; two others of the group with {2, 3}; one outside with {3, 4}."""
    profile = Profile(1)
    profile.counters[0].add({1: 1, 2: 1}, 20_000, DECAY)
    inside = [Profile(2), Profile(3)]
    for other in inside:
        other.group = 1
    view = view_of(profile, [(inside[0], [2, 3]), (inside[1], [2, 3]), (Profile(4), [3, 4])])
    # all without him: 6 days' values, of which 4 of 8 in sum were new when they came
    unseen = 1 / (4 + 10)
    new_all = (4 + 1) / (6 + 4 + 1)
    everyone = {
        key: new_all * unseen + (1 - new_all) * days / 6
        for key, days in {1: 0, 2: 2, 3: 3, 4: 1, 5: 0}.items()
    }
    # the group without him: 4 days' values; 3 were new in it: 2 and 3, and his own 1
    new_group = (3 + 1) / (4 + 3 + 1)
    group = {
        key: new_group * everyone[key] + (1 - new_group) * days / 4
        for key, days in {1: 0, 2: 2, 3: 2, 4: 0, 5: 0}.items()
    }
    new_own = (2 + 0.5) / (2 + 2 + 0.5)
    for key, days in {1: 1, 2: 1, 3: 0, 4: 0, 5: 0}.items():
        others, own = view.logs(0, key)
        assert others == pytest.approx(math.log(0.5 * group[key] + 0.5 * everyone[key]))
        assert own == pytest.approx(math.log(new_own * group[key] + (1 - new_own) * days / 2))


def test_probabilities_stay_probabilities():
    profile = Profile(1)
    profile.counters[0].add(dict.fromkeys(range(40), 1), 20_000, DECAY)
    others = [(Profile(n), range(n, n + 30)) for n in range(2, 9)]
    view = view_of(profile, others)
    known = range(40)
    for place in (0, 1):
        total = sum(math.exp(view.logs(0, key)[place]) for key in known)
        assert 0.0 < total <= 1.001
        assert all(view.logs(0, key)[place] <= 0.0 for key in (0, 5, 10_000))
    newcomer = View(None, Crowd(DECAY), Hourly(Crowd(DECAY), 0, DECAY), 20_000, DECAY, 0.5)
    assert newcomer.logs(0, 5)[0] == pytest.approx(newcomer.logs(0, 5)[1])


def test_who_always_uses_new_things_does_not_surprise_by_one_more():
    explorer, settled = Profile(1), Profile(2)
    for day in range(60):
        explorer.counters[0].add({day: 1}, 20_000 + day, DECAY)
        settled.counters[0].add({7: 1}, 20_000 + day, DECAY)
    crowd = Crowd(DECAY)
    hourly = Hourly(crowd, 20_060, DECAY)
    new = [View(p, crowd, hourly, 20_060, DECAY, 0.5).logs(0, 999)[1] for p in (explorer, settled)]
    assert new[0] - new[1] > 3.0


@pytest.mark.parametrize(
    ("name", "parent", "kind", "expected"),
    [
        ("payroll.csv", "hr", None, "hr"),
        ("s3/logs/2026/a.gz", None, "object", "s3/logs/2026"),
        ("arn:aws:s3:::bucket", None, None, "arn:aws:s3::"),
        ("public.payroll", None, "table", "public"),
        ("payroll", None, "table", "table"),
        ("payroll", None, None, None),
    ],
)
def test_areas(name, parent, kind, expected):
    assert area_of(name, parent, kind) == expected


@pytest.mark.parametrize(
    ("ip", "host", "expected"),
    [
        ("10.1.2.3", None, "10.1.2.0/24"),
        ("2001:db8:7:1::5", "h", "2001:db8:7::/48"),
        ("::1", None, "::1"),
        (None, "laptop", "laptop"),
        (None, None, None),
    ],
)
def test_networks(ip, host, expected):
    assert network_of(Where(ip=ip, host=host)) == expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("Firefox/128.0", "Firefox"),
        ("aws-cli/2.15.1 Python/3.11.6 Linux/6.1", "aws-cli Python Linux"),
        ("Boto3", "Boto"),
        ("1.2.3", None),
        (None, None),
    ],
)
def test_clients(agent, expected):
    assert client_of(agent) == expected


def test_an_event_gives_each_value_once():
    one = record(0, at(0, 9), "ann", "a.b", "drop", outcome="denied")
    known = [{} for _ in DIMENSIONS]
    found = fresh_values(known, one, one.group(2), one.time_us, Reading(Keys()))
    assert [DIMENSIONS[number] for number, _, _ in found] == [
        "hour", "resource", "area", "action", "network", "client",
    ]  # fmt: skip
    assert found[3][2] == "drop (denied)"
    assert found[0][1] == 9  # a Monday
    for number, key, _ in found:
        known[number][key] = 1
    assert fresh_values(known, one, one.group(2), one.time_us, Reading(Keys())) == []
