"""Many texts looked for in one: which of them stand in it.

Few are looked for one by one. Of many, each is filed under three letters of its own that few others
have, and a text is asked by its own three-letter pieces: the cost is the text's length, not their
number. Which is cheaper is told from both.
"""

from collections import Counter
from collections.abc import Iterable

_PIECE = 3
_LOOK_NS, _LOOK_CHAR_NS, _PIECE_NS = 35, 0.1, 70
"""About what one look for a text costs, the more by each character, and one piece of a text."""

_Entry = tuple[str, tuple[int, ...]]


class Needles:
    """Texts (not empty) with numbers; `numbers_in(text)` are those of the texts that it holds."""

    def __init__(self, pairs: Iterable[tuple[str, int]]) -> None:
        found: dict[str, list[int]] = {}
        for needle, number in pairs:
            found.setdefault(needle, []).append(number)
        self._all: list[_Entry] = [(needle, tuple(numbers)) for needle, numbers in found.items()]
        self._short = [entry for entry in self._all if len(entry[0]) < _PIECE]
        long = [entry for entry in self._all if len(entry[0]) >= _PIECE]
        counts = Counter(piece for needle, _ in long for piece in _pieces(needle))
        self._filed: dict[str, list[_Entry]] = {}
        for needle, numbers in long:
            rarest = min(_pieces(needle), key=lambda piece: (counts[piece], piece))
            self._filed.setdefault(rarest, []).append((needle, numbers))

    def __len__(self) -> int:
        return len(self._all)

    def numbers_in(self, text: str) -> list[int]:
        """Return the numbers of the needles that stand in `text`; one may come twice."""
        found: list[int] = []
        size = len(text)
        if len(self._all) * (_LOOK_NS + size * _LOOK_CHAR_NS) <= size * _PIECE_NS:
            _add(self._all, text, found)
            return found
        _add(self._short, text, found)
        filed = self._filed
        for piece in filed.keys() & _pieces(text):
            _add(filed[piece], text, found)
        return found


def _add(entries: list[_Entry], text: str, found: list[int]) -> None:
    for needle, numbers in entries:
        if needle in text:
            found += numbers


def _pieces(text: str) -> set[str]:
    return {text[at : at + _PIECE] for at in range(len(text) - _PIECE + 1)}
