"""The different texts of a field in all segments together: a pattern is asked once of each.

Segments of a steady stream have most of their texts in common. Each text gets a number, and of each
segment is kept which numbers its dictionary has; so a pattern costs a look at every text once, and
not once a segment. They are kept apart from columns, which come and go: to number all dictionaries
again takes seconds. So one pattern numbers some dictionaries only; those that have no numbers yet,
and all where they would be too many, are asked for themselves.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

import numpy as np

from whodid.index.dictionary import Sought, containing, encode_pieces, satisfying, split_texts
from whodid.index.vocabulary import Vocabulary
from whodid.ledger.pieces import Pieces
from whodid.limits import TEXTS_KEPT
from whodid.query.tree import Term

Array = np.ndarray
_PATTERNS_KEPT = 16
_TEXTS_MIN = 4096
"""A dictionary of fewer is asked for itself."""

_NUMBERED_MAX = 1 << 18
"""A pattern numbers so many texts (some 0.2 s); what comes then is left to the next one."""


class Dictionary(Protocol):
    """The dictionary of a column of a segment."""

    @property
    def texts(self) -> int:
        """How many texts it has."""

    @property
    def table(self) -> Hashable:
        """What names its table, which never changes."""

    def read(self) -> tuple[Array, Array]:
        """Return where each begins, and their bytes; they are not kept for it."""


class SharedTexts:
    """The texts of fields. Not safe for threads.

    `bytes_max` bounds the numbers of all fields, `texts_max` the texts of each. `changed` is told
    how many bytes the numbers take whenever that changes.
    """

    def __init__(
        self,
        bytes_max: int,
        texts_max: int = TEXTS_KEPT,
        changed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._bytes_max = bytes_max
        self._texts_max = texts_max
        self._changed = changed
        self._of: dict[str, _Field] = {}
        self._term: Term | None = None
        self._numbered = 0

    def forget_others(self, tables: Iterable[Hashable]) -> None:
        """Keep numbers of these tables only: the others are no more."""
        left = frozenset(tables)
        for field in self._of.values():
            field.forget_others(left)
        self._changed(self._size)

    @property
    def _size(self) -> int:
        return sum(field.size for field in self._of.values())

    def has_numbers(self, column: str, table: Hashable) -> bool:
        """Tell whether the dictionary of a column of a table is numbered."""
        field = self._of.get(column)
        return field is not None and field.knows(table)

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
        numbers = field.numbers_of(dictionary)
        if numbers is None:
            if not self._may_number(dictionary.texts, sought.term):
                return None
            numbers = field.number(dictionary)
            if self._size > self._bytes_max or field.is_full:
                self._of[column] = _Field(0)
                self._changed(self._size)
                return None
            self._changed(self._size)
        holds = field.holds(sought)
        return np.flatnonzero(holds[numbers]).astype(np.uint32)

    def _may_number(self, texts: int, term: Term) -> bool:
        """Tell whether a pattern may number so many texts more; the first it may always."""
        if term is not self._term:
            self._term, self._numbered = term, 0
        may = self._numbered < _NUMBERED_MAX
        self._numbered += texts if may else 0
        return may


class _Field:
    """The texts of one column; with no room for texts it is `too_many`."""

    def __init__(self, texts_max: int) -> None:
        self.too_many = not texts_max
        self.words = Vocabulary(texts_max)
        self.size = 0
        self.is_full = False
        self._numbers: dict[Hashable, Array] = {}
        self._asked: OrderedDict[Hashable, Array] = OrderedDict()

    def knows(self, table: Hashable) -> bool:
        """Tell whether the texts of a table are numbered."""
        return table in self._numbers

    def numbers_of(self, dictionary: Dictionary) -> Array | None:
        """Return the number (u32) of each text of a dictionary, None before they are numbered."""
        return self._numbers.get(dictionary.table)

    def number(self, dictionary: Dictionary) -> Array:
        """Learn the texts of a dictionary and return the number (u32) of each."""
        numbers = self.words.numbers(split_texts(*dictionary.read()))
        self.is_full |= bool((numbers < 0).any())
        self.size += 4 * len(numbers)
        found = self._numbers[dictionary.table] = numbers.astype(np.uint32)
        return found

    def forget_others(self, tables: frozenset[Hashable]) -> None:
        """Keep the numbers of these tables only."""
        self._numbers = {key: found for key, found in self._numbers.items() if key in tables}
        self.size = sum(found.nbytes for found in self._numbers.values())

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
