"""The searcher: answers searches from segments, the hot part and opened rows.

It writes nothing but a mark beside a segment that it cannot read, for the follower to see.

1. Look for new entries and new segments; what no segment holds is the hot part.
2. Ask the columns of each table, newest first.
3. When they answer alone, count all and open only the page's rows. Otherwise open, newest first,
   the rows that may match: until the page is full, then for a while to complete the total.
4. Whatever could not be seen becomes a warning.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec import Struct

from whodid.index.cache import ArrayCache
from whodid.index.catalog import Entry, catalog_path, gaps, read_catalog
from whodid.index.evaluate import masks, opens_rows, rows_of_id
from whodid.index.hot import Hot
from whodid.index.listed import LISTED_MAX, Listed, decided, hits_of
from whodid.index.opening import Opened, Pause, RowMatcher, go_on
from whodid.index.order import Newest, below, candidates, count, newest_tables
from whodid.index.page import Cursor, Page
from whodid.index.pinned import pinned
from whodid.index.ranges.sieve import Sieve
from whodid.index.scan import Scan
from whodid.index.segment import Segment, SegmentError
from whodid.index.shared_texts import SharedTexts
from whodid.index.table import Array, SourceCount, Table
from whodid.index.watch import is_marked, mark_damaged
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import INDEX
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import StoredRow
from whodid.limits import INDEX_HOT_ROWS_MAX, PAGE_ROWS_MAX
from whodid.query.own import hides_own
from whodid.query.times import time_bounds
from whodid.query.tree import Node, Query, Term

_TRIES_MAX = 10_000
_YOUNG_MAX = 16
_T = TypeVar("_T")


class View(Struct, frozen=True):
    """Every table of the first `size` entries, and what they do not show."""

    tables: list[Table]
    size: int
    reader: LedgerReader
    monotonic: Callable[[], float]
    pause: Pause
    warnings: list[str]


class _Asked(Struct, frozen=True, kw_only=True):
    """A page that is asked for (see `Searcher.search`); `hide` leaves whodid's own events out."""

    node: Node
    limit: int
    before: Cursor | None
    hide: bool
    total: bool


