"""What the detector keeps of its rules: which are used, blind, exercised; over a restart too."""

import json
from types import SimpleNamespace

import msgspec
import pytest

from rule_kit import REFUND_FIXTURE, REFUND_RULE
from whodid.app.rule_health import RuleHealth
from whodid.app.rule_standing import RulesFile
from whodid.detection.rulebook import Choice, read_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Settings
from whodid.errors import LedgerError
from whodid.sources.intake import Delivery

DAY_US = 86_400_000_000
AWS_RULE = """\
title: Logging stopped
id: 7d3f0c0e-4a51-4c1f-9d0e-2f4f6f2f9a11
name: stopped
logsource: {product: aws, service: cloudtrail}
detection:
  selection: {eventName: StopLogging}
  condition: selection
level: low
"""


class Place:
    def __init__(self, directory, keys, port, clock, intake):
        self.directory, self.keys, self.port, self.clock = directory, keys, port, clock
        self.intake = intake
        (directory / "rules").mkdir()
        self.write("refund", REFUND_RULE, REFUND_FIXTURE)
        self.write("stopped", AWS_RULE)
        self.taken = []
        self.learned = None
        self.begin()

    def write(self, name, rule, fixture=None):
        (self.directory / f"rules/{name}.yml").write_text(rule, "utf-8")
        if fixture:
            path = self.directory / f"rules/{name}.test.json"
            path.write_text(json.dumps(fixture), "utf-8")

    def begin(self):
        self.health = RuleHealth(
            self.directory, self.keys, self.port, self.taken.extend, native_of, self.clock
        )
        self.use()

    def use(self):
        self.book = read_rules(self.directory, Choice(packs=()))
        self.health.use(self.book, self.learned)

    def steps(self, count=40):
        for _ in range(count):
            size = self.port.status().size
            self.health.step(self.book, Settings(), size, ())

    def told(self):
        return RulesFile(self.directory, self.keys).read()


@pytest.fixture
def place(directory, keys, port, clock, intake):
    found = Place(directory, keys, port, clock, intake)
    yield found
    found.health.close()


REFUND, STOPPED = "7d3f0c0e-4a51-4c1f-9d0e-2f4f6f2f9a10", "7d3f0c0e-4a51-4c1f-9d0e-2f4f6f2f9a11"


def test_it_tells_at_once_what_is_used_and_later_how_it_does(place):
    told = place.told()
    assert {one.head.id for one in told.rules if not one.is_built_in} == {REFUND, STOPPED}
    assert told.rule("clock-skew").is_built_in
    assert told.rule("whodid-baseline") is None, "learning is off"
    assert (told.surveyed_us, told.exercises, told.learning) == (0, {}, False)
    place.steps()
    told = place.told()
    assert told.exercises[REFUND].cases == 2
    assert told.exercises[REFUND].failed == 0
    assert told.exercises[STOPPED].cases == 0, "it has no fixture"
    assert told.blind[STOPPED].why == "source"
    assert REFUND not in told.blind
    assert place.health.blind == 1
    assert told.rule("refund").about == "whodid"
    assert told.rule("none") is None


def test_a_source_that_is_declared_ends_the_blindness(place):
    place.steps()
    place.port.declare_source("trail", "cloudtrail", "trail")
    place.steps(3)
    assert STOPPED in place.told().blind, "who sends is asked once a minute"
    place.clock.now_us += 60_000_000
    place.steps()
    assert place.told().blind == {}
    place.intake.accept(
        Delivery("trail", [msgspec.json.encode({"eventVersion": "1.08", "eventID": "1"})], 1)
    )
    place.clock.now_us += DAY_US
    place.steps()
    assert place.told().records >= 1


def test_a_rule_that_stops_to_find_is_kept_and_what_changed_is_forgotten(place):
    place.steps()
    place.write("refund", REFUND_RULE.replace("action: refund", "action: never"))
    place.use()
    assert REFUND not in place.told().exercises, "another rule was tried"
    assert STOPPED in place.told().exercises
    place.steps()
    found = place.told().exercises[REFUND]
    assert (found.cases, found.failed) == (2, 1)
    assert "it found nothing" in found.reason
    assert len(place.taken) == 1


def test_what_is_known_survives_a_restart(place):
    place.steps()
    before = place.told()
    place.health.close()
    place.begin()
    after = place.told()
    assert (after.exercises, after.blind, after.surveyed_us) == (
        before.exercises, before.blind, before.surveyed_us,
    )  # fmt: skip


def test_a_ledger_that_cannot_be_read_stops_no_detection(place, monkeypatch):
    tries = []

    def refuse(*_):
        tries.append(1)
        raise LedgerError("damaged")

    monkeypatch.setattr("whodid.app.rule_survey.portions", refuse)
    place.port.declare_source("crm", "json", "crm")
    place.intake.accept(Delivery("crm", [b'{"action": "x"}'], 1))
    place.steps()
    assert place.told().exercises
    assert (place.told().surveyed_us, len(tries)) == (0, 1), "it is not tried again at once"
    monkeypatch.undo()
    place.clock.now_us += 600_000_000
    place.steps()
    assert place.told().surveyed_us


def test_a_file_of_others_or_torn_is_none(place, keys):
    file = RulesFile(place.directory, keys)
    assert file.read() is not None
    path = place.directory / "detection/book"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert file.read() is None
    path.unlink()
    assert file.read() is None
    other = SimpleNamespace(ledger_id=keys.ledger_id, keks=keys.keks)
    assert RulesFile(place.directory, other).read() is None
