"""Exporting an answer whole: page after page, each in a turn of its own.

It is one read, and one event of its own, durable before the first page. The answer is that of the
moment at which it began: what comes in later is not in it, wherever its time would put it.
"""

import dataclasses
from collections.abc import Callable, Iterator

import msgspec

from whodid.app.answer import Caller, Hit
from whodid.app.counting import kept_back, no_table
from whodid.app.following import hit_of
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.errors import QueryError
from whodid.index.page import Page
from whodid.limits import PAGE_ROWS_MAX
from whodid.query.parse import parse
from whodid.query.times import resolve
from whodid.query.tree import Query

PAGE_ROWS = 500
"""Events that are read in one turn."""
_GO_ON = "go on with the next page"


class Export:
    """An answer that is being exported. `pages` reads on; iterate it once.

    `total` is exact when `total_is_exact`, else what the first page knew of; `checkpoint` and
    `size` say what it was read at.
    """

    def __init__(
        self, first: Page, caller: Caller, note: str, read: Callable[[str], Page],
        rows_max: int | None,
    ) -> None:  # fmt: skip
        self._first = first
        self._rows_max = rows_max
        self._caller = caller
        self._read = read
        self.checkpoint = note
        self.size = first.size
        self.total = first.total
        self.total_is_exact = first.total_is_exact
        self.hidden_own = first.hidden_own
        self.warnings = [
            *(w for w in first.warnings if _GO_ON not in w and "not counted" not in w),
            *kept_back(caller.rights),
        ]

    def pages(self) -> Iterator[list[Hit]]:
        """Yield the events in order, some at a time. Raises what a search raises."""
        page, left = self._first, self._rows_max
        while True:
            rows = [found.row for found in page.rows if found.row.index < self.size][:left]
            yield [hit_of(row, self._caller.rights) for row in rows]
            left = None if left is None else left - len(rows)
            if page.next is None or left == 0:
                return
            page = self._read(page.next.encode())


class Exporting:
    """The reads of exports; it shares turns, searcher and rights with `LedgerReading`."""

    def __init__(self, context: ReadContext, page: Callable[..., Page]) -> None:
        self._context = context
        self._page = page

    def export(self, caller: Caller, text: str, *, own: bool) -> Export:
        """Begin an export (see `Reading.export`)."""
        act = Act("export", "read", "ledger", "events", text)
        asked = _whole(parse(text))
        query = resolve(self._context.allowed(caller, asked, act), self._context.clock())
        rows_max = asked.limit.count if asked.limit is not None else None
        if query.sort is None:  # the pages end where the limit does
            query = dataclasses.replace(query, limit=None)
        with self._context.turn(caller, act):
            first = self._page(query, PAGE_ROWS, None, own=own)
            if rows_max is not None and first.total >= rows_max:
                first = msgspec.structs.replace(first, total=rows_max, total_is_exact=True)
            note = self._context.note()
            rows = first.total if first.total_is_exact else None
            self._context.own.write(caller, msgspec.structs.replace(act, rows=rows))

        def read(before: str) -> Page:
            with self._context.turn(caller, act):
                return self._page(query, PAGE_ROWS, before, own=own)

        return Export(first, caller, note, read, rows_max)


def _whole(query: Query) -> Query:
    """Return a query whose answer can be read to its end. Raises QueryError for another."""
    most = query.limit.count if query.limit is not None else None
    if query.sort is not None and (most is None or most > PAGE_ROWS_MAX):
        raise QueryError(
            "an export has the order of a search, the newest first; leave out | sort, or add "
            f"| limit {PAGE_ROWS_MAX} or less", max(query.text.find("|"), 0),
        )  # fmt: skip
    return no_table(query)
