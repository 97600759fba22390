"""A cache bounded by bytes: the least recently used goes first. Not safe for threads."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

Array = np.ndarray
_OVERHEAD_BYTES = 512
"""About what an array and its key take beside its bytes: many small ones are bounded too."""


class ArrayCache:
    """Arrays by key. Invariant: with what is lent they take at most `bytes_max`, or are one."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lent = 0
        self._size = 0
        self._arrays: OrderedDict[Hashable, Array] = OrderedDict()

    def known(self, key: Hashable) -> Array | None:
        """Return the array of this key if it is here."""
        return self._arrays.get(key)

    def get(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """Return the array of this key, made when it is not here."""
        found = self._arrays.get(key)
        if found is not None:
            self._arrays.move_to_end(key)
            return found
        made = make()
        self._arrays[key] = made
        self._size += made.nbytes + _OVERHEAD_BYTES
        self._shrink()
        return made

    def lend(self, bytes_lent: int) -> None:
        """Do with so many bytes less: somebody else keeps something of that size."""
        self._lent = bytes_lent
        self._shrink()

    def _shrink(self) -> None:
        while self._size + self._lent > self._bytes_max and len(self._arrays) > 1:
            _, gone = self._arrays.popitem(last=False)
            self._size -= gone.nbytes + _OVERHEAD_BYTES
