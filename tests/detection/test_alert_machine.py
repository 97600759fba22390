"""Any order of findings, acts, time and kills: the table is the fold of the ledger, all the time.

Against a naive model that holds, for each rule and key, what is going on, and counts.
"""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alert_kit import Clock, Killed, ListJournal, all_of, dump, finding, head, make
from whodid.detection.alerts.record import Raised
from whodid.detection.rule import LEVELS
from whodid.errors import UsageError

HOUR_US = 3_600_000_000
QUIET_US, REPEAT_US = 24 * HOUR_US, 4 * HOUR_US

rules = st.sampled_from(
    [
        head("breach", "critical"),
        head("theft", "high"),
        head("burst", "medium"),
        head("scan", "low"),
    ]
)
keys = st.sampled_from(
    [
        (("actor", "alice"),), (("actor", "bob"),), (("actor", "alice"), ("ip", "10.0.0.7")),
        (("ip", "10.0.0.7"),), (), (("actor", ""),),
    ]
)  # fmt: skip
seeds = st.lists(st.tuples(rules, keys, st.integers(1, 3)), min_size=1, max_size=5)
kills = st.sampled_from([None, None, None, "before", "after"])


class AlertMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.journal, self.clock = ListJournal(), Clock()
        self.alerts, _, _ = make(self.path, self.journal, self.clock)
        self.at = 0
        self.found = []  # every finding that was taken
        self.going = {}  # (rule, key) → findings folded into the alert that goes on

    def teardown(self):
        self.folder.cleanup()

    def guarded(self, kill, work):
        """Do it; when it is killed, a process that starts anew does it again."""
        self.journal.kill = kill
        try:
            return work()
        except Killed:
            self.alerts, _, _ = make(self.path, self.journal, self.clock)
            return work()
        finally:
            self.journal.kill = None

    def one(self, number):
        found = all_of(self.alerts)
        return found[number % len(found)] if found else None

    @rule(seeds=seeds, kill=kills)
    def take(self, seeds, kill):
        batch = []
        for who, key, count in seeds:
            self.at += 1
            batch.append(finding(who, key, self.at, count))
        self.guarded(kill, lambda: self.alerts.take(batch))
        self.found += batch
        for one in batch:
            name = (one.rule.id, one.key) if one.key and all(v for _, v in one.key) else one
            self.going[name] = self.going.get(name, 0) + 1

    @rule(numbers=st.lists(st.integers(0, 200), min_size=1, max_size=5))
    def take_again(self, numbers):
        again = [self.found[number % len(self.found)] for number in numbers if self.found]
        size = self.journal.size()
        assert self.alerts.take(again) == 0
        assert self.journal.size() == size

    @rule(number=st.integers(0, 50), kill=kills)
    def acknowledge(self, number, kill):
        one = self.one(number)
        if one is None or one.state == "closed":
            return
        self.guarded(kill, lambda: self.alerts.acknowledge(one.id, "ingrid"))

    @rule(
        number=st.integers(0, 50), kill=st.sampled_from([None, "before"]),
        what=st.sampled_from(["true positive", "benign", "false positive"]),
    )  # fmt: skip
    def close(self, number, kill, what):
        one = self.one(number)
        if one is None or one.state == "closed":
            return
        self.guarded(kill, lambda: self.alerts.close(one.id, "ingrid", what))
        self.ended([one])

    @rule(number=st.integers(0, 50))
    def reopen(self, number):
        one = self.one(number)
        if one is None:
            return
        try:
            self.alerts.reopen(one.id, "ingrid")
        except UsageError:
            return
        if one.state == "closed" and one.quiet_us is None:
            self.going[self.name_of(one)] = one.findings

    @rule(who=rules, key=keys, hours=st.integers(1, 48), level=st.sampled_from([None, *LEVELS]))
    def silence(self, who, key, hours, level):
        key = tuple(pair for pair in key if pair[1])
        until = self.clock.now + hours * HOUR_US
        self.alerts.silence("i", "why", rule=who.id, level=level, key=key, expires_us=until)

    @rule(number=st.integers(0, 20))
    def end_silence(self, number):
        found = self.alerts.read(lambda reads: reads.silences())
        if found:
            self.alerts.end_silence(found[number % len(found)].id, "i")

    @rule(hours=st.integers(1, 30), kill=st.sampled_from([None, "before"]))
    def wait(self, hours, kill):
        self.clock.now += hours * HOUR_US
        over = [
            one
            for one in all_of(self.alerts)
            if one.is_active and one.seen_us < self.clock.now - QUIET_US
        ]
        self.guarded(kill, self.alerts.tick)
        self.ended(over)

    def ended(self, alerts):
        for one in alerts:
            if one.is_active:
                self.going.pop(self.name_of(one), None)

    def name_of(self, alert):
        """Return the name that the model has for an alert: by its first record."""
        first = self.journal.at([alert.entry])[alert.entry]
        if first.key and all(value for _, value in first.key):
            return (first.rule.id, first.key)
        entry = first.matches[0].entry
        return next(one for one in self.found if one.matches[0].entry == entry)

    # --- what holds at any time ------------------------------------------------------------------

    @invariant()
    def every_finding_is_in_one_alert(self):
        assert sum(one.findings for one in all_of(self.alerts)) == len(self.found)
        tags = [
            tag
            for _, record in self.journal.records(0)
            if isinstance(record, Raised)
            for tag in record.finding_tags
        ]
        assert len(tags) == len(set(tags)) == len(self.found)

    @invariant()
    def what_goes_on_is_what_the_model_says(self):
        active = {self.name_of(one): one.findings for one in all_of(self.alerts) if one.is_active}
        assert active == self.going
        prints = [one.fingerprint for one in all_of(self.alerts) if one.is_active]
        assert len(prints) == len(set(prints))

    @invariant()
    def muted_by_a_graver_one_of_the_same_entity(self):
        by_id = {one.id: one for one in all_of(self.alerts)}
        for one in by_id.values():
            if one.muted.startswith("alert:"):
                graver = by_id[one.muted.removeprefix("alert:")]
                assert graver.id != one.id
                assert LEVELS.index(graver.level) > LEVELS.index(one.level)
                assert graver.noticed_us > 0
                assert set(graver.tags) <= set(one.tags)

    @invariant()
    def changes_tell_what_was_noticed(self):
        changes = self.alerts.changes(-1, 10_000)
        positions = [change.position for change in changes]
        assert positions == sorted(set(positions))
        opened = {change.alert for change in changes if change.kind == "opened"}
        assert opened == {one.id for one in all_of(self.alerts) if one.noticed_us}
        assert {change.alert for change in changes} == opened
        by_alert = {}
        for change in changes:
            by_alert.setdefault(change.alert, []).append(change)
        for mine in by_alert.values():
            assert mine[0].kind == "opened"

    @invariant()
    def the_table_is_the_fold_of_the_ledger(self):
        before = dump(self.path)
        with tempfile.TemporaryDirectory() as other:
            again, _, _ = make(Path(other), self.journal, self.clock)
            again.read(lambda reads: reads.counts())
            assert dump(Path(other)) == before | {"kept": dump(Path(other))["kept"]}


AlertMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, print_blob=True
)
TestAlertMachine = AlertMachine.TestCase
