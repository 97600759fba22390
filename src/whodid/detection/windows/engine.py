"""The engine: records in, findings out."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeAlias

import msgspec
from msgspec import Struct

from whodid.detection.finding import Finding, Match
from whodid.detection.record import Record
from whodid.detection.rule import AnyRule, Rule
from whodid.detection.windows.extract import Feed, Files, Matching, feeds_of
from whodid.detection.windows.feeding import Feeding, Sources
from whodid.detection.windows.hit import Hit
from whodid.detection.windows.lane import Lane
from whodid.detection.windows.new_value import NewValue
from whodid.detection.windows.plan import Unusable
from whodid.detection.windows.ready import ready_for
from whodid.detection.windows.settings import Settings
from whodid.detection.windows.snapshot import Counts, State, restored, snapshot_of
from whodid.detection.windows.stored import NoticeKind
from whodid.detection.windows.waiting import END
from whodid.detection.windows.watermark import Watermark
from whodid.limits import CORRELATION_NEAR_US, CORRELATION_WAITING_MAX, RULE_ANSWERS_MAX
from whodid.query.sentence import event_sentence

__all__ = ["Engine", "Matching", "Notice", "Unusable"]

_WHEN, _WHO, _WHERE, _ENVELOPE = 0, 1, 3, 7
_AT_ONCE = 512

_Looked: TypeAlias = tuple[int, str, int, int, bool, Sequence[Hit], Sequence[Finding]]
"""What a record says by itself: (entry, source, received, time, is it ahead, hits, findings)."""


class Notice(Struct, frozen=True):
    """Something that whoever runs this must know: state given up, events that came too late.

    `kind` is evicted, late, ahead, forced or past; `subject` the id of the rule, or the source;
    `count` how many since the notice before. `text` is a sentence.
    """

    kind: NoticeKind
    subject: str
    count: int
    text: str


_TEXTS: dict[NoticeKind, str] = {
    "evicted": "{subject} gave up {count:,} events it still needed: too many different keys",
    "late": "{count:,} events of {subject} came later than is allowed for",
    "ahead": "{count:,} events of {subject} are of a later time than they came: its clock is fast",
    "forced": "{count:,} times too many events waited, and time was pushed on",
    "past": "{count:,} events of {subject} are of the past, and are correlated among themselves",
}


class Engine:
    """Correlates records of the ledger, in its order. Not safe for threads.

    Rules about single events find at once; correlations when no earlier event can come any more.
    `lane` is the present; `past` there is only while events come that are of long before it.
    `given` stands for the files that the settings name.
    """

    def __init__(
        self, rules: Sequence[AnyRule], matcher: Matching, settings: Settings | None = None,
        given: Files | None = None,
    ) -> None:  # fmt: skip
        self.settings = settings or Settings()
        self._given = given
        self.position = 0
        """The entry that is expected next; records before it are passed over."""
        self.counts: Counts = {}
        """(kind of notice, subject) → how many, since the beginning."""
        self.noticed: Counts = {}
        """How many of them `notices` has told."""
        self._load(rules, matcher)
        self.lane = self._new_lane()
        self.past: Lane | None = None

    def _load(self, rules: Sequence[AnyRule], matcher: Matching) -> None:
        ready = ready_for(rules, self.settings, self._given)
        self.plans = ready.plans
        self.unusable = ready.unusable
        """Correlations that are not run."""
        self._matcher = matcher
        self._sources = Sources(matcher)
        self._numbers = 0
        """How many feedings there have been."""
        self._feedings: dict[tuple[int, ...], Feeding] = {}
        self._feeds: dict[str, list[Feed]] = feeds_of(ready.plans, matcher, ready.files)

    def _new_lane(self) -> Lane:
        chosen = self.settings
        time = Watermark(chosen.lateness_us, chosen.lateness_by_source, chosen.idle_us)
        return Lane(self.plans, time, early=chosen.early)

    def feed(self, records: Iterable[Record]) -> list[Finding]:
        """Take records in the order of the ledger; return what was found by them.

        Some hundred are looked at, then time passes over them: a processor does one thing again and
        again much faster than two in turns.
        """
        found: list[Finding] = []
        coming, expected = iter(records), self.position
        while some := list(islice(coming, _AT_ONCE)):
            looked = []
            for record in some:
                if record.entry >= expected:
                    expected = record.entry + 1
                    looked.append(self._look(record))
            for one in looked:
                self._take(one, found)
        return found

    def advance(self, now_us: int) -> list[Finding]:
        """Say that no entry that is still to come was received before `now_us`.

        The one who calls it leaves a door time to store what it received.
        """
        found: list[Finding] = []
        self._pass_time(now_us, found)
        return found

    def close(self, until_us: int) -> list[Finding]:
        """Say that nothing happened up to `until_us` that was not fed: the end of a history."""
        found: list[Finding] = []
        self._end_past(found)
        time = self.lane.time
        time.mark = max(time.mark, until_us + 1)
        found += self.lane.release(time.mark)
        return found

    def change(self, rules: Sequence[AnyRule], matcher: Matching) -> None:
        """Go on with other rules; those whose version and rules below did not change keep state."""
        state = self.snapshot()
        self._load(rules, matcher)
        self.restore(state)

    def notices(self) -> list[Notice]:
        """Return what is to be known since it was asked last."""
        for lane in (self.lane, self.past):
            for machine in lane.machines if lane else ():
                if machine.evicted:
                    self._count("evicted", machine.plan.correlation.head.id, machine.evicted)
                    machine.evicted = 0
        told = []
        for (kind, subject), total in sorted(self.counts.items()):
            count = total - self.noticed.get((kind, subject), 0)
            if count:
                text = _TEXTS[kind].format(count=count, subject=subject)
                told.append(Notice(kind, subject, count, text))
        self.noticed = dict(self.counts)
        return told

    def snapshot(self) -> bytes:
        """Return all of its state, as of `position`; the same state gives the same bytes."""
        return snapshot_of(State(self.position, self.counts, self.noticed, self.lane, self.past))

    def restore(self, data: bytes) -> None:
        """Take up a snapshot. Raises InputError for bytes that are none; then nothing changed."""
        taken = restored(data, self._new_lane)
        self.position, self.lane, self.past = taken.position, taken.lane, taken.past
        self.counts, self.noticed = taken.counts, taken.noticed

    def _look(self, record: Record) -> _Looked:
        """Return what a record says whatever came before it."""
        when = record.group(_WHEN)
        source: str = record.group(_ENVELOPE).source
        received: int = when.received
        time: int = received if when.time is None else when.time
        ahead = time > received and time > received + self.lane.time.lateness(source)
        if ahead:
            time = received
        rules = self._matcher.matching(record)
        if not rules:
            return record.entry, source, received, time, ahead, (), ()
        feeding = self._feeding(rules)
        told = feeding.told
        single = [self._single(record, rule, time) for rule in told] if told else ()
        hits = feeding.hits(record, when.id, time, self._sources)
        return record.entry, source, received, time, ahead, hits, single

    def _take(self, looked: _Looked, found: list[Finding]) -> None:
        """Let time pass up to a record, and take its hits."""
        entry, source, received, time, ahead, hits, single = looked
        self.position = entry + 1
        lane = self.lane
        mark = lane.time
        if received > mark.clock:
            if self.past is None and received <= mark.look_again:
                mark.clock = received  # nothing falls silent, which is the usual case
            else:
                self._pass_time(received, found)
        if ahead:
            self._count("ahead", source)
        if time < mark.mark - CORRELATION_NEAR_US:
            lane = self._past_lane(source)
            mark = lane.time
        late = time < mark.mark
        if late:
            self._count("late", source)
        mark.observe(source, time, received)
        if single:
            found += single
        if hits:
            found += lane.add_late(hits) if late else lane.push(hits)
            if lane.waiting.count > CORRELATION_WAITING_MAX:
                self._make_room(lane, found)
        limit, timers = mark.mark, lane.timers
        if lane.waiting.first < limit or (timers and timers[0][0] < limit):
            found += lane.release(limit)

    def _feeding(self, rules: list[Rule]) -> Feeding:
        """Return what these rules feed; the same few match together again and again."""
        place = tuple(map(id, rules))  # ids are of the rules that `Feeding` keeps
        found = self._feedings.get(place)
        if found is None:
            if len(self._feedings) >= RULE_ANSWERS_MAX:
                self._feedings.clear()
            found = self._feedings[place] = Feeding(self._numbers, rules, self._feeds)
            self._numbers += 1
        return found

    def _single(self, record: Record, rule: Rule, time: int) -> Finding:
        who, where = record.group(_WHO), record.group(_WHERE)
        about = (("actor.id", who.actor_id), ("ip", None if who.actor_id else where.ip))
        shown = (
            (field, ", ".join(map(str, self._matcher.values(record, rule, field)))[:500])
            for field in rule.head.fields
        )
        try:
            why = event_sentence(record.event)
        except msgspec.DecodeError:
            why = ""
        return Finding(
            rule=rule.head, time_us=time, first_us=time, count=1,
            matches=(Match(record.entry, record.id, time),),
            key=tuple((name, value) for name, value in about if value),
            values=tuple((name, value) for name, value in shown if value), why=why,
        )  # fmt: skip

    def _past_lane(self, source: str) -> Lane:
        self._count("past", source)
        if self.past is None:
            self.past = self._new_lane()
            self.past.time.follows_clock = False
            self.past.time.clock = self.lane.time.clock
        return self.past

    def _pass_time(self, now: int, found: list[Finding]) -> None:
        """Let time pass: what falls silent in either lane does so in its order."""
        while self.past is not None and self.past.time.next_silence() < now:
            moment = self.past.time.next_silence() + 1
            self._pass(self.lane, moment, found)
            self._pass(self.past, moment, found)
            if self.past.time.all_silent():
                self._end_past(found)
        self._pass(self.lane, now, found)
        if self.past is not None:
            self._pass(self.past, now, found)

    def _pass(self, lane: Lane, now: int, found: list[Finding]) -> None:
        before = lane.time.mark
        lane.time.pass_time(now)
        if lane.time.mark > before:
            found += lane.release(lane.time.mark)

    def _end_past(self, found: list[Finding]) -> None:
        """Take what waits of the past; of what it learned, the present goes on."""
        if self.past is None:
            return
        newest = max(source.newest for source in self.past.time.sources.values())
        found += self.past.release(min(newest + 1, END))
        for ours, theirs in zip(self.lane.machines, self.past.machines, strict=True):
            if isinstance(ours, NewValue) and isinstance(theirs, NewValue):
                ours.absorb(theirs)
            if theirs.evicted:
                self._count("evicted", theirs.plan.correlation.head.id, theirs.evicted)
        self.past = None

    def _make_room(self, lane: Lane, found: list[Finding]) -> None:
        """Push time on so that half of what waits must go."""
        limit = lane.median_time() + 1
        self._count("forced", "event time")
        lane.time.mark = max(lane.time.mark, limit)
        found += lane.release(limit)

    def _count(self, kind: NoticeKind, subject: str, count: int = 1) -> None:
        place = (kind, subject)
        self.counts[place] = self.counts.get(place, 0) + count
