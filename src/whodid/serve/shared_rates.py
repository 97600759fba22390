"""Token buckets that all doors share: one mapped file in DIR/run, one lock.

    slot: 16 bytes of SHA-256(kind, key) · f64 tokens · f64 when, in seconds since 1970

A key has one of NEAR slots behind its hash; when all are others', the one used longest ago is
taken over, and its key begins with a full bucket again. So memory is bounded whatever keys
strangers invent, and a door that is started again remembers. The clock may step: time that goes
back adds nothing.
"""

import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

from whodid.ledger.layout import RUN

SLOTS = 16_384
NEAR = 8
_SLOT = struct.Struct(">16sdd")
_NAME = "rates"
_LOCK_S = 0.005
_FILL_S = 1.0
_LEAST = 0.001
"""Less than this is nothing: sums of floats leave a little."""


class SharedRates:
    """The file. Safe for processes; of each one only the event loop may use it."""

    def __init__(self, directory: Path, now_s: Callable[[], float]) -> None:
        folder = directory / RUN
        folder.mkdir(mode=0o700, exist_ok=True)
        self._fd = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = SLOTS * _SLOT.size
        if os.fstat(self._fd).st_size != size:
            self._fill(size)
        self._map = mmap.mmap(self._fd, size)
        self._now_s = now_s

    def _fill(self, size: int) -> None:
        """Write the empty slots, unless another door just did: what it has counted stays."""
        locked = self._lock(_FILL_S)
        try:
            if os.fstat(self._fd).st_size != size:
                os.pwrite(self._fd, bytes(size), 0)  # real bytes: a full disk is met here
                os.ftruncate(self._fd, size)
        finally:
            if locked:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def take(self, kind: str, key: str, amount: float, rate: float, burst: float) -> float:
        """Take from one bucket of `rate` a second, at most `burst` (see `sources.rates.Rate`)."""
        tag = hashlib.sha256(f"{kind}\0{key}".encode()).digest()
        locked = self._lock(_LOCK_S)
        try:
            now = self._now_s()
            at, tokens, then = self._find(tag[:16], int.from_bytes(tag[16:20]), burst)
            tokens = min(burst, tokens + max(now - then, 0.0) * rate)
            wait_s = 0.0 if tokens > _LEAST else (1.0 - tokens) / rate
            if not wait_s:
                tokens = max(tokens - amount, -burst)
            _SLOT.pack_into(self._map, at, tag[:16], tokens, max(now, then) if then else now)
            return wait_s
        finally:
            if locked:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _lock(self, wait_s: float) -> bool:
        """Wait a moment for the lock; without it a count may be lost, but no door hangs."""
        until_s = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= until_s:
                    return False
                time.sleep(0)  # it is held for microseconds

    def _find(self, tag: bytes, number: int, burst: float) -> tuple[int, float, float]:
        """Return (offset, tokens, when) of a key; a new one has a full bucket."""
        oldest_at, oldest = 0, float("inf")
        for step in range(NEAR):
            at = (number + step) % SLOTS * _SLOT.size
            known, tokens, then = _SLOT.unpack_from(self._map, at)
            if known == tag:
                return at, tokens, then
            if then < oldest:
                oldest_at, oldest = at, then
        return oldest_at, burst, 0.0

    def close(self) -> None:
        """Let the file go."""
        self._map.close()
        os.close(self._fd)


class SharedRate:
    """One kind of them, with a rate and burst that can be set anew; a rate of 0 is no limit.

    Without `rates` (there was no room for the file) nothing is limited.
    """

    def __init__(self, rates: SharedRates | None, kind: str, rate: float, burst: float) -> None:
        self._rates = rates
        self._kind = kind
        self.use(rate, burst)

    def use(self, rate: float, burst: float) -> None:
        """Take another rate."""
        self._rate = rate
        self._burst = burst

    def take(self, key: str, amount: float) -> float:
        """As `sources.rates.Rate.take`."""
        if not self._rate or self._rates is None:
            return 0.0
        return self._rates.take(self._kind, key, amount, self._rate, self._burst)
