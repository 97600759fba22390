"""Hits that wait for their time: the least first, whatever order they came in.

Most come in order of time, and then wait in a row; only the others are sorted in.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from whodid.detection.windows.hit import TIME, Hit

END = 2**62
"""A time after all hits."""


class Waiting:
    """Hits in order. Invariants: `row` and `heap` are each in order; `heap` as heapq has it."""

    __slots__ = ("heap", "row")

    def __init__(self, hits: Iterable[Hit] = ()) -> None:
        self.row: deque[Hit] = deque(sorted(hits))
        self.heap: list[Hit] = []

    def __len__(self) -> int:
        return len(self.row) + len(self.heap)

    def __iter__(self) -> Iterator[Hit]:
        yield from self.row
        yield from self.heap

    def add(self, hits: list[Hit]) -> None:
        """Let hits wait, which are in order among themselves."""
        row = self.row
        for hit in hits:
            if not row or row[-1] <= hit:
                row.append(hit)
            else:
                heappush(self.heap, hit)

    def time(self) -> int:
        """Return the time of the first hit, END when none waits."""
        time = self.row[0][TIME] if self.row else END
        return min(time, self.heap[0][TIME]) if self.heap else time

    def pop(self) -> Hit:
        """Take the first hit away; there is one."""
        if self.heap and (not self.row or self.heap[0] < self.row[0]):
            return heappop(self.heap)
        return self.row.popleft()
