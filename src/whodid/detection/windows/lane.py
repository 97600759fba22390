"""A lane: one course of event time, with all correlations at work along it.

Hits wait until the mark has passed their time; then they are taken by time, those of one time
together, and after them the timers of that time. So what is found depends on the events and not
on the order in which they came, as long as none is late.
"""

from bisect import insort
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from operator import itemgetter

from whodid.detection.finding import Finding
from whodid.detection.windows.absence import ExpectedAfter, ExpectedBefore
from whodid.detection.windows.asked import wanted_of
from whodid.detection.windows.counting import EventCount, OutsideHours, Ratio, ValueCount
from whodid.detection.windows.extract import climbed
from whodid.detection.windows.hit import ID, KEY, PLAN, TIME, Hit, Key
from whodid.detection.windows.judged import Judged
from whodid.detection.windows.machine import Machine, SetTimer
from whodid.detection.windows.measures import Rank, Sum
from whodid.detection.windows.new_value import NewValue
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.temporal import Ordered, Together
from whodid.detection.windows.travel import Travel
from whodid.detection.windows.watermark import Watermark
from whodid.limits import CORRELATION_REPLAY_EVENTS

END = 2**62
_TOLD_KEPT = 10_000
_LOOKED_AT = 64
_MACHINES: dict[str, Callable[[Plan, SetTimer], Machine]] = {
    "event_count": EventCount, "value_count": ValueCount, "temporal": Together,
    "temporal_ordered": Ordered, "value_sum": Sum, "value_avg": Sum, "value_median": Rank,
    "value_percentile": Rank, "new_value": NewValue, "ratio": Ratio,
    "outside_hours": OutsideHours, "impossible_travel": Travel,
}  # fmt: skip

Place = tuple[int, Key]
_by_place = itemgetter(TIME, ID)


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

    `waiting` holds the hits by time, `timers` what is due when. With `early` those that wait are
    also kept by key, to be looked at before their time is over.
    """

    def __init__(self, plans: Sequence[Plan], time: Watermark, *, early: bool) -> None:
        self.plans = plans
        self.time = time
        self.waiting: list[Hit] = []
        self.timers: list[tuple[int, int, Key]] = []
        self.machines: list[Machine] = [machine_for(plan, self._set_timer) for plan in plans]
        self._early = early
        self._by_key: dict[Place, list[Hit]] = {}
        self._told: dict[tuple[object, ...], int] = {}

    def push(self, hit: Hit) -> list[Finding]:
        """Let a hit wait that is not late; return what is found early."""
        heappush(self.waiting, hit)
        if not self._early or self.machines[hit[PLAN]].undone:
            return []
        return self._look_early(hit)

    def add_late(self, hit: Hit) -> list[Finding]:
        """Take a hit before the mark; return what it completes, and what that completes above."""
        found = self.machines[hit[PLAN]].add_late(hit)
        told = [] if self.plans[hit[PLAN]].correlation.silent else list(found)
        for finding in found:
            for above in self._above(hit[PLAN], finding):
                told += self.add_late(above)
        return told

    def release(self, limit: int) -> list[Finding]:
        """Take the hits and timers before `limit` (µs); return what is found."""
        waiting, timers, machines = self.waiting, self.timers, self.machines
        found: list[Finding] = []
        while True:
            time = waiting[0][TIME] if waiting else END
            if timers and timers[0][0] < time:
                if timers[0][0] >= limit:
                    return found
                self._due(timers[0][0], found)
                continue
            if time >= limit or not waiting:
                return found
            hit = heappop(waiting)
            place = hit[PLAN]
            machine = machines[place]
            machine.add(hit)
            if self._by_key:
                self._forget(hit)
            if waiting and waiting[0][TIME] == time:
                self._settle(self._rest_of(time, {(place, hit[KEY])}), time, found)
                continue
            for finding in machine.settle(hit[KEY], time):
                self._take(place, finding, time, found)

    def is_due(self, limit: int) -> bool:
        """Tell whether there is anything before `limit`."""
        waiting, timers = self.waiting, self.timers
        return bool((waiting and waiting[0][TIME] < limit) or (timers and timers[0][0] < limit))

    def median_time(self) -> int:
        """Return a time before which half of what waits is."""
        return sorted(hit[TIME] for hit in self.waiting)[len(self.waiting) // 2]

    def restore_waiting(self, waiting: list[Hit]) -> None:
        """Take up hits that wait."""
        heapify(waiting)
        self.waiting = waiting
        if self._early:
            for hit in sorted(waiting, key=lambda hit: hit[:5]):
                if not self.machines[hit[PLAN]].undone:
                    self._by_key.setdefault((hit[PLAN], hit[KEY]), []).append(hit)

    def _set_timer(self, time: int, place: int, key: Key) -> None:
        heappush(self.timers, (time, place, key))

    def _rest_of(self, time: int, dirty: set[Place]) -> set[Place]:
        waiting = self.waiting
        while waiting and waiting[0][TIME] == time:
            hit = heappop(waiting)
            self.machines[hit[PLAN]].add(hit)
            dirty.add((hit[PLAN], hit[KEY]))
            if self._by_key:
                self._forget(hit)
        return dirty

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
        queue = sorted(dirty)
        while queue:
            place, key = heappop(queue)
            dirty.discard((place, key))
            for finding in self.machines[place].settle(key, time):
                self._tell(place, finding, found)
                for above in self._climb(place, finding) - dirty:
                    dirty.add(above)
                    heappush(queue, above)

    def _take(self, place: int, finding: Finding, time: int, found: list[Finding]) -> None:
        self._tell(place, finding, found)
        if self.plans[place].above:
            self._settle(self._climb(place, finding), time, found)

    def _tell(self, place: int, finding: Finding, found: list[Finding]) -> None:
        if not self.plans[place].correlation.silent:
            found.append(finding)

    def _climb(self, place: int, finding: Finding) -> set[Place]:
        """Give a finding to the correlations that are about its rule."""
        dirty: set[Place] = set()
        if finding.stage == "final":
            for hit in self._above(place, finding):
                self.machines[hit[PLAN]].add(hit)
                dirty.add((hit[PLAN], hit[KEY]))
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

    def _look_early(self, hit: Hit) -> list[Finding]:
        place = (hit[PLAN], hit[KEY])
        hits = self._by_key.setdefault(place, [])
        if hits and hit < hits[-1]:
            insort(hits, hit, key=_by_place)
        else:
            hits.append(hit)
        plan, machine = self.plans[hit[PLAN]], self.machines[hit[PLAN]]
        if plan.correlation.silent or (len(hits) > _LOOKED_AT and len(hits) % _LOOKED_AT):
            return []  # of a key with very many that wait, not each makes all be looked at again
        if not machine.may_hold(hits) or self._was_told((*place, ()), hit[TIME], plan.span):
            return []
        told = []
        for finding in machine.early(hits[-CORRELATION_REPLAY_EVENTS:]):
            name = (*place, finding.values if plan.kind == "new_value" else ())
            if not self._was_told(name, finding.time_us, plan.span):
                self._told[name] = finding.time_us
                told.append(finding)
        if len(self._told) > _TOLD_KEPT:
            del self._told[next(iter(self._told))]
        return told

    def _was_told(self, name: tuple[object, ...], time: int, span: int) -> bool:
        before = self._told.get(name)
        return before is not None and abs(time - before) <= span

    def _forget(self, hit: Hit) -> None:
        place = (hit[PLAN], hit[KEY])
        hits = self._by_key.get(place)
        if hits:
            if len(hits) == 1:
                del self._by_key[place]
            else:
                hits.remove(hit)
