"""A search that opens rows: newest first, until the page is full, then for a while to count."""

from collections.abc import Callable, Sequence

import numpy as np

from whodid.index.listed import Listed
from whodid.index.opening import Opened, RowMatcher
from whodid.index.order import Candidates, in_chunks, in_order
from whodid.index.page import Cursor, Hit, Page
from whodid.index.table import Table
from whodid.limits import SEARCH_COUNT_S_MAX, SEARCH_SCAN_S_MAX
from whodid.query.tree import Node


class Scan:
    """One run. It counts only what comes after the cursor, so a total is exact on page one only.

    Without `count` it ends when the page is full. `known` are events that are in no table of it.
    """

    def __init__(
        self,
        rows: RowMatcher,
        limit: int,
        monotonic: Callable[[], float],
        *,
        hide: bool,
        count: bool = True,
        known: Listed | None = None,
    ) -> None:
        self._rows = rows
        self._limit = limit
        self._monotonic = monotonic
        self._hide = hide
        self._count = count
        self._known = known
        self._hits: list[Hit] = []
        self._total = 0
        self._hidden = 0 if known is None else known.hidden_own
        self._found: list[int] = []

    def run(self, node: Node, tables: Sequence[Table], before: Cursor | None) -> Page:
        """Return the page; `size` and the warnings about tables are the caller's."""
        start_s = self._monotonic()
        exact, last = before is None, before
        warnings: list[str] = []
        stopped = False
        known = None if self._known is None else self._known.candidates
        rows = in_order(node, tables, before, known, opening=not self._count)
        for chunk in in_chunks(rows, self._rows.pause, self._wanted):
            full = len(self._hits) == self._limit
            spent_s = self._monotonic() - start_s
            uncounted = full and not self._count
            if uncounted or spent_s > (SEARCH_COUNT_S_MAX if full else SEARCH_SCAN_S_MAX):
                stopped = True
                break
            self._match(chunk)
            last = chunk.cursor(-1)
        full = len(self._hits) == self._limit
        following = None
        if full and (stopped or self._total > self._limit):
            following = Cursor(self._hits[-1].time_us, self._hits[-1].index)
        elif stopped:
            following = last
            warnings.append("older events were not searched yet: go on with the next page")
        if stopped and full and self._count:
            warnings.append(f"{self._total} events found so far; older ones were not counted")
        return Page(
            self._hits, self._total, exact and not stopped, self._hidden, following, 0, warnings,
            np.sort(np.array(self._found, dtype=np.int64)),
        )  # fmt: skip

    def _wanted(self) -> int | None:
        """Return how many events the page lacks; None when all are to be counted."""
        return None if self._count else self._limit - len(self._hits)

    def _match(self, chunk: Candidates) -> None:
        """Open, by index, what is not sure and what goes on the page; take it in order."""
        unsure = chunk.index[~chunk.sure]
        unsure.sort()
        matched = {} if self._known is None else dict(self._known.opened)
        matched |= {item.row.index: item for item in self._rows.matching(unsure.tolist())}
        page: list[tuple[int, int]] = []
        known = np.fromiter(matched, dtype=np.int64, count=len(matched))
        for place in np.flatnonzero(chunk.sure | np.isin(chunk.index, known)).tolist():
            index = int(chunk.index[place])
            if self._hide and chunk.own[place]:
                self._hidden += 1
                continue
            self._total += 1
            self._found.append(index)
            if len(self._hits) + len(page) < self._limit:
                page.append((int(chunk.at[place]), index))
        self._add(page, matched)

    def _add(self, page: list[tuple[int, int]], matched: dict[int, Opened]) -> None:
        closed = sorted(index for _, index in page if index not in matched)
        matched |= self._rows.opened(closed)
        self._hits += [
            Hit(matched[index].row, matched[index].event, time_us)
            for time_us, index in page
            if index in matched
        ]