class Searcher:
    """Answers searches over one ledger. Not safe for threads.

    Invariant: every entry below the answer's `size` is in exactly one table, or, of a search, among
    the young that are decided one by one; or the answer warns.
    `monotonic` returns seconds and bounds how long rows are opened. `pause` is called between two
    pieces of a search: others may search in it, and what it raises ends the search.
    """

    def __init__(
        self,
        directory: Path,
        keys: KeyFolder,
        reader: LedgerReader,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        hot_rows_max: int = INDEX_HOT_ROWS_MAX,
        pause: Pause = go_on,
    ) -> None:
        self._directory = directory
        self._ledger_id = keys.ledger_id
        self._keks = keys.keks()
        self._reader = reader
        self._monotonic = monotonic
        self._pause = pause
        self._cache = ArrayCache(reader.memory.columns)
        self._sieve = Sieve(reader, keys)
        self._shared = SharedTexts(
            reader.memory.columns // 2, reader.memory.texts, self._cache.lend
        )
        self._hot = Hot(reader, hot_rows_max)
        self._stamp: tuple[int, int, int] | None = None
        self._entries: list[Entry] = []
        self._segments: dict[str, Segment] = {}
        self._damaged: set[str] = set()

    def search(
        self,
        query: Query,
        *,
        limit: int,
        durable: int,
        before: Cursor | None = None,
        own: bool = False,
        at: int | None = None,
        total: bool = True,
    ) -> Page:
        """Return one page, at most `limit` events, of those after `before`.

        The query's times are resolved. `durable` is the number of entries that the sequencer has
        acknowledged; `own` shows whodid's own events; only entries below `at` are there. Without
        `total` nobody counts on when the page is full. Raises LedgerError when the ledger cannot be
        read, ValueError for a relative time.
        """
        asked = _Asked(
            node=query.filter, limit=max(1, min(limit, PAGE_ROWS_MAX)), before=before,
            hide=not own and hides_own(query), total=total,
        )  # fmt: skip
        return self._retried(lambda: self._search(asked, durable, at))

    def over(
        self, work: "Callable[[View], _T]", *, durable: int | None = None, at: int | None = None
    ) -> _T:
        """Do work over all tables, of entries below `at`; again, when they change under it.

        Raises LedgerError.
        """
        return self._retried(lambda: work(self._view(durable, at)))

    def by_id(self, event_id: str, *, durable: int | None = None) -> StoredRow | None:
        """Return the newest entry with this id; None when there is none."""
        return self._retried(lambda: self._by_id(event_id.lower(), durable))

    def stored(self, index: int) -> StoredRow:
        """Return an entry that was found, whole. Raises LedgerError."""
        return self._reader.row(index)

    def source_counts(self, *, durable: int | None = None) -> dict[str, SourceCount]:
        """Return what is known of each declared source that has sent something, by name."""
        return self._retried(lambda: self._source_counts(durable))

    def freshen(self, *, durable: int | None = None) -> None:
        """Take in what is new, for the next search to find ready. Raises LedgerError."""
        self._retried(lambda: self._tables(durable, young_max=_YOUNG_MAX))

    # --- tables ----------------------------------------------------------------------------------

    def _retried(self, work: Callable[[], _T]) -> _T:
        """Do the work again when a segment vanished (merged) or is damaged (then without it)."""
        folder = self._directory / INDEX
        self._damaged = {name for name in self._damaged if is_marked(folder / name)}
        for _ in range(_TRIES_MAX):
            try:
                return work()
            except SegmentError as error:
                self._stamp = None
                self._load_catalog()
                if any(entry.name == error.name for entry in self._entries):
                    self._damaged.add(error.name)
                    mark_damaged(folder / error.name)
                self._segments.pop(error.name, None)
        raise SegmentError(folder, "the index changes faster than it can be read")

    def _tables(
        self, durable: int | None, at: int | None = None, young_max: int = 0
    ) -> tuple[list[Table], int]:
        """Return all tables, and the number of entries that they cover or should.

        At most `young_max` of these are young and in none (see `Hot`).
        """
        size = self._reader.refresh()
        if durable is not None:
            size = min(size, durable)
        self._load_catalog()
        self._sieve.refresh(size)
        usable = [entry for entry in self._entries if entry.name not in self._damaged]
        size = max(size, usable[-1].end if usable else 0)
        segments: list[Table] = [self._segment(entry) for entry in usable]
        self._hot.update(gaps(usable, size), young_max=young_max)
        tables = [*segments, *self._hot.tables]
        return (tables, size) if at is None else (pinned(tables, at), min(size, at))

    def _load_catalog(self) -> None:
        try:
            stat = catalog_path(self._directory).stat()
            stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        except OSError:
            stamp = (0, 0, 0)
        if stamp == self._stamp:
            return
        entries = read_catalog(self._directory, self._ledger_id)
        if entries and not entries[-1].belongs_to(self._reader):
            entries = []
        names = {entry.name for entry in entries}
        self._entries, self._stamp = entries, stamp
        self._damaged &= names
        self._segments = {name: item for name, item in self._segments.items() if name in names}
        self._shared.forget_others(item.key for item in self._segments.values())

    def _segment(self, entry: Entry) -> Segment:
        found = self._segments.get(entry.name)
        if found is None:
            path = self._directory / INDEX / entry.name
            found = Segment(
                path, self._ledger_id, self._keks, self._cache, self._sieve, self._shared
            )
            if (found.first, found.count) != (entry.first, entry.count):
                raise SegmentError(path, "holds other entries than the catalog says")
            self._segments[entry.name] = found
        return found

    def _view(self, durable: int | None, at: int | None) -> View:
        tables, size = self._tables(durable, at)
        unreadable = sum(table.summary.unreadable for table in tables)
        warnings = [*self._unseen(), *_unreadable(unreadable)]
        return View(tables, size, self._reader, self._monotonic, self._pause, warnings)

    # --- answers ---------------------------------------------------------------------------------

    def _search(self, asked: _Asked, durable: int, at: int | None) -> Page:
        tables, size = self._tables(durable, at, _YOUNG_MAX)
        unseen = self._unseen()  # of these tables: a pause may change them
        unreadable = sum(table.summary.unreadable for table in tables)
        unreadable += self._hot.unreadable if at is None else 0
        young = [item for item in self._hot.young if item.row.index < size]
        rows = RowMatcher(asked.node, self._reader, self._pause)
        near, entries = self._sift(asked, tables, size)
        known = None
        if len(entries) or young:
            known = decided(entries, young, rows, hide=asked.hide)
        page = None
        if not opens_rows(asked.node):
            page = _from_columns(asked, near, rows, known)
        if page is None:
            scan = Scan(
                rows, asked.limit, self._monotonic, hide=asked.hide, count=asked.total, known=known
            )
            page = scan.run(asked.node, near, asked.before)
        return Page(
            page.rows, page.total, page.total_is_exact, page.hidden_own, page.next, size,
            [*unseen, *_unreadable(unreadable + rows.unreadable), *page.warnings], page.found,
        )  # fmt: skip

    def _sift(self, asked: _Asked, tables: list[Table], size: int) -> tuple[list[Table], Array]:
        """Return the tables to ask, and entries to open that may match and are in none of them."""
        low, high = time_bounds(asked.node)
        timely = [
            table
            for table in tables
            if (low is None or table.summary.at_max >= low)
            and (high is None or table.summary.at_min < high)
        ]
        near = self._sieve.near(timely, asked.node)
        listed = self._sieve.listed(near, asked.node)
        if listed is None or len(listed) > min(asked.limit, LISTED_MAX):
            return near, np.zeros(0, dtype=np.int64)
        left = [table for table in near if not self._sieve.covers(table)]
        return left, listed[listed < size]

    def _unseen(self) -> list[str]:
        """Return what must be said about the tables as they are now."""
        found = []
        if self._hot.missing:
            found.append(f"the index is {self._hot.missing} entries behind; they were not searched")
        found += [
            f"index/{name} is damaged; its entries were read from the ledger"
            for name in sorted(self._damaged)
        ]
        return found

    def _by_id(self, event_id: str, durable: int | None) -> StoredRow | None:
        tables, _ = self._tables(durable)
        for table in sorted(tables, key=lambda table: table.first, reverse=True):
            found = rows_of_id(table, event_id)
            if not found.any():
                continue
            rows = np.flatnonzero(np.broadcast_to(found, table.count)) + table.first
            matcher = RowMatcher(Term("id", "is", event_id), self._reader, self._pause)
            same = [opened.row.index for opened in matcher.matching(rows.tolist())]
            if same:
                return self.stored(max(same))
        return None

    def _source_counts(self, durable: int | None) -> dict[str, SourceCount]:
        counts: dict[str, SourceCount] = {}
        for table in self._tables(durable)[0]:
            for name, item in table.summary.sources.items():
                counts[name] = counts[name].plus(item) if name in counts else item
        return counts


