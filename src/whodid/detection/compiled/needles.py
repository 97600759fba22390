"""Many texts looked for in one: which of them stand in it.

Few are looked for one by one. Of many, each is filed under three letters of its own that few others
have, and a text is asked by its own three-letter pieces: the cost is the text's length, not their
number.
"""

from collections import Counter
from collections.abc import Iterable

_FEW = 24
_PIECE = 3


class Needles:
    """Texts (not empty) with numbers; `numbers_in(text)` are those of the texts that it holds."""

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        found: dict[str, list[int]] = {}
        for needle, number in pairs:
            found.setdefault(needle, []).append(number)
        self._plain: list[tuple[str, tuple[int, ...]]] = []
        self._filed: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
        long = [needle for needle in found if len(needle) >= _PIECE]
        counts = Counter(piece for needle in long for piece in _pieces(needle))
        for needle, numbers in found.items():
            entry = needle, tuple(numbers)
            if len(found) <= _FEW or len(needle) < _PIECE:
                self._plain.append(entry)
                continue
            rarest = min(_pieces(needle), key=lambda piece: (counts[piece], piece))
            self._filed.setdefault(rarest, []).append(entry)

    def numbers_in(self, text: str) -> list[int]:
        """Return the numbers of the needles that stand in `text`; one may come twice."""
        found: list[int] = []
        for needle, numbers in self._plain:
            if needle in text:
                found += numbers
        if self._filed:
            for piece in self._filed.keys() & _pieces(text):
                for needle, numbers in self._filed[piece]:
                    if needle in text:
                        found += numbers
        return found


def _pieces(text: str) -> set[str]:
    return {text[at : at + _PIECE] for at in range(len(text) - _PIECE + 1)}
