"""Answers that count: tables, histograms, facets, and events in another order than by time.

What it counts is found once an answer (`selection`). Not safe for threads, as the searcher is not.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from whodid.errors import RefusedError, UsageError
from whodid.event import Event
from whodid.index.chains import find_chains
from whodid.index.evaluate import masks
from whodid.index.extract import Arrays, extract, opened, portions
from whodid.index.facets import Facet, facets
from whodid.index.histogram import Histogram, histogram
from whodid.index.lags import Way, ways
from whodid.index.opening import RowMatcher
from whodid.index.ordered import first_of
from whodid.index.page import Cursor, Hit, Page
from whodid.index.rhythm import Rhythm, rhythms
from whodid.index.search import Searcher, View
from whodid.index.selection import Selection, choose, of_indexes
from whodid.index.stats import StatsTable, run_stats
from whodid.index.survey import Asked, Survey, survey
from whodid.index.table import Array
from whodid.index.vocabulary import Vocabularies
from whodid.limits import STATS_SECONDS_MAX, TEXTS_KEPT
from whodid.query.own import hides_own
from whodid.query.times import time_bounds
from whodid.query.tree import Node, Query, all_of
from whodid.query.tree import Sequence as SequencePipe


class Counted(Struct, frozen=True):
    """A table, the number of entries of the log that it is about, and the own events left out."""

    table: StatsTable
    hidden_own: int
    size: int
    warnings: list[str]


class ChainsPage(Struct, frozen=True):
    """A page of chains, newest first, each its events in order; the rest is as in `Page`."""

    chains: list[list[Hit]]
    total: int
    total_is_exact: bool
    hidden_own: int
    next: Cursor | None
    size: int
    warnings: list[str]


class Extraction(Struct, frozen=True):
    """Columns to be given away: of `fields` by the index, of `texts` by opening the events.

    `take` gets the number of rows and their arrays (see `extract`), one table after the other, or
    a few rows at a time where events are opened;
    `narrow` says what to do when there are more than `rows_max` events.
    """

    fields: tuple[str, ...]
    texts: tuple[Callable[[Event], str | tuple[str, ...] | None], ...]
    take: Callable[[int, list[Arrays]], None]
    rows_max: int
    narrow: str


class Extracted(Struct, frozen=True):
    """What was given away: so many events of the first `size` entries."""

    events: int
    exact: bool
    hidden_own: int
    size: int
    warnings: list[str]


class Wanted(Struct, frozen=True):
    """What an overview has: at most so many bars (0: no histogram), values of these fields.

    Without `outcomes` every event of the histogram counts as of unknown outcome.
    """

    bars: int = 0
    fields: tuple[str, ...] = ()
    values: int = 10
    outcomes: bool = True


class Overview(Struct, frozen=True):
    """Histogram and facets of an answer, over `events` events of the first `size` entries."""

    histogram: Histogram | None
    facets: list[Facet]
    events: int
    exact: bool
    hidden_own: int
    size: int
    warnings: list[str]


class Surveyed(Struct, frozen=True):
    """A survey, the entries of the log that it is about, and the own events of now left out."""

    survey: Survey
    hidden_own: int
    size: int
    warnings: list[str]


class Analyst:
    """Counts over the tables of one searcher."""

    def __init__(self, searcher: Searcher, texts_kept: int = TEXTS_KEPT) -> None:
        self._searcher = searcher
        self._vocabularies = Vocabularies(kept=texts_kept)

    def stats(
        self, query: Query, *, durable: int, own: bool = False, at: int | None = None
    ) -> Counted:
        """Return the table of a query with `stats`, its times resolved, of entries below `at`.

        Raises UsageError when it needs more than the bounds, LedgerError as a search does.
        """
        stats = query.stats
        if stats is None:
            raise ValueError("a query without stats has no table")

        def count(view: View) -> Counted:
            chosen, unreadable = _selected(query, view, own=own)
            self._vocabularies.begin()  # here: a selection may pause for another search
            table = run_stats(
                stats, query.sort, query.limit, chosen, self._vocabularies, view.monotonic
            )
            warnings = [*view.warnings, *unreadable, *table.warnings]
            return Counted(table, chosen.hidden_own, view.size, warnings)

        return self._searcher.over(count, durable=durable, at=at)

    def extracted(
        self,
        query: Query,
        wanted: Extraction,
        *,
        durable: int,
        own: bool = False,
        at: int | None = None,
    ) -> Extracted:
        """Give away columns of all events of a search, its times resolved, the oldest table first.

        Of entries below `at`.

        Raises UsageError when they are more than `wanted` allows, RefusedError when the index was
        made anew meanwhile, and what its `take` raises.
        """
        begun = False

        def give(view: View) -> Extracted:
            nonlocal begun
            if begun:
                raise RefusedError("the index was made anew meanwhile; ask again")
            chosen, warnings = _selected(query, view, own=own)
            if chosen.count > wanted.rows_max:
                raise UsageError(
                    f"{chosen.count:,} events are more than {wanted.rows_max:,}: {wanted.narrow}"
                )
            rows = RowMatcher(query.filter, view.reader, view.pause)
            begun = True
            for item in reversed(chosen.chosen):
                view.pause()
                if not wanted.texts:
                    wanted.take(item.count, [*extract(item, wanted.fields)])
                    continue
                for entries, column in portions(item):
                    view.pause()
                    columns = [column(field) for field in wanted.fields]
                    wanted.take(len(entries), columns + opened(entries, rows, wanted.texts))
            return Extracted(
                chosen.count, chosen.exact, chosen.hidden_own, view.size,
                [*view.warnings, *warnings, *chosen.warnings, *_not_counted(rows.unreadable)],
            )  # fmt: skip

        return self._searcher.over(give, durable=durable, at=at)

    def may_match(self, node: Node, *, durable: int) -> Array:
        """Return the entries (ascending, i64) that columns and words do not rule out; none opened.

        `node` is a resolved tree. Raises LedgerError as a search does.
        """

        def look(view: View) -> Array:
            found = [np.zeros(0, dtype=np.int64)]
            for table in view.tables:
                view.pause()
                _, maybe = masks(node, table)
                rows = np.flatnonzero(np.broadcast_to(maybe, table.count))
                found.append(rows.astype(np.int64) + table.first)
            return np.sort(np.concatenate(found))

        return self._searcher.over(look, durable=durable)

    def chains(
        self,
        query: Query,
        *,
        limit: int,
        durable: int,
        before: Cursor | None = None,
        own: bool = False,
        at: int | None = None,
    ) -> ChainsPage:
        """Return the newest chains of a query with `sequence`, its times resolved.

        Of entries below `at`. Raises LedgerError as a search does.
        """
        sequence = query.sequence
        if sequence is None:
            raise ValueError("a query without sequence has no chains")

        def find(view: View) -> ChainsPage:
            steps, unreadable = _steps(query, sequence, view)
            self._vocabularies.begin()
            found = find_chains(
                steps, sequence.by, sequence.span_us, self._vocabularies.of(sequence.by),
                limit=limit, before=before, hide=not own and hides_own(query),
                monotonic=view.monotonic, pause=view.pause,
            )  # fmt: skip
            indexes = sorted(index for chain in found.chains for _, index in chain.places)
            opened = RowMatcher(query.filter, view.reader, view.pause).opened(indexes)
            hits = [
                [
                    Hit(opened[index].row, opened[index].event, time_us)
                    for time_us, index in chain.places
                    if index in opened
                ]
                for chain in found.chains
            ]
            return ChainsPage(
                hits, found.total, found.exact, found.hidden_own, found.next, view.size,
                [*view.warnings, *unreadable, *found.warnings],
            )  # fmt: skip

        return self._searcher.over(find, durable=durable, at=at)

    def ordered(
        self, query: Query, *, limit: int, durable: int, own: bool = False, at: int | None = None
    ) -> Page:
        """Return the first events in the order of the query's `sort`, all of them counted."""
        sort = query.sort
        if sort is None:
            raise ValueError("a query without sort has the order of a search")

        def order(view: View) -> Page:
            chosen, warnings = _selected(query, view, own=own)
            self._vocabularies.begin()
            rows = first_of(sort, chosen, limit, self._vocabularies)
            opened = RowMatcher(query.filter, view.reader, view.pause).opened(
                sorted(n for _, n in rows)
            )
            hits = [
                Hit(opened[index].row, opened[index].event, time_us)
                for time_us, index in rows
                if index in opened
            ]
            return Page(
                hits, chosen.count, chosen.exact, chosen.hidden_own, None, view.size,
                [*view.warnings, *warnings, *chosen.warnings],
            )  # fmt: skip

        return self._searcher.over(order, durable=durable, at=at)

    def sending(
        self, week: Query, hour: Query, end_us: int, *, durable: int
    ) -> tuple[dict[str, Rhythm], dict[str, Way], list[str]]:
        """Return the rhythm of each source, how long its events are on their way, and warnings.

        `week` finds what was received in the MINUTES before `end_us`, `hour` in the last hour.
        """

        def look(view: View) -> tuple[dict[str, Rhythm], dict[str, Way], list[str]]:
            lately, warnings = _selected(week, view, own=True)
            now, more = _selected(hour, view, own=True)
            self._vocabularies.begin()
            end_s = view.monotonic() + STATS_SECONDS_MAX

            def ended() -> bool:
                return view.monotonic() > end_s

            return (
                rhythms(lately, end_us, self._vocabularies, ended),
                ways(now, self._vocabularies, ended),
                [*dict.fromkeys([*view.warnings, *warnings, *more, *lately.warnings])],
            )

        return self._searcher.over(look, durable=durable)

    def survey(self, queries: Sequence[Query], asked: Asked, *, durable: int) -> Surveyed:
        """Return the survey of stretches of time, each a resolved query, without own events."""

        def look(view: View) -> Surveyed:
            chosen, warnings = [], []
            for query in queries:
                selection, unreadable = _selected(query, view, own=False)
                chosen.append(selection)
                warnings += [*unreadable, *selection.warnings]
            self._vocabularies.begin()
            found = survey(asked, chosen, self._vocabularies, view.monotonic)
            return Surveyed(
                found,
                chosen[0].hidden_own,
                view.size,
                [*dict.fromkeys([*view.warnings, *warnings])],
            )

        return self._searcher.over(look, durable=durable)

    def overview(
        self,
        query: Query,
        wanted: Wanted,
        *,
        durable: int,
        own: bool = False,
        found: Array | None = None,
    ) -> Overview:
        """Return histogram and facets of a search; `found` are its events when it opened rows."""

        def look(view: View) -> Overview:
            if found is None:
                chosen, warnings = _selected(query, view, own=own)
                warnings += chosen.warnings
            else:
                chosen, warnings = of_indexes(view.tables, found), []
            self._vocabularies.begin()
            words, clock = self._vocabularies, view.monotonic
            bars = None
            if wanted.bars:
                bounds = time_bounds(query.filter)
                bars = histogram(
                    chosen, bounds, wanted.bars, words, clock, outcomes=wanted.outcomes
                )
            return Overview(
                bars,
                facets(chosen, wanted.fields, wanted.values, words, clock),
                chosen.count, chosen.exact, chosen.hidden_own, view.size,
                [*view.warnings, *warnings],
            )  # fmt: skip

        return self._searcher.over(look, durable=durable)


def _steps(query: Query, sequence: SequencePipe, view: View) -> tuple[list[Selection], list[str]]:
    """Return the rows that fit each step, whodid's own too."""
    found = []
    unreadable = 0
    seconds_max = STATS_SECONDS_MAX / len(sequence.steps)
    for step in sequence.steps:
        node = all_of([query.filter, step])
        rows = RowMatcher(node, view.reader, view.pause)
        found.append(
            choose(
                node, view.tables, rows, hide=False, monotonic=view.monotonic,
                seconds_max=seconds_max,
            )
        )  # fmt: skip
        unreadable = max(unreadable, rows.unreadable)
    return found, _not_counted(unreadable)


def _not_counted(unreadable: int) -> list[str]:
    if not unreadable:
        return []
    return [f"{unreadable:,} entries could not be opened and are not counted"]


def _selected(query: Query, view: View, *, own: bool) -> tuple[Selection, list[str]]:
    rows = RowMatcher(query.filter, view.reader, view.pause)
    hide = not own and hides_own(query)
    chosen = choose(query.filter, view.tables, rows, hide=hide, monotonic=view.monotonic)
    return chosen, _not_counted(rows.unreadable)