def _from_columns(
    asked: _Asked, tables: list[Table], rows: RowMatcher, known: Listed | None
) -> Page | None:
    """Return the page when columns answer alone, else None; `known` are in none of the tables."""
    newest = Newest(asked.limit)
    total = hidden = 0
    opened: dict[int, Opened] = {}
    if known is not None:
        total, hidden, opened = len(known.candidates.at), known.hidden_own, dict(known.opened)
        newest.offer(below(known.candidates, asked.before))
    for table in newest_tables(tables):
        rows.pause()
        summary, before, hide = table.summary, asked.before, asked.hide
        older = not newest.wants(table)  # than the page, which is full
        if older and not asked.total and newest.beyond:
            break
        wanted = not older and (before is None or summary.at_min <= before.time_us)
        sure, maybe = masks(asked.node, table, opening=not asked.total)
        if not wanted:
            counted = count(table, sure, maybe, hide=hide)
            if counted is None:
                return None
            total, hidden = total + counted[0], hidden + counted[1]
            newest.beyond |= older and counted[0] > 0
            continue
        found = candidates(table, sure, maybe)
        if found is None:
            continue
        if not found.sure.all():
            return None
        if hide and summary.own:
            hidden += int(np.count_nonzero(found.own))
            found = found.take(~found.own)
        total += len(found.at)
        newest.offer(below(found, before))
    else:
        older = False
    chosen = newest.rows()
    opened |= rows.opened(sorted(index for _, index in chosen if index not in opened))
    following = Cursor(*chosen[-1]) if newest.beyond else None
    return Page(hits_of(chosen, opened), total, not older, hidden, following, 0, [])


def _unreadable(count: int) -> list[str]:
    if not count:
        return []
    return [f"{count} entries have no readable content and were not searched"]
