"""History and the live detector find the same, whatever order events came in and who was killed.

WHODID_SEED chooses the events, the pieces and the kills.
"""

import random
from collections import Counter

import msgspec
import pytest

from backtest_place import ROOT, Place
from chance import SEED
from detected_log import BEGIN_US, RULES, SECOND_US, deliveries
from whodid.app.answer import Caller
from whodid.detection.backtest.replay import Between
from whodid.detection.compiled import compile_rules
from whodid.detection.follow import Detector
from whodid.detection.lookers import Correlating
from whodid.detection.sigma import load_rules
from whodid.detection.state_file import StateFile
from whodid.detection.taxonomy.native import native_of
from whodid.detection.windows import Engine, Settings
from whodid.errors import AccessDeniedError
from whodid.ledger.reader import LedgerReader
from whodid.query.rights import Rights

DAY_US = 86_400 * SECOND_US


class Killed(BaseException):
    """Nobody catches it."""


@pytest.fixture
def place(directory, keys, port, clock):
    return Place(directory, keys, port, clock)


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(RULES)
    loaded = load_rules([path])
    assert [fault for fault in loaded.faults if not fault.warning] == []
    return loaded.rules


def live(place, rules, chance, *, killed=0.0, early=True):
    """Follow the ledger to its end, dying now and then; return every finding that was taken."""
    taken = {}
    deaths = 0
    ended = False

    def take(findings):
        for finding in findings:
            taken[msgspec.msgpack.encode(finding)] = finding
            if chance.random() < killed and not ended:
                raise Killed

    def detector():
        def make():
            engine = Engine(rules, compile_rules(rules), Settings(early=early))
            return {"rules": Correlating(engine)}

        file = StateFile(place.directory, place.keys, "state")
        reader = LedgerReader(place.directory, place.keys)
        return Detector(
            reader, file, make, take, native_of, place.clock,
            monotonic=lambda: chance.random() * 20,
        )  # fmt: skip

    size = place.port.status().size
    following, seen = None, 0
    while seen < size:
        seen = min(size, seen + chance.randrange(1, 200))
        try:
            following = following or detector()
            while following.cursor < seen:
                following.step(seen)
                if chance.random() < killed:
                    raise Killed
        except Killed:
            deaths += 1
            following = None
    ended = True
    following = following or detector()
    while following.step(size):
        pass
    following.step(size)  # time passes
    assert deaths > 2 or not killed
    return [finding for finding in taken.values() if finding.stage != "early"]


def plain(findings):
    return Counter(msgspec.json.encode(finding) for finding in findings)


def ask_columns_of_records(monkeypatch):
    """Have a backtest ask them of every rule, and sieve every correlation that can be."""
    backtest = "whodid.detection.backtest"
    for name in ("candidates.BACKTEST_OPENED_FEW", "candidates.BACKTEST_SIEVED_SHARE",
                 "screen.BACKTEST_OPENED_FEW", "screen.BACKTEST_OPENED_SHARE"):  # fmt: skip
        monkeypatch.setattr(f"{backtest}.{name}", -1)
    for module in ("shelf", "candidates"):
        monkeypatch.setattr(f"{backtest}.{module}.STRETCH_ROWS", 64)


@pytest.mark.parametrize("silent", [(), ("read",), ("key_made", "read")])
@pytest.mark.parametrize("from_columns", [False, True])
def test_history_finds_what_the_live_detector_found(
    place, rules, monkeypatch, from_columns, silent
):
    rules = [msgspec.structs.replace(rule, silent=rule.head.name in silent) for rule in rules]
    chance = random.Random(SEED)
    monkeypatch.setattr("whodid.detection.follow.DETECTION_STEP_ENTRIES", 97)
    if from_columns:
        ask_columns_of_records(monkeypatch)
    events = list(deliveries(chance, 800))
    for start in range(len(events)):  # as several doors would store them
        other = min(start + chance.randrange(4), len(events) - 1)
        events[start], events[other] = events[other], events[start]
    place.send(events)
    place.clock.now_us = max(BEGIN_US, *(at for _, _, at in events)) + 10 * DAY_US
    place.index()
    killed = (0.03, 0.06, 0.2)[len(silent)]  # the fewer findings, the fewer moments to die
    found = live(place, rules, chance, killed=killed)
    answer = place.backtesting().run(ROOT, rules)
    assert plain(answer.replayed.findings) == plain(found)
    kinds = Counter(finding.rule.title for finding in found)
    assert len(kinds) >= 6 - len(silent), kinds  # of 8; chance leaves out one or two
    assert answer.events == 800
    assert answer.replayed.unreadable == 0


