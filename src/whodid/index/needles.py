"""What a search for words needs to find in the signature of a table, before any row is opened.

A needle never misses: a row in none of its blocks does not match. Whole words of the search are
looked up as words; pieces beside a star by their letters, three in a row. What has neither (a short
piece, other scripts, a regular expression) is no needle, and rows are opened.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct

from whodid.index.columns import KEYED
from whodid.index.signature import BLOCK_BITS, LETTER_BITS
from whodid.index.table import Array, Table
from whodid.index.words import cut, key_number, word_numbers
from whodid.query.match import term_columns
from whodid.query.tree import Node, Pattern, Term, Text
from whodid.query.words import pieces_of, within

YES = np.True_
NO = np.False_
_UNSAID = "none"
"""The text of `identity` that is not stored: it is the default."""

_WORD = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")
_CACHED = 256


class Needle(Struct, frozen=True):
    """Numbers (`words`) of which a block must have all: words, words like `4f3a`, letters."""

    words: tuple[int, ...]
    hexes: tuple[int, ...]
    letters: tuple[int, ...]

    def blocks(self, table: Table) -> Array | None:
        """Return which of the 256 blocks may hold it, None when the table does not say."""
        found: Array = np.ones(256, dtype=np.bool_)
        said = False
        for name, numbers in (("words", self.words), ("hexes", self.hexes)):
            for number in numbers:
                blocks = table.blocks(name, number)
                if blocks is not None:
                    found, said = found & blocks, True
                    if not found.any():
                        return found
        letters = table.array("letters") if self.letters else None
        if letters is not None:
            bits = np.bitwise_and.reduce(letters[list(self.letters)])
            coarse = bits >> np.arange(64, dtype=np.uint64) & np.uint64(1) != 0
            found, said = found & np.repeat(coarse, 1 << (LETTER_BITS - BLOCK_BITS)), True
        return found if said else None


def rows_with(node: Text | Term, table: Table) -> Any:
    """Return the rows of a table that may match a search for text; YES for all of them."""
    needle = needle_of(node)
    blocks = None if needle is None else needle.blocks(table)
    if blocks is None:
        return YES
    return _rows(blocks, table)


def rows_with_value(column: str, value: str, table: Table) -> Any:
    """Return the rows that may have this value, case apart, in a column; YES for all of them."""
    if column not in KEYED:
        return YES
    blocks = table.blocks("words", key_number(column, value))
    return YES if blocks is None else _rows(blocks, table)


def _rows(blocks: Array, table: Table) -> Any:
    if not blocks.any():
        return NO
    first = table.first >> BLOCK_BITS
    last = (table.first + table.count - 1) >> BLOCK_BITS
    within_table = blocks[np.arange(first, last + 1) & 0xFF]
    rows: Array = np.repeat(within_table, 1 << BLOCK_BITS)
    start = table.first - (first << BLOCK_BITS)
    return rows[start : start + table.count]


def needle_of(node: Node) -> Needle | None:
    """Return the needle of a text, or of a term that names a text; None when it has none."""
    if isinstance(node, Text):
        return None if within(node.value)(_UNSAID) else _needle(node.value)
    if not isinstance(node, Term) or node.op not in {"has", "is"}:
        return None
    if not isinstance(node.value, str | Pattern) or "identity" in term_columns(node):
        return None
    return _needle(node.value)


@lru_cache(maxsize=_CACHED)
def _needle(value: str | Pattern) -> Needle | None:
    whole: list[str] = []
    parts: list[str] = []
    pieces = pieces_of(value)
    for number, piece in enumerate(pieces):
        text = "".join(char if char in _WORD else " " for char in piece)
        runs = text.split()
        if runs and number and not text.startswith(" "):
            parts.append(runs.pop(0))
        if runs and number + 1 < len(pieces) and not text.endswith(" "):
            parts.append(runs.pop())
        whole += runs
    words, hexes = word_numbers(" ".join(whole).encode())
    letters = np.flatnonzero(cut(" ".join(parts).encode()).letters())
    if not len(words) + len(hexes) + len(letters):
        return None
    return Needle(tuple(words.tolist()), tuple(hexes.tolist()), tuple(letters.tolist()))
