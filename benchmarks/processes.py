"""What processes cost: CPU seconds and memory, from /proc. Elsewhere than on Linux it is 0."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_S = 0.5


def children(pid: int) -> list[int]:
    """Return the direct children of a process."""
    try:
        lists = [
            path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")
        ]  # the whole thread group's
    except OSError:
        return []
    return [int(word) for text in lists for word in text.split()]


def command_line(pid: int) -> list[str]:
    """Return a process's arguments, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def cpu_s(pid: int) -> float:
    """Return the user and system time a process has used, 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_bytes(pid: int) -> int:
    """Return the proportional set size of a process: its own memory and its share of the shared."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


class MemorySampler:
    """The greatest sum of memory of some processes while it is open."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self.max_bytes = 0
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            self.max_bytes = max(self.max_bytes, sum(map(memory_bytes, self._pids())))

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
