"""What the fake log of the pages tells of readers, of the place and of sources (`fake_log`).

Everything that can be shown is in each answer, so that a page shows all of it.
"""

from collections import Counter
from itertools import product

from whodid.app.answer import SearchAnswer
from whodid.app.chains import ChainsAnswer
from whodid.app.counts import TableAnswer
from whodid.app.lookers import SUBJECTS, LookedAt, Looker, LookersAnswer
from whodid.app.overview import (
    PERIODS,
    FieldSurvey,
    Grid,
    Late,
    OverviewAnswer,
    Ranked,
    Span3,
    Survey,
)
from whodid.app.source_state import Gaps, SourceState
from whodid.errors import UsageError
from whodid.index.lags import Way
from whodid.index.rhythm import Rhythm
from whodid.query.own import is_own

NOW_US = 1_795_350_000_000_000


class FakeOverviews:
    """A part of the fake log, over its `hits` and their `values_of` a field."""

    def search_at(self, caller, text, at, *, limit=50, before=None, own=False):
        """The first entries, as if there were no others."""
        self._called("search_at", caller)
        if not 0 < at <= len(self.hits):
            raise UsageError(f"the log has {len(self.hits)} entries, there is no head of {at}")
        past = type(self)(self.hits[:at], warnings=self.warnings)
        found = past.search(caller, text, limit=limit, before=before, own=own)
        return SearchAnswer(
            found.events, found.total, found.total_is_exact, found.hidden_own, found.next,
            found.checkpoint, at, found.warnings, newer=len(self.hits) - at,
        )  # fmt: skip

    def table_at(self, caller, text, at, *, own=False):
        self._called("table_at", caller)
        past = type(self)(self.hits[:at], warnings=self.warnings)
        found = past.table(caller, text, own=own)
        return TableAnswer(
            found.columns, found.rows, found.total_groups, found.events, True, 0, 0,
            found.checkpoint, at, found.warnings, newer=len(self.hits) - at,
        )  # fmt: skip

    def chains_at(self, caller, text, at, *, limit=50, before=None, own=False):
        self._called("chains_at", caller)
        past = type(self)(self.hits[:at], warnings=self.warnings)
        found = past.chains(caller, text, limit=limit, before=before, own=own)
        return ChainsAnswer(
            found.by, found.chains, found.total, found.total_is_exact, found.hidden_own,
            found.next, found.checkpoint, at, found.warnings, newer=len(self.hits) - at,
        )  # fmt: skip

    def lookers(self, caller, text, *, kind=None, value="", limit=50, before=None):
        """Every own event is a look, each actor a looker; hostile events count as looks too."""
        self._called("lookers", caller)
        if kind is not None and kind not in SUBJECTS:
            raise UsageError(f"what is looked at is one of: {', '.join(SUBJECTS)}")
        hits = [hit for hit in self.search_all(text, own=True) if is_own(hit.event) or self.hostile]
        people = Counter(hit.event.who.actor_id for hit in hits)
        lookers = [Looker(who, {"search": n, who: 1}, n, n, 1, NOW_US) for who, n in people.items()]
        things = [LookedAt("actor", hit.event.what.resource_name, 1, 1, NOW_US) for hit in hits]
        bad = [hit for hit in hits if hit.event.what.outcome == "denied"]
        return LookersAnswer(
            (kind, value) if kind else None, len(hits), len(hits), len(bad), lookers, len(lookers),
            things, len(things), bad, hits[:limit], "c~1" if hits else None, False, True, 0,
            self.note(), len(self.hits), list(self.warnings),
        )  # fmt: skip

    def overview(self, caller, period):
        """The whole log is this period; every value is new, gone, more and less as well."""
        self._called("overview", caller)
        if period not in PERIODS:
            raise UsageError(f"there are overviews of a: {', '.join(PERIODS)}")
        hits = [hit for hit in self.hits if self.hostile or not is_own(hit.event)]

        def counted(*fields):
            counts = Counter(
                v for h in hits for v in product(*(self.values_of(h, f) for f in fields))
            )
            rows = [(value, (n, 1, 1)) for value, n in counts.most_common()]
            ranked = Ranked(rows[:20], len(rows))
            return FieldSurvey(fields, (len(rows), 1, 1), *[ranked] * 5, exact=True)

        grid = counted("actor", "service").top.rows[:9]
        ended = Ranked([((who, "denied"), (1,)) for (who, _), _ in grid], len(grid))
        found = Survey(
            (len(hits), 9, 1), {"denied": (2, 1, 0)}, None,
            [counted(field) for field in ("actor", "resource", "service", "ip", "source")],
            counted("actor", "resource"),
            Grid(
                tuple(values[0] for values, _ in grid), tuple(values[1] for values, _ in grid),
                [[counts[0] if x == y else 0 for x in range(len(grid))]
                 for y, (_, counts) in enumerate(grid)],
            ),
            ended, [Late(name, 1, 2) for name in self.formats], exact=True,
        )  # fmt: skip
        return OverviewAnswer(
            period, Span3.until(NOW_US - NOW_US % 60_000_000, PERIODS[period]), found,
            self._histogram(hits), True, 1, self.note(), len(self.hits), list(self.warnings),
        )  # fmt: skip

    def source_states(self, caller):
        """Every source is silent, ahead and has gaps; whodid's own too."""
        self.calls.append(("source_states", caller))
        rhythm = Rhythm(3, [*range(21), 0, 1, 3], 7000, 200, 30)
        way = Way(3, 1_500_000, 90_000_000, -7_000_000, 1)
        states = [
            SourceState(info, info.newest_us, rhythm, way, Gaps(5, 1, 2))
            for info in self.sources(caller)
        ]
        self.calls.pop()
        return states
