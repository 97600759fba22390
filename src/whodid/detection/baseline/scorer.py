"""The face of learning: records in, findings out, snapshots of all it knows."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import msgspec

from whodid.detection.alerts.record import decode_record
from whodid.detection.baseline.budget import Budget
from whodid.detection.baseline.day import ActorDay
from whodid.detection.baseline.dimensions import DAY_US, UNPROVEN, Reading, fresh_values
from whodid.detection.baseline.explanation import explain
from whodid.detection.baseline.model import MODEL_VERSION, Model
from whodid.detection.baseline.profile import DAY_MAX, Profile
from whodid.detection.baseline.scoring import absorb, evidences, norms, score
from whodid.detection.baseline.settings import Settings
from whodid.detection.baseline.snapshot import Live, load, opened, packed, save
from whodid.detection.baseline.verdicts import Verdicts
from whodid.detection.baseline.view import View
from whodid.detection.baseline.weights import WEIGHTS, Weights
from whodid.detection.finding import Finding
from whodid.detection.record import Record
from whodid.detection.rule import LEARNED_ID, Head
from whodid.errors import InputError
from whodid.limits import (
    BASELINE_DAY_VALUES_MAX,
    BASELINE_OPEN_DAYS_MAX,
    BASELINE_OPEN_VALUES_MAX,
    BASELINE_TEXT_CHARS_MAX,
    BASELINE_UNPACKED_ACTORS_MAX,
)

WARM_DAYS = 14
WARM_ACTOR_DAYS = 200
"""Before the ledger has so many days and actors' days nothing is told: tails are not known yet."""

_RAW = 6
_SKEW_US = 300_000_000
_TEXT = BASELINE_TEXT_CHARS_MAX + 1
_OPEN_VALUES_MAX = BASELINE_OPEN_VALUES_MAX
_GROUPS_MAX = 32
_ACTOR_CHARS_MAX = 256
_COUNTED = (
    "unread", "nobody", "unproven", "late_days", "passed_over", "values_passed_over", "findings",
    "learned", "never_learned",
)  # fmt: skip


