"""Which lines of PostgreSQL's csvlog and stderr log make one record.

csvlog: a record ends at the line end outside of quotes. Should a record be torn (a full disk, a
crash, a file that begins within one), quotes would be misread from there on; so it ends also where
a line can be nothing but the beginning of the next one.

stderr: a line that begins with a tab, or is a DETAIL, STATEMENT … of the same process and time,
belongs to the entry before it.
"""

import re

from whodid.normalize.postgres_csv import begins, begins_surely
from whodid.normalize.postgres_prefix import SECONDARY, Prefix, read_bare, read_prefix

_may_be_secondary = re.compile(b"(?:%b):  " % "|".join(sorted(SECONDARY)).encode()).search


class CsvGrouping:
    """Lines of a csvlog. `_open` tells that a quote is open."""

    def __init__(self) -> None:
        self._open = False
        self._known = False  # what the record began with is a beginning

    def begins(self, head: bytes) -> bool:
        """Tell whether no quote is open, or it can only have been left open."""
        if self._open and begins_surely(head) is None:
            return False
        self._known = begins(head) is not None
        self._open = False
        return True

    def take(self, part: bytes) -> None:
        """Count the quotes of a record; those of other lines mean nothing."""
        if self._known and part.count(b'"') & 1:
            self._open = not self._open

    def is_whole(self) -> bool:
        """Tell whether no quote is open."""
        return not self._open

    def may_end(self) -> bool:
        """Tell whether no quote is open."""
        return not self._open


class StderrGrouping:
    """Lines of a stderr log. `_last` is the head of the line that began the last entry.

    Only lines that can be of an entry before them are read: all of them would take a multiple.
    """

    def __init__(self) -> None:
        self._last: bytes | None = None

    def begins(self, head: bytes) -> bool:
        """Tell whether the line is no continuation of the last entry."""
        if head[:1] == b"\t":
            return False
        if self._last is not None and _may_be_secondary(head):
            prefix = _prefix_of(head)
            if prefix is not None and prefix.keyword in SECONDARY:
                last = _prefix_of(self._last)
                if last is not None and prefix.process == last.process:
                    return False
        self._last = head
        return True

    def take(self, part: bytes) -> None:
        """Need nothing of it."""

    def is_whole(self) -> bool:
        """Tell that only the next line shows the end."""
        return False

    def may_end(self) -> bool:
        """Tell that an entry is written in one piece."""
        return True


def _prefix_of(head: bytes) -> Prefix | None:
    line = head.decode("utf-8", "replace")
    return read_prefix(line) or read_bare(line)
