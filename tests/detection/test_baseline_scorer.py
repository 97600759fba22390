"""Learning as a whole: the same entries give the same findings; what it learns and what not."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baseline_kit import DAY_US, FIRST_DAY, at, intrusion, moments, office, record
from whodid.detection.baseline import Scorer, Settings
from whodid.detection.record import Record
from whodid.errors import InputError

DAYS = 40


@pytest.fixture(scope="module")
def attacked():
    return office(DAYS, extra=intrusion(36))


def peaks(records, scorer=None):
    """Return (findings, score of each actor's day)."""
    scorer = scorer or Scorer()
    found = {}
    scorer.on_day = lambda day, _: found.update({(day.actor, day.day): day.peak})
    return scorer.feed(records), found


def test_a_night_of_a_thief_is_found_and_explained(attacked):
    findings = Scorer().feed(attacked)
    mine = [f for f in findings if f.key == (("actor.id", "p03"),)]
    assert len(mine) == 1
    assert mine[0].time_us // DAY_US == FIRST_DAY + 36
    assert mine[0].rule.id == "whodid-baseline"
    assert "203.0.113.0/24 for the first time in" in mine[0].why
    assert mine[0].matches[0].time_us >= at(36, 3)
    assert {"score", "one_in", "model", "learning"} <= dict(mine[0].values).keys()


def test_it_is_found_within_the_first_events_of_the_night(attacked):
    found = [f for f in Scorer().feed(attacked) if dict(f.key)["actor.id"] == "p03"]
    assert found[0].count <= 3


def test_ordinary_days_are_told_within_the_budget():
    findings = Scorer(Settings(alerts_per_day=2)).feed(office(80, 30, seed=5))
    days = [f.time_us // DAY_US for f in findings]
    assert max((days.count(day) for day in set(days)), default=0) <= 2
    assert len(findings) <= 2 * 80


def test_the_same_records_in_other_pieces_give_the_same(attacked):
    whole, pieces = Scorer(), Scorer()
    expected = whole.feed(attacked)
    random, found, place = Random(9), [], 0
    while place < len(attacked):
        step = random.choice((1, 1, 7, 100))
        found += pieces.feed(attacked[place : place + step])
        assert pieces.advance(at(400, 0)) == []  # the clock is none of its business
        place += step
    assert found == expected
    assert pieces.snapshot() == whole.snapshot()


@pytest.mark.parametrize("seed", range(4))
def test_a_restart_anywhere_changes_nothing(attacked, seed):
    whole = Scorer()
    expected = whole.feed(attacked)
    cuts = sorted(Random(seed).sample(range(len(attacked)), 5))
    scorer, found = Scorer(), []
    for first, end in zip([0, *cuts], [*cuts, len(attacked)], strict=True):
        found += scorer.feed(attacked[first:end])
        kept = scorer.snapshot()
        scorer = Scorer()
        scorer.restore(kept)
        assert scorer.snapshot() == kept
    assert found == expected
    assert scorer.snapshot() == whole.snapshot()


def test_who_else_acted_when_on_a_day_does_not_change_a_score(attacked):
    """The model stands still within a day: only the order of one actor's own events counts."""
    random = Random(3)
    keyed = sorted(attacked, key=lambda r: (r.time_us // DAY_US, random.random()))
    queues = {}
    for one in attacked:
        queues.setdefault((one.time_us // DAY_US, one.group(1).actor_id), []).append(one)
    shuffled = [queues[one.time_us // DAY_US, one.group(1).actor_id].pop(0) for one in keyed]
    assert [one.entry for one in shuffled] != [one.entry for one in attacked]
    assert peaks(shuffled)[1] == peaks(attacked)[1]


def test_a_score_is_made_again_from_the_model_and_the_actors_events(attacked):
    scorer, before, found = Scorer(), {}, []
    for one in attacked:
        day = one.time_us // DAY_US
        if day not in before:
            scorer_now = scorer.snapshot()
        news = scorer.feed([one])
        if day not in before:
            before[day] = (scorer_now, one)
        found += news
    assert found
    for finding in found:
        day = finding.time_us // DAY_US
        kept, opening = before[day]
        auditor = Scorer()
        auditor.restore(kept)
        again = auditor.feed([opening])  # its time turns the model to this day
        actor = dict(finding.key)["actor.id"]
        own = [
            one
            for one in attacked
            if one.time_us // DAY_US == day
            and one.group(1).actor_id == actor
            and one.entry != opening.entry
        ]
        again = [f for f in again + auditor.feed(own) if f.key == finding.key]
        assert [f.values for f in again] == [finding.values]
        assert again[0].why == finding.why
        assert dict(again[0].values)["model"] == auditor.model_hash
        assert again[0].rule.version == finding.rule.version


def test_p_values_of_ordinary_days_are_near_uniform():
    scorer, found = Scorer(Settings(alerts_per_day=0)), []

    def over(day, learning):
        if day.day >= FIRST_DAY + 60 and not learning:
            found.append(math.exp(-scorer._model.final[0](day.peak)))

    scorer.on_day = over
    scorer.feed(office(140, 30, seed=8))
    assert len(found) > 1000
    for level in (0.01, 0.05, 0.2, 0.5):
        share = sum(p <= level for p in found) / len(found)
        assert level / 3 < share < level * 2, (level, share)


# --- what is learned -----------------------------------------------------------------------------


def learned(scorer, actor, resource):
    profile = scorer._model.actors.find(actor)
    key = scorer._model.keys(resource)
    return profile is not None and key in profile.counters[0].entries


def test_nothing_is_learned_before_its_time():
    scorer = Scorer(Settings(delay_days=3))
    for day in range(3):
        scorer.feed([record(day, at(day, 9), "ann", f"doc-{day}")])
        assert not learned(scorer, "ann", "doc-0")
    scorer.feed([record(9, at(3, 9), "ann", "x")])
    assert learned(scorer, "ann", "doc-0")
    assert not learned(scorer, "ann", "doc-1")


@pytest.mark.parametrize(("malicious", "expected"), [(True, False), (False, True)])
def test_a_day_of_an_alert_waits_for_its_verdict(attacked, malicious, expected):
    scorer = Scorer()
    last = max(one.time_us for one in attacked)
    [finding] = [f for f in scorer.feed(attacked) if dict(f.key)["actor.id"] == "p03"]
    later = [
        record(90_000 + n, last + n * DAY_US, "p01", "t1-1", parent="team-1") for n in range(1, 8)
    ]
    scorer.feed(later[:5])
    assert not learned(scorer, "p03", "payroll-0")
    scorer.verdict("p03", finding.first_us, finding.time_us, malicious=malicious)
    kept = scorer.snapshot()
    scorer = Scorer()
    scorer.restore(kept)
    scorer.feed(later[5:])
    assert learned(scorer, "p03", "payroll-0") is expected
    assert scorer.counts()["never_learned"] == (not expected)


def test_without_a_verdict_a_day_is_learned_after_all(attacked):
    scorer = Scorer(Settings(hold_days=10))
    scorer.feed(attacked)
    scorer.feed([record(90_000, at(36 + 9, 9), "p01", "t1-1")])
    assert not learned(scorer, "p03", "payroll-0")
    scorer.feed([record(90_001, at(36 + 10, 9), "p01", "t1-1")])
    assert learned(scorer, "p03", "payroll-0")


def test_what_another_rule_confirmed_is_not_learned_and_is_not_taken_back():
    scorer = Scorer()
    scorer.feed([record(0, at(0, 9), "ann", "doc")])
    scorer.suspect("ann", at(0, 8), at(0, 10))
    scorer.verdict("ann", at(0, 8), at(0, 10), malicious=True)
    scorer.suspect("ann", at(0, 8), at(0, 10))
    scorer.feed([record(1, at(50, 9), "bob", "doc")])
    assert not learned(scorer, "ann", "doc")


def test_failed_logins_and_nobodys_events_say_nothing_about_an_actor():
    scorer = Scorer()
    scorer.feed(
        [
            record(0, at(0, 9), "ann", "door", "login", access="authenticate", outcome="failure"),
            record(1, at(0, 9), None, "door"),
            record(2, at(5, 9), "bob", "door"),
        ]
    )
    assert scorer.counts()["unproven"] == 1
    assert scorer.counts()["nobody"] == 1
    assert scorer.counts()["open_days"] == 1


def test_a_newcomer_is_scored_and_named_as_learning():
    night = intrusion(38, actor="newcomer")
    scorer = Scorer()
    scorer.on_day = lambda day, learning: seen.append((day.actor, learning, day.peak))
    seen = []
    findings = scorer.feed(office(44, extra=night))
    [(_, learning, peak)] = [one for one in seen if one[0] == "newcomer"]
    assert learning
    assert peak > 0.0
    for finding in findings:
        if dict(finding.key)["actor.id"] == "newcomer":
            assert "learning" in finding.why
            assert dict(finding.values)["learning"] == "yes"


def test_nothing_is_told_before_tails_are_known():
    early = office(12, extra=intrusion(8))
    assert Scorer().feed(early) == []


# --- time ----------------------------------------------------------------------------------------


def test_a_time_in_the_future_does_not_move_the_days():
    scorer = Scorer()
    scorer.feed([record(0, at(0, 9), "ann", "doc")])
    scorer.feed([record(1, at(3000, 9), "eve", "doc", received=at(0, 10))])
    assert scorer._today == FIRST_DAY
    scorer.feed([record(2, at(1, 9), "ann", "doc")])
    assert scorer._today == FIRST_DAY + 1


def test_late_events_are_scored_and_learned_for_what_is_left_of_them():
    scorer = Scorer(Settings(half_life_days=10))
    scorer.feed([record(0, at(60, 9), "ann", "doc")])
    scorer.feed([record(1, at(50, 9), "ann", "old", received=at(60, 10))])
    assert scorer.counts()["late_days"] == 1
    scorer.feed([record(2, at(70, 9), "bob", "doc")])
    counter = scorer._model.actors.find("ann").counters[0]
    key = scorer._model.keys
    day = FIRST_DAY + 70
    fresh, old = (counter.weight(key(name), day, scorer._model.decay) for name in ("doc", "old"))
    assert old == pytest.approx(fresh / 2, rel=0.05)


@pytest.mark.parametrize("time_us", [-5, 0, 10**18, 2**62])
def test_times_that_cannot_be_are_counted(time_us):
    scorer = Scorer()
    assert scorer.feed([record(0, time_us, "ann", "doc")]) == []
    assert scorer.counts()["unread"] == 1


# --- hostile -------------------------------------------------------------------------------------


def test_records_that_cannot_be_read_are_counted():
    scorer = Scorer()
    broken = [Record(0, (b"{",) + (b"",) * 7, lambda *_: None)]
    broken += [
        Record(1, (b'{"id":"x","received":1}', b"[", b"\xff", b"", b"", b"", b"", b""), None)
    ]
    assert scorer.feed(broken) == []
    assert scorer.counts()["unread"] + scorer.counts()["nobody"] == 2


def test_huge_texts_and_markup_stay_short_in_the_sentence(attacked):
    scorer = Scorer()
    scorer.feed(attacked[:-40])
    last = attacked[-40].time_us
    name = "<script>\n\u202e" + "x" * 200_000
    found = scorer.feed(
        [
            record(
                95_000 + n, last + DAY_US + n, "p05", f"{n}{name}", parent=name, ip=name, agent=name
            )
            for n in range(30)
        ]
    )
    assert found
    assert len(found[0].why) < 1000
    assert found[0].why.isprintable()
    assert len(scorer.snapshot()) < 2_000_000


def test_a_million_resources_do_not_fill_memory(monkeypatch):
    monkeypatch.setattr("whodid.detection.baseline.scorer.BASELINE_DAY_VALUES_MAX", 200)
    monkeypatch.setattr("whodid.detection.baseline.scorer._OPEN_VALUES_MAX", 500)
    scorer = Scorer()
    for actor in ("a", "b", "c", "d"):
        scorer.feed(
            record(n, at(0, 9), actor, f"{actor}{n}", ip=None, agent=None) for n in range(400)
        )
    held = sum(len(values) for day in scorer._open.values() for values in day.values)
    assert held == scorer._open_values <= 500
    assert scorer.counts()["values_passed_over"] > 1000
    scorer.feed([record(9999, at(9, 9), "a", "r")])
    assert scorer._open_values == sum(len(v) for v in scorer._open[FIRST_DAY + 9, "a"].values)


def test_a_flood_of_actors_is_counted_and_does_not_push_out_the_known(monkeypatch):
    monkeypatch.setattr("whodid.detection.baseline.scorer.BASELINE_OPEN_DAYS_MAX", 50)
    monkeypatch.setattr("whodid.detection.baseline.actors.BASELINE_ACTORS_MAX", 20)
    scorer = Scorer()
    scorer.feed(office(10))
    scorer.feed(record(5000 + n, at(11, 3), f"bot{n}", "door") for n in range(200))
    scorer.feed(office(24)[-50:])
    counts = scorer.counts()
    assert counts["actors"] == 20
    assert counts["actors_evicted"] > 0
    assert counts["passed_over"] > 100
    assert all(f"p{number:02}" in scorer._model.actors.slots for number in range(12))


def test_long_names_of_actors_are_cut_and_kept_apart():
    scorer = Scorer()
    for ending in "ab":
        scorer.feed([record(n, at(0, 9), "x" * 5000 + ending, "door") for n in range(3)])
    assert scorer.counts()["open_days"] == 2
    assert all(len(actor) < 300 for _, actor in scorer._open)
    assert {day.count for day in scorer._open.values()} == {3}


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_bytes_that_are_no_snapshot_are_refused(data):
    scorer = Scorer()
    with pytest.raises(InputError, match="learn again"):
        scorer.restore(data)


def test_a_damaged_snapshot_is_refused_or_taken_and_never_half_taken(attacked):
    scorer = Scorer()
    scorer.feed(attacked[:400])
    kept = scorer.snapshot()
    seed = 17
    random = Random(seed)
    refused = 0
    for _ in range(300):
        data = bytearray(kept)
        for _ in range(random.randint(1, 3)):
            data[random.randrange(len(data))] = random.randrange(256)
        if random.random() < 0.2:
            del data[random.randrange(len(data)) :]
        victim = Scorer()
        victim.restore(kept)
        try:
            victim.restore(bytes(data))
        except InputError:
            refused += 1
            assert victim.snapshot() == kept
            continue
        victim.feed(attacked[400:700])
        victim.snapshot()
    assert refused > 30, f"seed {seed}"


def test_other_weights_or_settings_are_another_rule():
    one, other = Scorer(), Scorer(Settings(half_life_days=10))
    assert one.head.version != other.head.version
    assert one.head == Scorer().head


def test_moments_of_the_office_are_the_same_each_time():
    assert moments(5) == moments(5)
    assert moments(5, seed=1) != moments(5, seed=2)
