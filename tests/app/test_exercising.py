"""The daily exercise where the rules are used."""

import json

import pytest

from rule_kit import REFUND_FIXTURE, REFUND_RULE
from whodid.app.exercising import Exercising
from whodid.detection.rulebook import Choice, read_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Settings
from whodid.errors import RefusedError

DAY = 86_400_000_000


class Place:
    def __init__(self, folder):
        self.folder = folder
        self.now_us = 1_772_445_600_000_000
        self.taken = []
        self.refuse = False
        (folder / "rules").mkdir()
        self.write(REFUND_RULE)
        fixture = folder / "rules/refund.test.json"
        fixture.write_text(json.dumps(REFUND_FIXTURE), "utf-8")
        self.exercising = Exercising(self.take, native_of, lambda: self.now_us)

    def write(self, rule):
        (self.folder / "rules/refund.yml").write_text(rule, "utf-8")

    def take(self, findings):
        if self.refuse:
            raise RefusedError("full")
        self.taken += findings

    def round(self):
        """Step until there is nothing to do; return how many steps had something."""
        book = read_rules(self.folder, Choice(packs=()))
        steps = 0
        while self.exercising.step(book, Settings()):
            steps += 1
        return steps


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_a_round_a_day_and_no_more(place):
    assert place.round() == 2
    assert place.exercising.last.rules == 1
    assert place.round() == 0
    place.now_us += DAY - 1
    assert place.round() == 0
    place.now_us += 1
    assert place.round() == 2
    assert place.taken == []


def test_a_rule_that_stops_to_find_is_told_soon_after(place):
    place.round()
    place.write(REFUND_RULE.replace("action: refund", "action: never"))
    place.round()
    (finding,) = place.taken
    assert finding.key == (("rule", "refund"),)
    assert finding.time_us == place.now_us
    assert "it found nothing" in finding.why


def test_findings_that_could_not_be_taken_are_handed_on_later(place):
    place.write(REFUND_RULE.replace("action: refund", "action: never"))
    place.refuse = True
    with pytest.raises(RefusedError):
        place.round()
    assert place.exercising.last is None
    place.refuse = False
    place.round()
    assert len(place.taken) == 1
    assert place.exercising.last.failed == 1
