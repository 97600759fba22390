"""Hits that wait for their time: the least first, whatever order they came in.

Most come in order of time, and then wait in a row; only the others are sorted in.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

from whodid.detection.windows.hit import TIME, Hit

END = 2**62
"""A time after all hits."""


class Waiting:
    """Hits in order. Invariants: `row` and `heap` are each in order; `heap` as heapq has it.

    What came together stands together in the row, in order. `first` is the time of the first hit,
    END when none waits; `count` how many there are.
    """

    __slots__ = ("count", "first", "heap", "row")

    def __init__(self, hits: Iterable[Hit] = ()) -> None:
        self.row: deque[tuple[Hit, ...]] = deque((hit,) for hit in sorted(hits))
        self.heap: list[Hit] = []
        self.count = len(self.row)
        self.first = self.row[0][0][TIME] if self.row else END

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Hit]:
        for hits in self.row:
            yield from hits
        yield from self.heap

    def add(self, hits: Sequence[Hit]) -> None:
        """Let hits wait, one or more, which are in order among themselves."""
        row = self.row
        if not row or row[-1][-1] <= hits[0]:
            row.append(tuple(hits))  # a tuple of tuples is none of the garbage collector's business
        else:
            for hit in hits:
                heappush(self.heap, hit)
        self.count += len(hits)
        if hits[0][TIME] < self.first:  # noqa: PLR1730 - of each event: calls of `min` cost more
            self.first = hits[0][TIME]

    def take(self) -> tuple[Hit, ...]:
        """Take the hits of the first time away, in order; there is one."""
        time, row, heap = self.first, self.row, self.heap
        taken: tuple[Hit, ...] = ()
        if row and row[0][0][TIME] == time:
            taken = row.popleft()
            while row and row[0][0][TIME] == time:
                taken = taken + row.popleft()
        if heap:
            if heap[0][TIME] == time:
                beside = list(taken)
                while heap and heap[0][TIME] == time:
                    beside.append(heappop(heap))
                taken = tuple(sorted(beside))
            self.first = min(row[0][0][TIME] if row else END, heap[0][TIME] if heap else END)
        else:
            self.first = row[0][0][TIME] if row else END
        self.count -= len(taken)
        return taken