class Scorer:
    """Learns from records in the order of the ledger and scores each before it learns from it.

    The same records, verdicts and settings give the same findings, whatever the pieces they come
    in and whenever it was snapshotted and restored in between. Not safe for threads.
    """

    def __init__(self, settings: Settings | None = None, weights: Weights = WEIGHTS) -> None:
        self.settings = settings or Settings()
        self._weights = weights
        self._model = Model(self.settings.half_life_days)
        self._reading = Reading(self._model.keys)
        self._verdicts = Verdicts()
        self._budget = Budget(self.settings.alerts_per_day)
        self._open: dict[tuple[int, str], ActorDay] = {}
        self._viewed: deque[ActorDay] = deque()
        self._open_values = 0
        self._counts = dict.fromkeys(_COUNTED, 0)
        self._today = 0
        self._warm = False
        self._head = _head(self.settings, weights)
        self.on_day: Callable[[ActorDay, bool], None] | None = None
        """Called with each day that is over, and whether its actor is still learning."""

    @property
    def head(self) -> Head:
        """The built-in rule that all its findings name: `whodid-baseline`."""
        return self._head

    @property
    def model_hash(self) -> str:
        """SHA-256 (hex) of what was learned before the current day."""
        return self._model.hash

    def feed(self, records: Iterable[Record]) -> list[Finding]:
        """Score records and return what stands out; records that cannot be read are counted."""
        found: list[Finding] = []
        for record in records:
            self._take(record, found)
        return found

    def advance(self, now_us: int) -> list[Finding]:  # noqa: ARG002 - others close windows by it
        """Return nothing: only entries move learning's days, so live and history are the same."""
        return []

    def suspect(self, actor: str, first_us: int, last_us: int) -> None:
        """Say that an alert of any rule is about `actor`: these days wait for a verdict."""
        self._verdicts.say(actor, first_us, last_us, None)

    def verdict(self, actor: str, first_us: int, last_us: int, *, malicious: bool) -> None:
        """Say how an alert about `actor` ended; what is malicious is never learned."""
        self._verdicts.say(actor, first_us, last_us, malicious)

    def hear(self, record: Record) -> None:
        """Take note of an own record about alerts: whose days wait, which are never learned.

        Others about alerts, of looks at them and of messages, say nothing about an actor.
        """
        with suppress(InputError):
            self._verdicts.hear(decode_record(record.groups[_RAW]))

    def counts(self) -> dict[str, int]:
        """Return what it knows and what it could not take in; `learning.md` explains each."""
        known, learning = self._model.final
        return self._counts | {
            "actors": len(self._model.actors),
            "actors_evicted": self._model.actors.evicted,
            "values_evicted": self._model.crowd.evicted,
            "open_days": len(self._open),
            "groups": len(self._model.crowd.groups),
            "kept_back": self._budget.kept_back,
            "days_known": int(known.days),
            "days_learning": int(learning.days),
            "warm": int(self._warm),
        }

    def _is_warm(self) -> bool:
        """Tell whether it has seen enough to say what is unusual here."""
        model = self._model
        days = sum(tail.days for tail in model.final)
        return model.day - model.first >= WARM_DAYS and days >= WARM_ACTOR_DAYS

    # --- one event -------------------------------------------------------------------------------

    def _take(self, record: Record, found: list[Finding]) -> None:
        try:
            when = record.group(0)
        except msgspec.DecodeError:
            self._counts["unread"] += 1
            return
        who = record.group(1)
        what = record.group(2)
        actor = who.actor_id or who.actor_name
        if not actor or (what.access == "authenticate" and what.outcome in UNPROVEN):
            self._counts["unproven" if actor else "nobody"] += 1
            return
        time_us, received = when.time, when.received
        if time_us is None or time_us > received + _SKEW_US:
            time_us = received
        number = time_us // DAY_US
        if not 0 < number < DAY_MAX:
            self._counts["unread"] += 1
            return
        if number > self._today:
            self._turn(number, found)
        day = self._open.get((number, actor))
        if day is None:
            opened = self._begin(number, actor)
            if opened is None:
                return
            day = opened
        day.count += 1
        day.rows += what.rows or 0
        day.last_us = max(day.last_us, time_us)
        day.first_us = min(day.first_us or time_us, time_us)
        day.final = False
        day.packed = None
        if who.actor_groups:
            day.groups = who.actor_groups[:_GROUPS_MAX]
        odd = self._values(day, record, what, when.id, time_us)
        if odd or day.number >= day.next_values or day.count >= day.next_count:
            self._score(day, found)

    def _values(self, day: ActorDay, record: Record, what: Any, event: str, time_us: int) -> bool:
        """Add the values that the day does not have yet; tell whether one of them is odd."""
        fresh = fresh_values(day.values, record, what, time_us, self._reading)
        if not fresh:
            return False
        odd = False
        view = self._view(day)
        action = (what.action or what.access or "")[:_TEXT]
        for number, key, text in fresh:
            values = day.values[number]
            if len(values) >= BASELINE_DAY_VALUES_MAX or self._open_values >= _OPEN_VALUES_MAX:
                self._counts["values_passed_over"] += 1
                continue
            values[key] = 1
            self._open_values += 1
            day.number += 1
            seen = (number, key, text[:_TEXT], record.entry, event, time_us, action)
            odd |= absorb(day, view, seen)
        return odd

    def _begin(self, number: int, actor: str) -> ActorDay | None:
        """Open an actor's day; None when too many are open."""
        if len(actor) > _ACTOR_CHARS_MAX:
            actor = f"{actor[:_ACTOR_CHARS_MAX]}…{self._reading.key(actor):012x}"
            day = self._open.get((number, actor))
            if day is not None:
                return day
        if len(self._open) >= BASELINE_OPEN_DAYS_MAX:
            self._counts["passed_over"] += 1
            return None
        self._counts["late_days"] += number < self._today
        day = self._open[number, actor] = ActorDay(actor, number)
        return day

    # --- scores ----------------------------------------------------------------------------------

    def _view(self, day: ActorDay) -> View:
        model = self._model
        if day.view is None or day.turn != model.turn:
            profile = model.actors.find(day.actor)
            day.view = View(
                profile, model.crowd, model.hourly, model.day, model.decay, self._weights.peers
            )
            day.view.norms = norms(profile, model)
            day.turn = model.turn
            self._viewed.append(day)
            if len(self._viewed) > BASELINE_UNPACKED_ACTORS_MAX:
                self._viewed.popleft().view = None
        view: View = day.view
        return view

    def _score(self, day: ActorDay, found: list[Finding], *, over: bool = False) -> None:
        """Score the day as it is now and tell it when it is unusual enough."""
        model, weights = self._model, self._weights
        view = self._view(day)
        day.scored()
        evidence = evidences(day, view, model, weights, over=over)
        learning = self._is_learning(view.profile)
        now = score(evidence, model, weights, learning=learning)
        if over:
            day.score, day.whole = now, evidence
        if now < day.peak and day.evidence:
            return
        day.peak, day.evidence = now, evidence
        if day.raised or not self._warm:
            return
        ln_p = model.final[learning](now)
        if ln_p >= self._budget.needed(model.active) and self._budget.take(self._today):
            day.raised = True
            self._counts["findings"] += 1
            self._verdicts.say(day.actor, day.first_us, day.last_us, None)
            found.append(self._finding(day, view, ln_p, learning=learning))

    def _is_learning(self, profile: Profile | None) -> bool:
        return profile is None or profile.days < self.settings.learning_days

    def _finding(self, day: ActorDay, view: View, ln_p: float, *, learning: bool) -> Finding:
        told = explain(day, view, self._model, self._weights, ln_p, learning=learning)
        matches = day.matches()
        return Finding(
            rule=self._head,
            time_us=day.last_us,
            first_us=day.first_us,
            count=day.count,
            matches=matches,
            key=(("actor.id", day.actor),),
            values=(*told.values, ("model", self._model.hash)),
            why=told.why,
        )

    # --- turns of the day ------------------------------------------------------------------------

    def _turn(self, today: int, found: list[Finding]) -> None:
        """End the days before `today` and learn those that waited long enough."""
        model = self._model
        before = self._today
        actors = self._end_days(today, found)
        self._learn_days(today)
        model.tidy()
        if before:
            model.settle(actors, today - before)
        model.begin(today)
        self._today = today
        self._warm = self._is_warm()
        self._viewed.clear()

    def _end_days(self, today: int, found: list[Finding]) -> int:
        """Score what is left of the days that are over, and sample them; return how many ended."""
        ended = [key for key, day in self._open.items() if key[0] < today and not day.final]
        days = [self._open[key] for key in sorted(ended)]
        for day in days:
            self._score(day, found, over=True)
        for day in days:  # not before all are scored: a finding names the model as it was
            if not day.sampled:
                day.sampled = True
                learning = self._is_learning(self._model.actors.find(day.actor))
                self._model.sample(day.whole, day.peak, learning=learning)
                if self.on_day is not None:
                    self.on_day(day, learning)
            day.close()
        return len(ended)

    def _learn_days(self, today: int) -> None:
        settings, verdicts = self.settings, self._verdicts
        due = [key for key in self._open if key[0] <= today - settings.delay_days]
        for key in sorted(due):
            day = self._open[key]
            said = verdicts.of(day.actor, day.day)
            waits = said is None and verdicts.asked(day.actor, day.day)
            if waits and today - day.day < settings.hold_days:
                continue
            del self._open[key]
            self._open_values -= sum(len(values) for values in day.values)
            if said is True:
                self._counts["never_learned"] += 1
                continue
            self._model.learn(day.actor, day.day, day.values, day.own, day.groups)
            self._counts["learned"] += 1

    # --- snapshots -------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Return all it knows; the same state gives the same bytes."""
        days = [packed(self._open[key]) for key in sorted(self._open)]
        budget = self._budget
        verdicts = [(actor, day, said) for (actor, day), said in self._verdicts.known.items()]
        live = Live(
            self._today, days, (budget.day, budget.told, budget.kept_back), verdicts,
            [(alert, *about) for alert, about in self._verdicts.alerts.items()],
            dict(self._counts),
        )  # fmt: skip
        return save(self._model.blob(), live)

    def restore(self, data: bytes) -> None:
        """Take up a snapshot. Raises InputError for bytes that are none; then nothing changed."""
        blob, live = load(data)
        model = Model.load(blob, self.settings.half_life_days)
        days = [opened(data) for data in live.days]
        self._model = model
        self._reading = Reading(model.keys)
        self._today = live.today
        self._open = {(day.day, day.actor): day for day in days}
        self._warm = self._is_warm()
        self._open_values = sum(len(values) for day in self._open.values() for values in day.values)
        self._viewed.clear()
        self._budget.day, self._budget.told, self._budget.kept_back = live.budget
        self._verdicts = Verdicts()
        self._verdicts.known.update({(actor, day): said for actor, day, said in live.verdicts})
        self._verdicts.alerts.update({alert: (a, b, c) for alert, a, b, c in live.alerts})
        self._counts = {name: live.counts.get(name, 0) for name in _COUNTED}


_READS = (
    "access", "action", "actor.id", "agent", "bytes", "host", "ip", "outcome", "resource.name",
    "resource.parent", "resource.type", "resources", "rows", "source", "time",
)  # fmt: skip
"""The fields that it looks at; its alerts are not for readers from whom one of them is withheld."""


def _head(settings: Settings, weights: Weights) -> Head:
    said = msgspec.json.encode((MODEL_VERSION, settings, weights))
    return Head(
        id=LEARNED_ID,
        title="Unusual for this actor",
        level="medium",
        version=hashlib.sha256(said).hexdigest(),
        name=LEARNED_ID,
        description="What an actor did on a day is rare for him, or suits others better than him.",
        status="stable",
        author="whodid",
        tags=("attack.initial-access", "attack.t1078"),
        false_positives=("A new task, a journey, a new computer: acknowledge it, it is learned.",),
        fields=("actor.id",),
        reads=_READS,
    )
