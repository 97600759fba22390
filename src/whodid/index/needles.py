"""What a search for words needs to find in the signature of a table, before any row is opened.

A needle never misses: a row in none of its blocks does not match. Whole words of the search are
looked up as words; of a piece beside a star the grams, and the piece itself in the lexicon, and
then the words it stands in. What has nothing of these (few digits, or digits and a to f in turn,
beside a star; other scripts; a regular expression) is no needle, and rows are opened.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct

from whodid.index.grams import gram_numbers
from whodid.index.signature import BLOCK_BITS, words_with
from whodid.index.table import Array, Table
from whodid.index.words import key_number, lexical, word_numbers
from whodid.query.match import term_columns
from whodid.query.tree import Node, Pattern, Term, Text
from whodid.query.words import pieces_of, within

YES = np.True_
NO = np.False_
_UNSAID = "none"
"""The text of `identity` that is not stored: it is the default."""

_WORD = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")
_CACHED = 256
_WORDS_MAX = 512
"""A piece that stands in more words than this is taken to stand in every block."""

_OPENED_MAX = 4
"""To open so many blocks is hardly dearer than to look into a lexicon."""


class Needle(Struct, frozen=True):
    """What a block must have, all: words, words like `4f3a` and grams by number, pieces of words.

    Each with those first that are likely to be rare: what is nowhere in a table ends the look.
    """

    words: tuple[int, ...]
    hexes: tuple[int, ...]
    grams: tuple[int, ...]
    pieces: tuple[bytes, ...]

    def blocks(self, table: Table) -> Array | None:
        """Return which of the 256 blocks may hold it, None when the table does not say."""
        found: Array = np.ones(256, dtype=np.bool_)
        said = False
        named = (("grams", self.grams), ("words", self.words), ("hexes", self.hexes))
        for name, numbers in named:
            for number in numbers:
                blocks = table.blocks(name, number)
                if blocks is not None:
                    found, said = found & blocks, True
                    if not found.any():
                        return found
        for piece in self.pieces:
            if said and np.count_nonzero(found) <= _OPENED_MAX:
                break
            blocks = _blocks_with(piece, table)
            if blocks is not None:
                found, said = found & blocks, True
        return found if said else None


def _blocks_with(piece: bytes, table: Table) -> Array | None:
    """Return which blocks may have a word with this piece, None when the table does not say."""
    lexicon = table.array("lexicon")
    return (
        None
        if lexicon is None
        else table.kept(("piece", piece), lambda: _search(lexicon, piece, table))
    )


def _search(lexicon: Array, piece: bytes, table: Table) -> Array:
    words = words_with(lexicon, piece)
    if len(words) > _WORDS_MAX:
        return np.ones(256, dtype=np.bool_)
    found: Array = np.zeros(256, dtype=np.bool_)
    for number in word_numbers(b" ".join(words))[0].tolist():
        blocks = table.blocks("words", number)
        assert blocks is not None
        found |= blocks
    return found


def rows_with(node: Text | Term, table: Table) -> Any:
    """Return the rows of a table that may match a search for text; YES for all of them."""
    needle = needle_of(node)
    blocks = None if needle is None else needle.blocks(table)
    if blocks is None:
        return YES
    return _rows(blocks, table)


def rows_with_value(column: str, value: str, table: Table) -> Any:
    """Return the rows that may have this value, case apart, in a keyed column; YES for all."""
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


def _rarity(word: str) -> tuple[bool, int, str]:
    """Put first what is likely to stand in few blocks: a number, a long word."""
    return not any(char.isdigit() for char in word), -len(word), word


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
    apart = [word_numbers(word.encode()) for word in sorted(set(whole), key=_rarity)]
    words = np.concatenate([found[0] for found in apart]) if apart else np.zeros(0, np.uint32)
    hexes = np.concatenate([found[1] for found in apart]) if apart else np.zeros(0, np.uint32)
    beside = " ".join(parts).encode()
    inside, grams = tuple(lexical(beside)), gram_numbers(beside)
    if not len(words) + len(hexes) + len(grams) + len(inside):
        return None
    return Needle(tuple(words.tolist()), tuple(hexes.tolist()), tuple(grams.tolist()), inside)
