"""Lines of a file, of any length, in bounded memory.

A line ends with LF or CRLF. Blank ones are no records. What follows the last LF is a record too:
the end of the file ends it.
"""

from whodid.limits import RECORD_BYTES_MAX
from whodid.sources.found import Found
from whodid.sources.long_record import LongRecord


class Lines:
    """A framing. `offset` is that of the next byte, in decompressed bytes."""

    def __init__(self, offset: int = 0) -> None:
        self._start = offset  # of the unfinished line
        self._tail = b""
        self._long: LongRecord | None = None
        self._return = False  # a CR ended the last piece of a long line
        self._skipped = 0  # bytes of a long line so far

    def feed(self, piece: bytes, found: Found) -> None:
        """Add the lines that end in this piece."""
        if self._long is not None:
            end = piece.find(b"\n")
            if end < 0:
                self._add_long(self._long, piece)
                return
            self._add_long(self._long, piece[:end])
            self._end_long(self._long, found)
            self._start += 1
            piece = piece[end + 1 :]
        lines = (self._tail + piece).split(b"\n")
        self._tail = lines.pop()
        start = self._start
        records, offsets = found.records, found.offsets
        size_bytes = 0
        for line in lines:
            length = len(line)
            if length > RECORD_BYTES_MAX:
                found.add(start, line.removesuffix(b"\r"))
            elif not line.isspace() and line:
                record = line[:-1] if line[-1] == 13 else line
                records.append(record)
                offsets.append(start)
                size_bytes += len(record)
            start += length + 1
        found.size_bytes += size_bytes
        self._start = start
        if len(self._tail) > RECORD_BYTES_MAX:
            self._long = LongRecord()
            self._skipped = 0
            tail, self._tail = self._tail, b""
            self._add_long(self._long, tail)

    def pause(self, found: Found) -> None:
        """Hold nothing back but an unfinished line, which may go on."""

    def finish(self, found: Found) -> None:
        """Add the last line when no LF ended it."""
        if self._long is not None:
            self._end_long(self._long, found)
        else:
            tail = self._tail.removesuffix(b"\r")
            if tail and not tail.isspace():
                found.add(self._start, tail)
            self._start += len(self._tail)
        self._tail = b""

    def _add_long(self, record: LongRecord, piece: bytes) -> None:
        # A CR is held back: before the LF it is part of the line's end.
        if not piece:
            return
        self._skipped += len(piece)
        if self._return:
            record.add(b"\r")
        self._return = piece.endswith(b"\r")
        record.add(piece[:-1] if self._return else piece)

    def _end_long(self, record: LongRecord, found: Found) -> None:
        found.add(self._start, *record.end())
        self._start += self._skipped
        self._long = None
        self._return = False
