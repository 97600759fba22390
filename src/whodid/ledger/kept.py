"""What was opened before, kept within a bound of bytes: the least recently used goes first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_V = TypeVar("_V")


class Kept(Generic[_V]):
    """Values by key. Invariant: together at most `bytes_max`, or one value.

    Not safe for threads.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._values: OrderedDict[Hashable, tuple[_V, int]] = OrderedDict()

    def get(self, key: Hashable) -> _V | None:
        """Return the value of a key, None when it is not here."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: _V, size_bytes: int) -> _V:
        """Keep a value and return it."""
        self.drop(key)
        self._values[key] = (value, size_bytes)
        self._bytes += size_bytes
        while self._bytes > self._bytes_max and len(self._values) > 1:
            _, (_, gone) = self._values.popitem(last=False)
            self._bytes -= gone
        return value

    def drop(self, key: Hashable) -> None:
        """Forget a value, if it is here."""
        gone = self._values.pop(key, None)
        if gone is not None:
            self._bytes -= gone[1]