@pytest.mark.parametrize("before", [True, False])
def test_an_archive_that_was_read_in_is_found_alike(place, rules, monkeypatch, before):
    """Its events are long before what was received meanwhile, and are told in long runs."""
    chance = random.Random(SEED + 1)
    told = []
    quiet = Between.quiet

    def counted(*given):
        for record in quiet(*given):
            told.append(record.entry)
            yield record

    monkeypatch.setattr(Between, "quiet", counted)
    present = list(deliveries(chance, 300))
    middle = chance.randrange(300)
    now_us = present[-1][2] + 30 * DAY_US
    archive = [
        (source, record.replace(b'"id-', b'"old-'), now_us + number * chance.choice((1, SECOND_US)))
        for number, (source, record, _) in enumerate(deliveries(chance, 600))
    ]
    later = [
        (source, record.replace(b'"id-', b'"new-'), at + 60 * DAY_US)
        for source, record, at in deliveries(chance, 100)
    ]
    events = [*present[: middle if before else 0], *archive, *present[middle:], *later]
    place.send(events)
    place.clock.now_us = max(at for _, _, at in events) + 10 * DAY_US
    place.index()
    rules = [
        msgspec.structs.replace(rule, silent=rule.head.name in {"read", "key_made"})
        for rule in rules
        if rule.head.title in {"Key made", "Key, then read", "Many reads", "Burst of reads"}
    ]
    found = live(place, rules, chance)
    told.clear()
    answer = place.backtesting().run(ROOT, rules)
    assert plain(answer.replayed.findings) == plain(found)
    assert found
    assert len(told) < answer.events


def test_only_what_columns_leave_is_opened(place, rules):
    chance = random.Random(5)
    place.send(deliveries(chance, 800))
    place.index()
    by_title = {rule.head.title: rule for rule in rules}
    key_made = place.backtesting().run(ROOT, [by_title["Key made"]])
    matched = {m.entry for f in key_made.replayed.findings for m in f.matches}
    assert matched
    assert len(matched) <= key_made.candidates < key_made.events
    burst = place.backtesting().run(ROOT, [by_title["Many reads"], by_title["Burst of reads"]])
    assert 0 < burst.candidates < burst.events
    wide = place.backtesting().run(ROOT, [by_title["Wide open"]])
    assert len(wide.replayed.findings) <= wide.candidates, "no column tells, but words do"
    assert wide.replayed.findings


def test_since_leaves_out_what_came_before(place, rules):
    chance = random.Random(6)
    events = list(deliveries(chance, 300))
    place.send(events)
    place.index()
    single = [rule for rule in rules if rule.head.title == "Many reads"]
    middle = events[150][2]
    place.clock.now_us = middle + 100 * SECOND_US
    whole = place.backtesting().run(ROOT, single)
    later = place.backtesting().run(ROOT, single, "now-100s")
    assert 0 < later.events < whole.events
    assert 0 < len(later.replayed.findings) < len(whole.replayed.findings)


def test_a_backtest_is_an_event_and_not_for_everybody(place, rules):
    place.send(deliveries(random.Random(7), 20))
    place.backtesting().run(ROOT, rules, "now-90d")
    [event] = place.own_events()
    assert (event.what.action, event.what.access) == ("backtest", "read")
    assert event.what.resource_name == "now-90d"
    assert "Burst of reads" in event.content.statement
    half = Caller("hal", "api", rights=Rights(denied_fields=frozenset({"ip"}), content=True))
    with pytest.raises(AccessDeniedError):
        place.backtesting().run(half, rules)
    with pytest.raises(AccessDeniedError):
        place.backtesting().values_of(half, [1])
    assert [e.what.outcome for e in place.own_events()] == ["success", "denied", "denied"]
    values = place.backtesting().values_of(ROOT, range(25))
    assert len(values) >= 20, "those of entries that are events"
    assert {found["source"] for found in values.values()} <= {"trail", "crm", "fast", "whodid"}


def test_an_empty_ledger_finds_nothing(place, rules):
    answer = place.backtesting().run(ROOT, rules)
    assert (answer.events, answer.replayed.findings) == (0, [])
