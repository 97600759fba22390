"""Words (u64), one an entry, in log order: in a file without a name once there are many.

So what verification keeps in memory does not grow with the log. It is looked at in shares, by the
highest bits of the words: they are parts of hashes, so shares are of like size.
"""

import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from whodid.errors import LedgerError

Array = np.ndarray
_HELD = 1 << 20
_CHUNK = 1 << 20
_SHARE = 1 << 22


class KeptWords:
    """Append, then read as often as one likes. Raises LedgerError when the file cannot be kept."""

    def __init__(self) -> None:
        self.count = 0
        self._held: list[Array] = []
        self._held_count = 0
        self._fd: int | None = None
        self._spilled = 0

    def append(self, words: Array) -> None:
        """Add the words of the next entries."""
        self._held.append(words.astype(np.uint64, copy=False))
        self._held_count += len(words)
        self.count += len(words)
        if self._held_count > _HELD:
            self._spill()

    def _spill(self) -> None:
        data = np.concatenate(self._held).tobytes()
        try:
            if self._fd is None:
                self._fd, name = tempfile.mkstemp(prefix="whodid-")
                weakref.finalize(self, os.close, self._fd)
                Path(name).unlink()
            view = memoryview(data)
            while view:
                at = 8 * self._spilled + len(data) - len(view)
                view = view[os.pwrite(self._fd, view, at) :]
        except OSError as error:
            raise LedgerError(
                f"verification has no room for its temporary file ({error}); set TMPDIR"
            ) from error
        self._spilled += self._held_count
        self._held, self._held_count = [], 0

    def chunks(self, first: int = 0, end: int | None = None) -> Iterator[tuple[int, Array]]:
        """Yield (index of the first, words) of entries [first, end), some at a time."""
        at, stop = first, self.count if end is None else min(end, self.count)
        while self._fd is not None and at < min(stop, self._spilled):
            count = min(_CHUNK, stop - at, self._spilled - at)
            data = os.pread(self._fd, 8 * count, 8 * at)
            if len(data) != 8 * count:
                raise LedgerError("the temporary file of verification was cut")
            yield at, np.frombuffer(data, dtype=np.uint64)
            at += count
        start = self._spilled
        for words in self._held:
            low, high = max(at - start, 0), min(stop - start, len(words))
            if low < high:
                yield start + low, words[low:high]
            start += len(words)

    def share(self, number: int, bits: int, first: int = 0, end: int | None = None) -> Array:
        """Return the words of entries [first, end) with these highest bits, in log order."""
        found = [words[in_share(words, number, bits)] for _, words in self.chunks(first, end)]
        return np.concatenate([np.zeros(0, dtype=np.uint64), *found])

    def places(self, wanted: Array) -> dict[int, list[int]]:
        """Return the indexes of each of these words, ascending."""
        found: dict[int, list[int]] = {int(word): [] for word in wanted}
        for at, words in self.chunks():
            for row in np.flatnonzero(np.isin(words, wanted)).tolist():
                found[int(words[row])].append(at + row)
        return found


def share_bits(count: int) -> int:
    """Return how many bits cut so many words into shares that memory holds easily."""
    return (count // _SHARE).bit_length()


def in_share(words: Array, number: int, bits: int) -> Array:
    """Tell which words have these highest bits."""
    if not bits:
        return np.ones(len(words), dtype=np.bool_)
    same: Array = words >> np.uint64(64 - bits) == np.uint64(number)
    return same
