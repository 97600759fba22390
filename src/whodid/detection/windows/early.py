"""Early looks: hits that wait, by key, and what they will make hold whatever else comes.

Most of what comes cannot make anything hold, so a key is looked at as a whole only when it may:
`Machine.room` says how much may come before that.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, TypeAlias

from whodid.detection.finding import Finding
from whodid.detection.windows.hit import ID, KEY, PLAN, TIME, Hit, Key
from whodid.detection.windows.machine import Machine
from whodid.limits import CORRELATION_REPLAY_EVENTS

_TOLD_KEPT = 10_000
_LOOKED_AT = 64
_FEW = 16
_Row: TypeAlias = list[Hit] | deque[Hit]
"""The hits of a key: a deque, where there are more than a few, takes the first away at once."""

_by_place = itemgetter(TIME, ID)


class Early:
    """Looks at hits of the correlations in `chosen`, by their places, while they wait.

    For each of these correlations there are the hits of each key, by time, and how much more may
    wait of a key before they are looked at again.
    """

    def __init__(self, machines: Sequence[Machine], chosen: Iterable[bool]) -> None:
        self._machines = machines
        self._rows: list[dict[Key, _Row] | None] = [{} if it else None for it in chosen]
        self._rooms: list[dict[Key, Any]] = [{} for _ in self._rows]
        self._told: dict[tuple[object, ...], int] = {}

    def look(self, hits: Iterable[Hit]) -> list[Finding]:
        """Take hits that wait from now on, and return what is found early."""
        found: list[Finding] = []
        for hit in hits:
            place = hit[PLAN]
            rows = self._rows[place]
            if rows is None:
                continue
            key = hit[KEY]
            row = rows.get(key)
            if row is None:
                row = rows[key] = [hit]
            else:
                if len(row) == _FEW:
                    row = rows[key] = deque(row)
                if hit < row[-1]:
                    insort(row, hit, key=_by_place)
                else:  # nearly always
                    row.append(hit)
                room = self._rooms[place].get(key)
                if room is not None and self._machines[place].fits(room, hit):
                    continue
                if len(row) > _LOOKED_AT and len(row) % _LOOKED_AT:
                    continue  # of very many that wait, not each makes all be looked at again
            found += self._looked(row, hit)
        return found

    def restore(self, hits: Iterable[Hit]) -> None:
        """Take up hits that wait, in order; what was told of them early is not known."""
        self._rooms = [{} for _ in self._rows]
        self._rows = [None if rows is None else {} for rows in self._rows]
        for hit in hits:
            rows = self._rows[hit[PLAN]]
            if rows is not None:
                rows.setdefault(hit[KEY], deque()).append(hit)

    def forget(self, hits: Iterable[Hit]) -> None:
        """Take note that hits no longer wait."""
        for hit in hits:
            place = hit[PLAN]
            rows = self._rows[place]
            if rows is None:
                continue
            key = hit[KEY]
            row = rows.get(key)
            if row is None:
                continue
            if len(row) == 1:
                del rows[key]
                self._rooms[place].pop(key, None)
            elif row[0] is hit:  # nearly always: they are taken by time
                del row[0]
            else:
                row.remove(hit)

    def changed(self, hit: Hit) -> None:
        """Take note that a hit was taken in that did not wait: less room may be left."""
        self._rooms[hit[PLAN]].pop(hit[KEY], None)

    def _looked(self, hits: _Row, hit: Hit) -> list[Finding]:
        machine = self._machines[hit[PLAN]]
        if self._was_told((hit[PLAN], hit[KEY], ()), hit[TIME], machine.plan.span):
            return []
        if not machine.may_hold(hits):
            room = machine.room(hits)
            if room is not None:
                self._rooms[hit[PLAN]][hit[KEY]] = room
            return []
        newest = list(islice(hits, max(len(hits) - CORRELATION_REPLAY_EVENTS, 0), None))
        return self._not_told(hit, machine, machine.early(newest))

    def _not_told(self, hit: Hit, machine: Machine, findings: list[Finding]) -> list[Finding]:
        """Return what was not told early before, and remember it."""
        told = []
        for finding in findings:
            values = finding.values if machine.plan.kind == "new_value" else ()
            name = (hit[PLAN], hit[KEY], values)
            if not self._was_told(name, finding.time_us, machine.plan.span):
                self._told[name] = finding.time_us
                told.append(finding)
        if len(self._told) > _TOLD_KEPT:
            del self._told[next(iter(self._told))]
        return told

    def _was_told(self, name: tuple[object, ...], time: int, span: int) -> bool:
        before = self._told.get(name)
        return before is not None and abs(time - before) <= span
