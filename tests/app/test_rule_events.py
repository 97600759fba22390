"""Which rules are used, and which are faulty, stands in the log of the log."""

import pytest

from ledger_kit import Hand
from whodid.app.own import OwnEvents
from whodid.app.rule_events import tell_faults, tell_rules
from whodid.detection.rule import Head, LogSource, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.rulebook import Rulebook
from whodid.detection.sigma import Fault
from whodid.ledger.local import LocalSequencer
from whodid.ledger.reader import LedgerReader
from whodid.limits import RULE_CHANGES_TOLD_MAX, RULE_FAULTS_TOLD_MAX


class Log:
    def __init__(self, folder):
        self.hand = Hand(folder).open()
        port = LocalSequencer(self.hand.sequencer, self.hand.lock)
        keys = self.hand.keys
        self.own = OwnEvents(port, self.hand.builder, keys.identity_root(), self.hand.clock)

    def events(self):
        reader = LedgerReader(self.hand.directory, self.hand.keys)
        rows = [row.event() for row in reader.rows(0, reader.size)]
        reader.close()
        return [event for event in rows if event is not None]


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


def book(**versions):
    rules = [
        Rule(Head(name, name, "low", version), LogSource(), Look("a", "null", None))
        for name, version in versions.items()
    ]
    return Rulebook(tuple(rules), (), b"")


def test_a_change_of_rules_names_them(log):
    tell_rules(log.own, {"a": "1", "b": "1", "c": "1"}, book(a="1", b="2", d="1"))
    [event] = log.events()
    assert event.what.action == "change rules"
    assert event.what.access == "administer"
    assert event.who.actor_id == "detector"
    assert event.what.reason == "1 added, 1 removed, 1 changed"
    assert event.content.statement.splitlines() == ["+ d", "- c", "~ b"]
    tell_rules(log.own, {"a": "1"}, book(a="1"))
    assert len(log.events()) == 1, "nothing changed"


def test_a_change_of_very_many_rules_is_bounded(log):
    tell_rules(log.own, {}, book(**{f"r{n}": "1" for n in range(RULE_CHANGES_TOLD_MAX + 5)}))
    [event] = log.events()
    assert event.content.statement.splitlines()[-1] == "… 5 more"
    assert event.what.reason == f"{RULE_CHANGES_TOLD_MAX + 5} added, 0 removed, 0 changed"


def test_a_fault_is_one_event_however_often_it_is_met(log):
    faults = [Fault("a.yml", 3, "no condition", "A"), Fault("b.yml", 0, "no YAML\ud800")]
    warning = Fault("c.yml", 1, "odd", warning=True)
    for _ in range(3):
        tell_faults(log.own, [*faults, warning])
    first, second = log.events()
    assert (first.what.resource_name, first.what.reason) == ("A", "a.yml:3: no condition")
    assert (first.what.outcome, first.what.access) == ("failure", "other")
    assert second.what.resource_name == "b.yml"
    tell_faults(log.own, [Fault("a.yml", 4, "no condition", "A")])
    assert len(log.events()) == 3
    tell_faults(log.own, [Fault("d.yml", n, "x") for n in range(RULE_FAULTS_TOLD_MAX + 9)])
    assert len(log.events()) == 3 + RULE_FAULTS_TOLD_MAX
