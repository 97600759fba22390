"""A lane: one course of event time, with all correlations at work along it.

Hits wait until the mark has passed their time; then they are taken by time, those of one time
together, and after them the timers of that time. So what is found depends on the events and not
on the order in which they came, as long as none is late.
"""

from bisect import insort
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from whodid.detection.finding import Finding
from whodid.detection.windows.absence import ExpectedAfter, ExpectedBefore
from whodid.detection.windows.asked import wanted_of
from whodid.detection.windows.counting import EventCount, OutsideHours, Ratio, ValueCount
from whodid.detection.windows.early import Early
from whodid.detection.windows.extract import climbed
from whodid.detection.windows.hit import KEY, PLAN, TIME, Hit, Key
from whodid.detection.windows.judged import Judged
from whodid.detection.windows.machine import Machine, SetTimer
from whodid.detection.windows.measures import Rank, Sum
from whodid.detection.windows.new_value import NewValue
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.temporal import Ordered, Together
from whodid.detection.windows.travel import Travel
from whodid.detection.windows.waiting import END, Waiting
from whodid.detection.windows.watermark import Watermark
from whodid.limits import CORRELATION_TIMERS_MANY

_MACHINES: dict[str, Callable[[Plan, SetTimer], Machine]] = {
    "event_count": EventCount, "value_count": ValueCount, "temporal": Together,
    "temporal_ordered": Ordered, "value_sum": Sum, "value_avg": Sum, "value_median": Rank,
    "value_percentile": Rank, "new_value": NewValue, "ratio": Ratio,
    "outside_hours": OutsideHours, "impossible_travel": Travel,
}  # fmt: skip

Place = tuple[int, Key]


def machine_for(plan: Plan, set_timer: SetTimer) -> Machine:
    """Return the machine of a correlation's kind, which knows nothing yet."""
    if plan.kind == "absence":
        before = plan.correlation.options["expect"] == "before"
        return ExpectedBefore(plan, set_timer) if before else ExpectedAfter(plan, set_timer)
    if plan.correlation.words and wanted_of(plan.correlation.words)[1]:
        return Judged(plan, set_timer)
    return _MACHINES[plan.kind](plan, set_timer)


class Lane:
    """Hits in, findings out. Invariant: no hit that waits is before `time.mark`.

    `waiting` holds the hits by time, `timers` what is due when; timers of keys that were given up
    since are forgotten when there are many. With `early` those that wait are also looked at before
    their time is over.
    """

    def __init__(self, plans: Sequence[Plan], time: Watermark, *, early: bool) -> None:
        self.plans = plans
        self.time = time
        self.waiting = Waiting()
        self.timers: list[tuple[int, int, Key]] = []
        self._timers_many = CORRELATION_TIMERS_MANY
        self.machines: list[Machine] = [machine_for(plan, self._set_timer) for plan in plans]
        chosen = [early and not (it.undone or it.plan.correlation.silent) for it in self.machines]
        self._early = Early(self.machines, chosen)

    def push(self, hits: Sequence[Hit]) -> list[Finding]:
        """Let hits of one event wait that are not late; return what is found early."""
        found = self._early.look(hits)
        self.waiting.add(sorted(hits) if len(hits) > 1 else hits)
        return found

    def add_late(self, hits: Sequence[Hit]) -> list[Finding]:
        """Take hits before the mark; return what they complete, and what that completes above."""
        return [finding for hit in hits for finding in self._added_late(hit)]

    def _added_late(self, hit: Hit) -> list[Finding]:
        found = self.machines[hit[PLAN]].add_late(hit)
        self._early.changed(hit)
        told = [] if self.plans[hit[PLAN]].correlation.silent else list(found)
        for finding in found:
            told += self.add_late(self._above(hit[PLAN], finding))
        return told

    def release(self, limit: int) -> list[Finding]:
        """Take the hits and timers before `limit` (µs); return what is found."""
        waiting, timers, machines = self.waiting, self.timers, self.machines
        if len(timers) > self._timers_many:
            self._forget_timers()
        found: list[Finding] = []
        while True:
            time = waiting.first
            if timers and timers[0][0] < time:
                if timers[0][0] >= limit:
                    return found
                self._due(timers[0][0], found)
            elif time >= limit or time == END:
                return found
            else:
                hits = waiting.take()
                self._early.forget(hits)
                dirty: set[Place] = set()
                for hit in hits:
                    if machines[hit[PLAN]].add(hit):
                        dirty.add((hit[PLAN], hit[KEY]))
                if dirty:
                    self._settle(dirty, time, found)

    def median_time(self) -> int:
        """Return a time before which half of what waits is."""
        return sorted(hit[TIME] for hit in self.waiting)[len(self.waiting) // 2]

    def restore_waiting(self, waiting: list[Hit]) -> None:
        """Take up hits that wait."""
        self.waiting = Waiting(waiting)
        self._early.restore(sorted(waiting, key=lambda hit: hit[:5]))

    def _set_timer(self, time: int, place: int, key: Key) -> None:
        heappush(self.timers, (time, place, key))

    def _forget_timers(self) -> None:
        """Forget timers that do nothing: their keys may be long given up, and their times far."""
        awaits = [machine.awaits for machine in self.machines]
        self.timers[:] = [it for it in self.timers if awaits[it[1]](it[2], it[0])]
        heapify(self.timers)
        self._timers_many = max(CORRELATION_TIMERS_MANY, 2 * len(self.timers))

    def _due(self, time: int, found: list[Finding]) -> None:
        dirty: set[Place] = set()
        due: set[Place] = set()
        while self.timers and self.timers[0][0] == time:
            due.add(heappop(self.timers)[1:])
        for place, key in sorted(due):
            for finding in self.machines[place].due(key, time):
                self._tell(place, finding, found)
                dirty |= self._climb(place, finding)
        self._settle(dirty, time, found)

    def _settle(self, dirty: set[Place], time: int, found: list[Finding]) -> None:
        queue = sorted(dirty) if len(dirty) > 1 else list(dirty)
        for at, (place, key) in enumerate(queue, 1):
            for finding in self.machines[place].settle(key, time):
                self._tell(place, finding, found)
                for above in self._climb(place, finding).difference(queue[at:]):
                    insort(queue, above, lo=at)  # it stands behind what feeds it

    def _tell(self, place: int, finding: Finding, found: list[Finding]) -> None:
        if not self.plans[place].correlation.silent:
            found.append(finding)

    def _climb(self, place: int, finding: Finding) -> set[Place]:
        """Give a finding to the correlations that are about its rule."""
        dirty: set[Place] = set()
        if finding.stage == "final":
            for hit in self._above(place, finding):
                if self.machines[hit[PLAN]].add(hit):
                    dirty.add((hit[PLAN], hit[KEY]))
                self._early.changed(hit)
        return dirty

    def _above(self, place: int, finding: Finding) -> list[Hit]:
        hits: list[Hit] = []
        for above, bit in self.plans[place].above:
            told = climbed(self.plans[above], bit, finding)
            if told is not None:
                shown, value = told
                key = tuple(text.lower() for text in shown)
                newest = finding.matches[-1]
                hits.append((
                    finding.time_us, newest.id, above, key, newest.entry, 1 << bit, value, shown,
                    finding.matches,
                ))  # fmt: skip
        return hits
