"""The hot part: entries that no segment holds yet, as tables in the query process.

Read straight from the ledger, so that an entry is found as soon as it is durable. Bounded by
INDEX_HOT_ROWS_MAX; what is beyond it the answer must say (`missing`). The youngest few may stay
events for whoever asks one by one (`young`): a table of one entry costs more than a search.
"""

import contextlib

import msgspec

from whodid.index.build import build_table
from whodid.index.merge import merge
from whodid.index.opening import Opened
from whodid.index.table import MemoryTable
from whodid.ledger.leaf import LeafType
from whodid.ledger.reader import LedgerReader
from whodid.limits import INDEX_HOT_ROWS_MAX

Gap = tuple[int, int]


class Hot:
    """Tables of the newest entries of the gaps. `missing` counts the entries that did not fit.

    `young` are the events of entries that are in no table, `unreadable` counts those among them
    without readable content.
    """

    def __init__(self, reader: LedgerReader, rows_max: int = INDEX_HOT_ROWS_MAX) -> None:
        self._reader = reader
        self._rows_max = rows_max
        self.tables: list[MemoryTable] = []
        self.missing = 0
        self.young: list[Opened] = []
        self.unreadable = 0
        self._young: Gap = (0, 0)

    def update(self, gaps: list[Gap], *, young_max: int = 0) -> None:
        """Follow the gaps (ascending ranges without a segment). Raises LedgerError.

        At most `young_max` entries at the end of the last one are left out of tables.
        """
        kept = [
            table.part(max(first, table.first), min(end, table.end))
            for first, end in gaps
            for table in self.tables
            if max(first, table.first) < min(end, table.end)
        ]
        kept.sort(key=lambda table: table.first)
        room = max(self._rows_max - sum(table.count for table in kept), 0)
        fresh: list[MemoryTable] = []
        missing = 0
        left = _without(gaps, kept)
        young = left.pop() if left and _is_end(left[-1], gaps, min(young_max, room)) else (0, 0)
        self._see(young)
        for first, end in reversed(left):
            start = max(first, end - room)
            missing += start - first
            room -= end - start
            while start < end:
                table = build_table(self._reader, start, end)
                fresh.append(table)
                start = table.end
        self.missing = missing
        self.tables = _joined(sorted([*kept, *fresh], key=lambda table: table.first))

    def _see(self, young: Gap) -> None:
        """Read the young entries, those that were not read before."""
        if young[0] != self._young[0] or young[1] < self._young[1]:
            self.young, self.unreadable, self._young = [], 0, (young[0], young[0])
        found, unreadable = list(self.young), self.unreadable
        for row in self._reader.pick(range(self._young[1], young[1])):
            event = None
            with contextlib.suppress(msgspec.DecodeError):
                event = row.event()
            if event is not None:
                found.append(Opened(row, event))
            elif row.type == LeafType.EVENT:
                unreadable += 1
        self.young, self.unreadable, self._young = found, unreadable, young


def _is_end(last: Gap, gaps: list[Gap], rows_max: int) -> bool:
    """Tell whether a range is the end of the gaps and has so few entries."""
    return last[1] == gaps[-1][1] and last[1] - last[0] <= rows_max


def _without(gaps: list[Gap], tables: list[MemoryTable]) -> list[Gap]:
    """Return the parts of the gaps that no table covers, ascending."""
    left: list[Gap] = []
    for first, end in gaps:
        at = first
        for table in tables:
            if first <= table.first < end:
                if at < table.first:
                    left.append((at, table.first))
                at = table.end
        if at < end:
            left.append((at, end))
    return left


def _joined(tables: list[MemoryTable]) -> list[MemoryTable]:
    """Join neighbours, so that each is at least twice as long as the next; an entry once a call."""
    runs: list[tuple[int, list[MemoryTable]]] = []
    for table in tables:
        count, run = table.count, [table]
        while runs and runs[-1][1][-1].end == run[0].first and runs[-1][0] < 2 * count:
            if runs[-1][0] + count > INDEX_HOT_ROWS_MAX:
                break
            more, before = runs.pop()
            count, run = more + count, before + run
        runs.append((count, run))
    return [run[0] if len(run) == 1 else merge(run) for _, run in runs]
