"""Files of records for `whodid ingest`: plain, gzip or zstd, or standard input.

The identity of a record in a file is (fingerprint of the first record, offset), both of
decompressed bytes, so a rotated or compressed copy is the same file. A last line without its LF
is a record: should it grow later, the offset is the same and the bytes are not, which the ledger
keeps as a conflict, and so does the fingerprint change when it is the first line.

It does not map records, does not follow files that grow, and does not store.
"""

import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from whodid.errors import InputError
from whodid.limits import CHUNK_BYTES_MAX, CHUNK_RECORDS, PAUSE_SECONDS
from whodid.normalize.format import Format
from whodid.normalize.registry import FORMATS
from whodid.sources.found import Found, Framing
from whodid.sources.opening import choose_framing
from whodid.sources.pieces import Pieces

_SNIFFED_RECORDS = 10


class Chunk(Struct, frozen=True):
    """Records of one file, in order.

    `offsets` are in decompressed bytes, `read_bytes` are those taken from the stream so far.
    `fingerprint` is the SHA-256 of the file's first record, hex. `format` is the one given, or
    that of the first records which one knows; None when none does. `cut`: row → reason, of records
    that were too long.
    """

    records: Sequence[bytes]
    offsets: Sequence[int]
    format: Format | None
    fingerprint: str
    read_bytes: int
    cut: dict[int, str]


def open_input(name: str) -> BinaryIO:
    """Open the file `name` for reading; `-` is standard input.

    Raises InputError when there is none or it may not be read.
    """
    if name == "-":
        return sys.stdin.buffer
    path = Path(name)
    try:
        if path.is_dir():
            raise InputError(f"{name} is a directory: name the files in it")
        return path.open("rb")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{name} cannot be opened: {reason}") from None


def read_file(
    stream: BinaryIO,
    name: str,
    fmt: Format | None = None,
    *,
    chunk_records: int = CHUNK_RECORDS,
    formats: Sequence[Format] = FORMATS,
    pause_s: float = PAUSE_SECONDS,
) -> Iterator[Chunk]:
    """Yield the records of `stream`; `name` is for messages, `fmt` None guesses among `formats`.

    A pipe that is silent for `pause_s` ends a record whose end only the next one would show.
    Memory is bounded whatever the file holds. Raises InputError that names file and offset, after
    all complete records before that place have been yielded.
    """
    candidates = formats if fmt is None else (fmt,)
    pieces = Pieces(stream, name, pause_s)
    found = Found()
    label = _Label(fmt, candidates)
    fault: InputError | None = None
    framed = _framed(pieces, name, candidates, found)
    while True:
        try:
            waits = next(framed)
        except StopIteration:
            break
        except InputError as error:
            fault = error
            break
        while len(found) >= chunk_records or found.size_bytes > CHUNK_BYTES_MAX:
            yield label.chunk(found, chunk_records, pieces.read_bytes)
        if waits and len(found):
            yield label.chunk(found, chunk_records, pieces.read_bytes)
    while len(found):
        yield label.chunk(found, chunk_records, pieces.read_bytes)
    if fault is not None:
        raise fault


def _framed(
    pieces: Pieces, name: str, candidates: Sequence[Format], found: Found
) -> Iterator[bool]:
    """Add the records of each piece to `found`; yield after each whether the next one waits."""
    framing: Framing | None = None
    head = b""
    tried = 0
    waited = False
    for piece in pieces:
        try:
            if not piece:
                if waited:
                    framing = _paused(framing, head, candidates, found)
            elif framing is None:
                head += piece
                if len(head) < 2 * tried and b"\n" not in piece:
                    continue  # not after each of many small pieces
                tried = len(head)
                framing = _framing(head, candidates, found, final=False)
                if framing is None:
                    continue
            else:
                framing.feed(piece, found)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        waited = not piece
        yield waited
    try:
        if framing is None:
            framing = _framing(head, candidates, found, final=True)
            assert framing is not None
        framing.finish(found)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _paused(
    framing: Framing | None, head: bytes, candidates: Sequence[Format], found: Found
) -> Framing | None:
    """Go on with what there is when nothing comes; JSON that is not complete has to."""
    if framing is not None:
        framing.pause(found)
    elif not head.lstrip().startswith((b"{", b"[")):
        framing = _framing(head, candidates, found, final=True)
    return framing


def _framing(
    head: bytes, candidates: Sequence[Format], found: Found, *, final: bool
) -> Framing | None:
    """Choose the framing and feed it `head`; None when more is needed, never when `final`."""
    chosen = choose_framing(head, candidates, final=final)
    if chosen is None:
        return None
    framing, start = chosen
    framing.feed(head[start:], found)
    return framing


class _Label:
    """What all chunks of one file share; known from its first records."""

    def __init__(self, fmt: Format | None, candidates: Sequence[Format]) -> None:
        self._format = fmt
        self._candidates = candidates
        self._fingerprint = ""

    def chunk(self, found: Found, records_max: int, read_bytes: int) -> Chunk:
        records, offsets, cut = found.take(records_max)
        if not self._fingerprint:
            self._fingerprint = sha256(records[0]).hexdigest()
        if self._format is None:
            self._format = self._sniff(records[:_SNIFFED_RECORDS])
        return Chunk(records, offsets, self._format, self._fingerprint, read_bytes, cut)

    def _sniff(self, records: Sequence[bytes]) -> Format | None:
        for record in records:
            for known in self._candidates:
                if known.sniff(record):
                    return known
        return None
