"""The catalog: which segments there are. Text, replaced whole; itself the index's cursor.

    whodid index 2
    ledger <ledger id, hex>
    segment <name> <bytes> <sha256> <first> <count> <sha256 of the last entry's leaf>
    sum <sha256 of the lines above>

A catalog that is missing, altered or of another ledger is an empty one. The leaf's hash tells an
index of another history: of a ledger that was restored from a copy and went on differently.
"""

import hashlib
import re
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from whodid.index.segment import INDEX_FORMAT
from whodid.ledger.layout import INDEX
from whodid.ledger.reader import LedgerReader

_LINE = re.compile(
    r"segment ([0-9]{16}-[0-9]{6}-[0-9a-f]{8}) ([0-9]{1,18}) ([0-9a-f]{64}) ([0-9]{1,18})"
    r" ([0-9]{1,9}) ([0-9a-f]{64})"
)


class Entry(Struct, frozen=True):
    """One segment of the catalog: entries [first, first+count)."""

    name: str
    size_bytes: int
    sha256: str
    first: int
    count: int
    last_leaf: str

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + self.count

    def line(self) -> str:
        """Return its line."""
        return (
            f"segment {self.name} {self.size_bytes} {self.sha256} {self.first} {self.count}"
            f" {self.last_leaf}"
        )

    def belongs_to(self, reader: LedgerReader) -> bool:
        """Tell whether the ledger holds the entries that this segment was made of."""
        if self.end > reader.size:
            return False
        leaf = reader.leaf_bytes(self.end - 1)
        return hashlib.sha256(leaf).hexdigest() == self.last_leaf


def catalog_path(directory: Path) -> Path:
    """Return where the catalog of the ledger in DIR is."""
    return directory / INDEX / "catalog"


def encode_catalog(ledger_id: bytes, entries: list[Entry]) -> bytes:
    """Return the bytes of a catalog."""
    lines = [f"whodid index {INDEX_FORMAT}", f"ledger {ledger_id.hex()}"]
    text = "".join(f"{line}\n" for line in (*lines, *(entry.line() for entry in entries)))
    return f"{text}sum {hashlib.sha256(text.encode()).hexdigest()}\n".encode()


def read_catalog(directory: Path, ledger_id: bytes) -> list[Entry]:
    """Return the segments, in order and apart; none when the catalog is not a sound one of ours."""
    try:
        data = catalog_path(directory).read_bytes()
        text = data.decode("ascii")
    except (OSError, UnicodeDecodeError):
        return []
    head = f"whodid index {INDEX_FORMAT}\nledger {ledger_id.hex()}\n"
    body, _, total = text.rpartition("sum ")
    if not body.startswith(head) or total != hashlib.sha256(body.encode()).hexdigest() + "\n":
        return []
    matches = [_LINE.fullmatch(line) for line in body[len(head) :].splitlines()]
    entries = [
        Entry(m[1], int(m[2]), m[3], int(m[4]), int(m[5]), m[6]) for m in matches if m is not None
    ]
    if len(entries) != len(matches) or any(b.first < a.end for a, b in pairwise(entries)):
        return []
    return entries


def is_older(directory: Path) -> bool:
    """Tell whether there is a catalog of an earlier format, which is made again without ado."""
    try:
        with catalog_path(directory).open("rb") as file:
            first = file.readline(64)
    except OSError:
        return False
    found = re.fullmatch(rb"whodid index ([0-9]{1,9})\n", first)
    return found is not None and int(found[1]) < INDEX_FORMAT


def gaps(entries: list[Entry], end: int) -> list[tuple[int, int]]:
    """Return the ranges (first, end) of [0, end) that no segment covers, in order."""
    found, at = [], 0
    for entry in entries:
        if entry.first > at:
            found.append((at, min(entry.first, end)))
        at = entry.end
        if at >= end:
            return [gap for gap in found if gap[0] < gap[1]]
    return [*found, (at, end)] if at < end else found
