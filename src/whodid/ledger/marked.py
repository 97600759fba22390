"""Which of many texts that follow each other may have a piece, case apart: a superset, in one look.

In compiled code where there is some: a frame of payload, or a dictionary, takes a fraction of a
millisecond.
"""

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

from whodid.native import native

if TYPE_CHECKING:
    from array import array

Array = np.ndarray
_BACKSLASH = 0x5C
_BEYOND_ASCII = 0x80


def marked(data: bytes | Array, bounds: "array[int] | Array", pieces: tuple[bytes, ...]) -> Array:
    """Return, for each text data[bounds[i]:bounds[i + 1]] (i64), whether it is to be asked (bool).

    Those in which one of the pieces (lower-case ASCII, none empty) begins, case apart, and all with
    a backslash or a byte beyond ASCII: they are not what their bytes look like.
    """
    if native is not None:
        return np.frombuffer(native.seek(data, bounds, pieces), dtype=np.bool_)
    edges = np.frombuffer(bounds, dtype=np.int64)
    start = int(edges[0])
    body = (data.tobytes() if isinstance(data, np.ndarray) else data)[start:]
    every = np.frombuffer(body, dtype=np.uint8)
    odd = np.flatnonzero((every == _BACKSLASH) | (every >= _BEYOND_ASCII))
    found = np.zeros(len(edges) - 1, dtype=np.bool_)
    found[edges.searchsorted(odd + start, side="right") - 1] = True
    lower = body.lower()
    for piece in pieces:
        found[_places(lower, piece, (edges - start).tolist())] = True
    return found


def _places(data: bytes, piece: bytes, bounds: list[int]) -> list[int]:
    """Return the numbers of the texts in which a piece begins."""
    found = []
    at = data.find(piece)
    while at >= 0:
        place = bisect_right(bounds, at) - 1
        found.append(place)
        at = data.find(piece, bounds[place + 1])
    return found
