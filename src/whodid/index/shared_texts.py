"""The different texts of a field in all segments together: a pattern is asked once of each.

Segments of a steady stream have most of their texts in common. Each text gets a number, and of each
segment is kept which numbers its dictionary has; so a pattern costs a look at every text once, and
not once a segment. Where that would be too much to keep, each dictionary is asked for itself.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Protocol

import numpy as np

from whodid.index.dictionary import Sought, containing, encode_pieces, satisfying, split_texts
from whodid.index.vocabulary import Vocabulary
from whodid.ledger.pieces import Pieces
from whodid.limits import TEXTS_KEPT

Array = np.ndarray
_PATTERNS_KEPT = 16
_TEXTS_MIN = 4096
"""A dictionary of fewer is asked for itself."""


class Dictionary(Protocol):
    """The dictionary of a column of a segment."""

    @property
    def texts(self) -> int:
        """How many texts it has."""

    def read(self) -> tuple[Array, Array]:
        """Return where each begins, and their bytes; they are not kept for it."""

    def kept(self, stamp: object, make: Callable[[], Array]) -> Array:
        """Return what was made for this stamp before, or make it."""


class SharedTexts:
    """The texts of fields. Not safe for threads.

    `bytes_max` bounds the numbers of all segments of a field, `texts_max` its texts.
    """

    def __init__(self, bytes_max: int, texts_max: int = TEXTS_KEPT) -> None:
        self._bytes_max = bytes_max
        self._texts_max = texts_max
        self._of: dict[str, _Field] = {}

    def matching(self, column: str, dictionary: Dictionary, sought: Sought) -> Array | None:
        """Return the numbers (u32, ascending) of the texts of a dictionary that satisfy a sought.

        None when the dictionary is to be asked for itself.
        """
        if dictionary.texts < _TEXTS_MIN:
            return None
        field = self._of.get(column)
        if field is None:
            field = self._of[column] = _Field(self._texts_max)
        if field.too_many:
            return None
        numbers = dictionary.kept(field.words.stamp, lambda: field.number(dictionary.read()))
        if field.size > self._bytes_max or field.is_full:
            self._of[column] = _Field(0)
            return None
        holds = field.holds(sought)
        return np.flatnonzero(holds[numbers]).astype(np.uint32)


class _Field:
    """The texts of one column; with no room for texts it is `too_many`."""

    def __init__(self, texts_max: int) -> None:
        self.too_many = not texts_max
        self.words = Vocabulary(texts_max)
        self.size = 0
        self.is_full = False
        self._asked: OrderedDict[Hashable, Array] = OrderedDict()

    def number(self, dictionary: tuple[Array, Array]) -> Array:
        """Return the number (u32) of each text of a dictionary."""
        numbers = self.words.numbers(split_texts(*dictionary))
        self.is_full |= bool((numbers < 0).any())
        self.size += 4 * len(numbers)
        return numbers.astype(np.uint32)

    def holds(self, sought: Sought) -> Array:
        """Return which of all texts satisfy a pattern; each text is asked once."""
        holds = self._asked.get(sought.term)
        if holds is None:
            holds = np.zeros(0, dtype=np.bool_)
        if len(holds) < len(self.words):
            fresh = _Few(Pieces.of(self.words.texts()[len(holds) :]))
            if sought.piece is None:
                found = satisfying(fresh, sought.holds)
            else:
                found = containing(fresh, sought.piece, sought.holds)
            holds = self._asked[sought.term] = np.concatenate((holds, found))
            while len(self._asked) > _PATTERNS_KEPT:
                self._asked.popitem(last=False)
        return holds


class _Few:
    """Texts, as `dictionary` asks them."""

    def __init__(self, texts: Pieces) -> None:
        self._at, self._blob = encode_pieces(texts)

    def at(self) -> Array:
        return self._at

    def blob(self) -> Array:
        return self._blob
