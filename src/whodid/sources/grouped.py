"""Records of one or more lines, of any length, in bounded memory.

Which lines begin a record a `Grouping` says; what it does not take for a part of a record is a
record of its own, so that nothing is lost. A blank line between records is none. A record whose
end only the next one shows is held back until then, until the file ends, or until a pipe pauses.
"""

from typing import Protocol

from whodid.limits import LINE_HEAD_BYTES, RECORD_BYTES_MAX
from whodid.sources.found import Found
from whodid.sources.long_record import LongRecord


class Grouping(Protocol):
    """Says where records begin and end. Sees the lines in order; one owner."""

    def begins(self, head: bytes) -> bool:
        """Tell whether a line begins a record, from its first `LINE_HEAD_BYTES`."""
        ...

    def take(self, part: bytes) -> None:
        """See a part of a line (all of it, in order), after `begins` of that line."""
        ...

    def is_whole(self) -> bool:
        """Tell at the end of a line whether the record surely ends there."""
        ...

    def may_end(self) -> bool:
        """Tell at the end of a line whether the record may end there."""
        ...


class GroupedLines:
    """A framing. Invariants: see `Framing`; memory is one record's bound and one piece."""

    def __init__(self, grouping: Grouping, offset: int = 0) -> None:
        self._grouping = grouping
        self._offset = offset  # of the unfinished line
        self._tail = b""
        self._in_long_line = False  # its first part is taken
        self._record: LongRecord | None = None
        self._start = 0

    def feed(self, piece: bytes, found: Found) -> None:
        """Add the records that end in this piece."""
        if self._in_long_line:
            end = piece.find(b"\n")
            self._go_on(piece if end < 0 else piece[:end])
            if end < 0:
                return
            self._in_long_line = False
            self._end_line(found)
            self._offset += 1
            piece = piece[end + 1 :]
        lines = (self._tail + piece).split(b"\n")
        self._tail = lines.pop()
        for line in lines:
            self._begin_line(line, found)
            self._end_line(found)
            self._offset += 1
        if len(self._tail) > RECORD_BYTES_MAX:
            tail, self._tail = self._tail, b""
            self._in_long_line = True
            self._begin_line(tail, found)

    def pause(self, found: Found) -> None:
        """Add the record that is held back, when it may end here."""
        at_line = not self._tail and not self._in_long_line
        if self._record is not None and at_line and self._grouping.may_end():
            self._close(found)

    def finish(self, found: Found) -> None:
        """Add the last record, and a last line that no LF ended."""
        if self._tail:
            self._begin_line(self._tail, found)
            self._tail = b""
        self._in_long_line = False
        if self._record is not None:
            self._close(found)

    def _begin_line(self, line: bytes, found: Found) -> None:
        begins = self._grouping.begins(line[:LINE_HEAD_BYTES])
        if self._record is not None and begins:
            self._close(found)
        if self._record is None:
            if not line or line.isspace():
                self._offset += len(line)
                return
            self._record = LongRecord()
            self._start = self._offset
        else:
            self._record.add(b"\n")
        self._go_on(line)

    def _go_on(self, part: bytes) -> None:
        self._offset += len(part)
        if self._record is not None:
            self._record.add(part)
            self._grouping.take(part)

    def _end_line(self, found: Found) -> None:
        if self._record is not None and self._grouping.is_whole():
            self._close(found)

    def _close(self, found: Found) -> None:
        assert self._record is not None
        record, reason = self._record.end()
        self._record = None
        if reason is None:
            record = record.removesuffix(b"\r")
        if record and not record.isspace():
            found.add(self._start, record, reason)
