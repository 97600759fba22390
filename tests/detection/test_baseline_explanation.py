"""The sentence of a finding: each number in it is counted again here, from the records alone."""

import re

import pytest

from baseline_kit import DAY_US, FIRST_DAY, HOUR_US, at, intrusion, office, record
from whodid.detection.baseline import Scorer
from whodid.detection.baseline.crowd import hour_densities
from whodid.detection.baseline.explanation import outside, since
from whodid.detection.baseline.profile import Counter, Decay, Profile

NIGHT = 36


@pytest.fixture(scope="module")
def told():
    """(records, the finding about the night, its scorer)."""
    records = office(40, extra=intrusion(NIGHT))
    scorer = Scorer()
    [finding] = [f for f in scorer.feed(records) if dict(f.key)["actor.id"] == "p03"]
    return records, finding, scorer


def test_days_since_and_peers_are_those_of_the_records(told):
    records, finding, scorer = told
    mine = [r for r in records if r.group(1).actor_id == "p03"]
    first = min(r.time_us for r in mine) // DAY_US
    days = FIRST_DAY + NIGHT - first
    slots = scorer._model.members[scorer._model.actors.find("p03").group]
    peers = {scorer._model.actors.names[slot] for slot in slots} - {"p03"}
    for named in re.finditer(
        r"came from (\S+) for the first time in (\d+) days \((\w+) of (\d+) peers did\)",
        finding.why,
    ):
        network, since_days, did, of = named.groups()
        prefix = network.removesuffix(".0/24")
        before = {
            r.group(1).actor_id
            for r in records
            if r.group(3).ip.startswith(prefix) and r.time_us < at(NIGHT, 0)
        }
        assert "p03" not in before
        assert int(since_days) == days
        assert int(of) == len(peers)
        assert (0 if did == "none" else int(did)) == len(before & peers)
        break
    else:
        pytest.fail(finding.why)


def test_the_hour_is_outside_what_the_records_say(told):
    records, _, scorer = told
    # By hand: days with an event in the hour, decayed, half shared by all days, spread by 2 hours.
    decay = 0.5 ** (1 / scorer.settings.half_life_days)
    today = FIRST_DAY + NIGHT
    seen = {
        (r.time_us // DAY_US, r.time_us // HOUR_US % 24)
        for r in records
        if r.group(1).actor_id == "p03" and r.time_us // DAY_US <= today - 2
    }
    week = [0.0] * 168
    for day, hour in seen:
        week[(day + 3) % 7 * 24 + hour] += decay ** (today - day)
    mixed = [0.5 * week[h] + sum(week[h % 24 :: 24]) / 14 for h in range(168)]
    kernel = {-2: 0.05, -1: 0.2, 0: 0.5, 1: 0.2, 2: 0.05}
    own = [sum(k * mixed[(h + d) % 168] for d, k in kernel.items()) for h in range(168)]
    night = (today + 3) % 7 * 24 + 3
    by_hand = 100 * sum(w for w in own if w > own[night]) / sum(own)
    counter = Counter()
    for day in sorted({day for day, _ in seen}):
        hours = {(d + 3) % 7 * 24 + h: 1 for d, h in seen if d == day}
        counter.add(hours, day, Decay(scorer.settings.half_life_days))
    density, whole = hour_densities(counter, today, Decay(scorer.settings.half_life_days))
    # weights are kept in 256ths of a day
    assert outside(density, whole, night) == pytest.approx(by_hand, abs=0.5)
    assert by_hand > 99


def test_the_rarity_and_the_score_are_those_of_the_model(told):
    _, finding, _ = told
    values = dict(finding.values)
    assert float(values["score"]) > 0
    one_in = int(values["one_in"])
    assert one_in >= 100
    assert f"one of {one_in:,} days of actors is as unusual (2026-02-10, UTC)" in finding.why
    assert re.fullmatch(r"[0-9a-f]{64}", values["model"])


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((), "for the first time in 30 days"),
        ((120,), "for the second time, first 10 days before"),
        ((110, 120), "for the first time in 10 days"),
    ],
)
def test_since(days, expected):
    profile, decay = Profile(1), Decay(45.0)
    profile.first = 100
    counter = profile.counters[0]
    for day in days:
        counter.add({7: 1}, day, decay)
    assert since(profile, 0, 7, 130) == expected


def test_never_is_not_said_of_days_that_were_dropped():
    profile = Profile(1)
    profile.first = 100
    profile.counters[0].lost = 120
    assert since(profile, 0, 7, 130) == "for the first time in 9 days"
    assert since(None, 0, 7, 130) == "and was never seen before"


def test_much_more_than_usual_is_said_in_numbers():
    burst = [(at(36, 9, n % 60), "p04", f"t1-{n % 12}", "team-1", "10.0.4.7") for n in range(3000)]
    records = office(40, extra=burst)
    [finding] = [f for f in Scorer().feed(records) if dict(f.key)["actor.id"] == "p04"]
    named = re.search(
        r"([\d,]+) events on that day so far, about (\d+) on a usual one", finding.why
    )
    assert named, finding.why
    assert int(named[1].replace(",", "")) == finding.count
    before = {}
    for one in records:
        if one.group(1).actor_id == "p04" and one.time_us < at(36, 0):
            day = one.time_us // DAY_US
            before[day] = before.get(day, 0) + 1
    low, high = min(before.values()), max(before.values())
    assert low <= int(named[2]) <= high


def test_a_rest_is_said_in_days():
    moments_of_rest = [
        r for r in office(60) if r.group(1).actor_id != "p06" or r.time_us < at(25, 0)
    ]
    back = [
        record(80_000 + n, at(55, 2, n), "p06", f"t0-{n}", parent="team-0", ip="198.51.100.1")
        for n in range(10)
    ]
    records = sorted([*moments_of_rest, *back], key=lambda r: r.time_us)
    last = max(r.time_us for r in moments_of_rest if r.group(1).actor_id == "p06") // DAY_US
    found = [f for f in Scorer().feed(records) if dict(f.key)["actor.id"] == "p06"]
    told = [f for f in found if f.time_us >= at(55, 0)]
    assert told
    idle = re.search(r"p06 had done nothing for (\d+) days", told[0].why)
    if idle:  # it is one of the three reasons when it weighs enough
        assert int(idle[1]) == FIRST_DAY + 55 - last - 1
