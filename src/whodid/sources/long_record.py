"""Records longer than `RECORD_BYTES_MAX`: their start is kept, and length and SHA-256 of them all.

They are quarantined for it, never refused.
"""

import hashlib
from collections.abc import Sequence

from whodid.limits import RECORD_BYTES_MAX, RECORD_KEPT_BYTES


class LongRecord:
    """A record that may be of any length, taken in piece by piece, in bounded memory."""

    def __init__(self) -> None:
        self.length_bytes = 0
        self._whole: bytearray = bytearray()
        self._kept = b""
        self._hash: hashlib._Hash | None = None

    def add(self, piece: bytes) -> None:
        """Take in the next bytes."""
        self.length_bytes += len(piece)
        if self._hash is not None:
            self._hash.update(piece)
            return
        self._whole += piece
        if self.length_bytes > RECORD_BYTES_MAX:
            self._hash = hashlib.sha256(self._whole)
            self._kept = bytes(self._whole[:RECORD_KEPT_BYTES])
            self._whole.clear()

    def end(self) -> tuple[bytes, str | None]:
        """Return the record, or its start and the reason why it was cut."""
        if self._hash is None:
            return bytes(self._whole), None
        return self._kept, _reason(self.length_bytes, self._hash.hexdigest())


def cut_long(records: Sequence[bytes]) -> tuple[Sequence[bytes], dict[int, str]]:
    """Return the records with those cut that are too long, and row → reason of these."""
    if not records or max(map(len, records)) <= RECORD_BYTES_MAX:
        return records, {}
    kept = list(records)
    cut = {}
    for row, record in enumerate(records):
        if len(record) > RECORD_BYTES_MAX:
            kept[row] = record[:RECORD_KEPT_BYTES]
            cut[row] = _reason(len(record), hashlib.sha256(record).hexdigest())
    return kept, cut


def _reason(length_bytes: int, sha256: str) -> str:
    return (
        f"the record of {length_bytes} bytes is longer than {RECORD_BYTES_MAX}: its first "
        f"{RECORD_KEPT_BYTES} are kept; SHA-256 of all: {sha256}"
    )
