"""Answers that count: tables, histograms, facets, and events in another order than by time.

What it counts is found once an answer (`selection`). Not safe for threads, as the searcher is not.
"""


from msgspec import Struct

from whodid.index.opening import RowMatcher
from whodid.index.search import Searcher, View
from whodid.index.selection import Selection, choose
from whodid.index.stats import StatsTable, run_stats
from whodid.index.vocabulary import Vocabularies
from whodid.query.own import hides_own
from whodid.query.tree import Query


class Counted(Struct, frozen=True):
    """A table, the number of entries of the log that it is about, and the own events left out."""

    table: StatsTable
    hidden_own: int
    size: int
    warnings: list[str]


class Analyst:
    """Counts over the tables of one searcher."""

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher
        self._vocabularies = Vocabularies()

    def stats(self, query: Query, *, durable: int, own: bool = False) -> Counted:
        """Return the table of a query with `stats`, its times resolved.

        Raises UsageError when it needs more than the bounds, LedgerError as a search does.
        """
        stats = query.stats
        if stats is None:
            raise ValueError("a query without stats has no table")
        self._vocabularies.begin()

        def count(view: View) -> Counted:
            chosen, unreadable = _selected(query, view, own=own)
            table = run_stats(
                stats, query.sort, query.limit, chosen, self._vocabularies, view.monotonic
            )
            warnings = [*view.warnings, *unreadable, *table.warnings]
            return Counted(table, chosen.hidden_own, view.size, warnings)

        return self._searcher.over(count, durable=durable)


def _selected(query: Query, view: View, *, own: bool) -> tuple[Selection, list[str]]:
    rows = RowMatcher(query.filter, view.reader)
    hide = not own and hides_own(query)
    chosen = choose(query.filter, view.tables, rows, hide=hide, monotonic=view.monotonic)
    if not rows.unreadable:
        return chosen, []
    return chosen, [f"{rows.unreadable:,} entries could not be opened and are not counted"]
