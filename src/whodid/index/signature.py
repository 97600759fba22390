"""The signature of a table: which words there are, and in which blocks of entries each stands.

Four arrays beside the columns (see `columns`), all a superset of what is there:

* `words`: ascending u32, each a number of `words` (22 bits) above a block (8 bits). A block is 256
  entries, counted modulo 256: that is what one frame of payload holds;
* `hexes`: the same for words like `4f3a`. Where identifiers make them many it is left out, and
  such a word says nothing;
* `grams`: the same for five digits, or five letters up to f, in a row (see `grams`, 17 bits);
* `lexicon`: the words themselves, in order, a line feed before, between and behind them (u8). It is
  left out where they are too many or too long, and then says nothing.

The word 0 stands in blocks with more words than are kept: they may hold any.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from whodid.index.grams import GRAM_BITS, Grams
from whodid.index.words import (
    NUMBER_BITS,
    Cut,
    Lexicon,
    cut_some,
    distinct,
    key_numbers,
    numbers_of,
    searched,
)
from whodid.ledger.pieces import Grid, Pieces
from whodid.limits import (
    INDEX_BLOCK_WORDS_MAX,
    INDEX_LEXICON_BYTES_MAX,
    INDEX_LEXICON_WORDS_MAX,
)

Array = np.ndarray

BLOCK_BITS = 8
_BLOCKS = 256
_PIECE_BYTES = 96 * 1024
_WORD_BYTES = 120
_PIECES_MAX = 64
_SHIFT, _LOW = np.uint64(BLOCK_BITS), np.uint64(_BLOCKS - 1)

PAIRED = {"words": NUMBER_BITS, "hexes": NUMBER_BITS, "grams": GRAM_BITS}
"""The arrays of numbers in blocks, and how many bits a number has."""

NAMES = (*PAIRED, "lexicon")
"""The arrays of a signature."""


def pairs(numbers: Array, blocks: Array | int) -> Array:
    """Return words in blocks as they are stored."""
    return numbers << np.uint32(BLOCK_BITS) | np.asarray(blocks, dtype=np.uint32)


class _Block:
    """The distinct words and grams of the entries of one block while they are added."""

    __slots__ = ("_long", "_short", "grams")

    def __init__(self) -> None:
        self._short: list[Array] = []
        self._long: list[Array] = []
        self.grams = Grams()

    def add(self, words: Cut) -> None:
        self._short.append(words.short)
        self._long.append(words.long)
        if len(self._short) > _PIECES_MAX:
            self._short = [distinct(np.concatenate(self._short))]
            self._long = [distinct(np.concatenate(self._long))]

    def numbers(self) -> dict[str, Array]:
        """Return the numbers of each array."""
        words, hexes = numbers_of(distinct(np.concatenate(self._short)))
        every = distinct(np.concatenate((words, *self._long)))
        return {"words": every, "hexes": hexes, "grams": self.grams.numbers()}

    def __bool__(self) -> bool:
        return bool(self._short)


class SignatureBuilder:
    """Grows by texts, entry after entry. `size_bytes` bounds what it holds."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Array]] = {name: [] for name in PAIRED}
        self._lexicon: Lexicon | None = Lexicon()
        self._number = -1
        self._block = _Block()
        self.size_bytes = 0

    def add(self, indexes: Array, parts: Sequence[Grid]) -> None:
        """Add the texts of entries at ascending indexes: grids whose rows are those entries'."""
        if not len(indexes):  # of a run of entries that are no events
            return
        numbers = indexes >> BLOCK_BITS
        edges = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
        for start, end in zip(edges, [*edges[1:], len(indexes)], strict=True):
            self._enter(int(numbers[start]))
            for grid in parts:
                for piece in _pieces(grid.part(slice(start, end))):
                    self._add_text(searched(piece))

    def _enter(self, number: int) -> None:
        if number != self._number:
            self._leave()
            self._number = number

    def _add_text(self, text: bytes) -> None:
        self._block.grams.add(text)
        lexicon = self._lexicon
        if lexicon is None:
            self._block.add(cut_some(text))
            return
        known = len(lexicon.words)
        self._block.add(lexicon.cut(text))
        self.size_bytes += _WORD_BYTES * (len(lexicon.words) - known)
        if len(lexicon.words) > INDEX_LEXICON_WORDS_MAX:
            self._lexicon = None

    def _leave(self) -> None:
        if not self._block:
            return
        block = self._number & (_BLOCKS - 1)
        for name, found in self._block.numbers().items():
            few = len(found) <= INDEX_BLOCK_WORDS_MAX
            numbers = found if few else np.zeros(1, dtype=np.uint32)
            self._kept[name].append(pairs(numbers, block))
            self.size_bytes += 4 * len(numbers)
        self._block = _Block()

    def finish(self, rows: int, keys: Iterable[Array]) -> dict[str, Array]:
        """Return the arrays of so many entries; `keys` are the pairs of values in fields."""
        self._leave()
        kept = self._kept
        arrays = {
            "words": distinct(_joined([*kept["words"], *keys])),
            "grams": distinct(_joined(kept["grams"])),
        }
        if self._lexicon is not None:
            arrays |= _lexicon(self._lexicon.words)
        hexes = distinct(_joined(kept["hexes"]))
        if len(hexes) <= rows:
            arrays["hexes"] = hexes
        return arrays


def _lexicon(words: set[bytes]) -> dict[str, Array]:
    """Return the array of a lexicon, none for one that is too large."""
    text = b"\n".join((b"", *sorted(words), b""))
    if len(words) > INDEX_LEXICON_WORDS_MAX or len(text) > INDEX_LEXICON_BYTES_MAX:
        return {}
    return {"lexicon": np.frombuffer(text, dtype=np.uint8)}


def words_with(lexicon: Array, piece: bytes) -> list[bytes]:
    """Return the words of a lexicon in which a piece stands."""
    text = lexicon.tobytes()
    found = []
    at = text.find(piece)
    while at >= 0:
        end = text.index(b"\n", at)
        found.append(text[text.rindex(b"\n", 0, at) + 1 : end])
        at = text.find(piece, end)
    return found


def _joined(parts: Sequence[Array]) -> Array:
    return np.concatenate([np.zeros(0, dtype=np.uint32), *parts])


def _pieces(grid: Grid) -> Iterator[Pieces]:
    """Cut the texts of some entries into pieces that the processor's cache holds."""
    size = int(grid.sizes.sum())
    rows = max(1, grid.rows * _PIECE_BYTES // max(size, 1))
    for at in range(0, grid.rows, rows):
        yield grid.part(slice(at, at + rows)).all()


def value_keys(name: str, codes: Array, blocks: Array, folded: Sequence[bytes]) -> Array:
    """Return the pairs of the texts of a column: `codes`, from 1 on, in `blocks`; 0 is no text."""
    both = distinct(codes.astype(np.uint64) << _SHIFT | blocks.astype(np.uint64))
    code = both >> _SHIFT
    here = code > 0
    numbers = key_numbers(name, folded)
    return pairs(numbers[(code[here] - np.uint64(1)).astype(np.intp)], both[here] & _LOW)


def list_keys(
    name: str, codes: Array, blocks: Array, bounds: Array, flat: Array, folded: Sequence[bytes]
) -> Array:
    """Return the pairs of the texts of a column of several texts (see `columns`)."""
    both = distinct(codes.astype(np.uint64) << _SHIFT | blocks.astype(np.uint64))
    both = both[both >> _SHIFT > 0]
    lists = (both >> _SHIFT).astype(np.intp)
    edges = bounds.astype(np.int64)
    sizes = edges[lists] - edges[lists - 1]
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    numbers = flat[np.repeat(edges[lists - 1], sizes) + within].astype(np.int64) + 1
    return value_keys(name, numbers, np.repeat(both & _LOW, sizes), folded)


def merged(tables: Sequence[dict[str, Array | None]]) -> dict[str, Array]:
    """Return the signature of adjacent tables together; none when one of them has none."""
    if any(arrays.get("words") is None for arrays in tables):
        return {}

    def all_of(name: str) -> list[Array]:
        return [found for arrays in tables if (found := arrays.get(name)) is not None]

    result = {name: distinct(_joined(all_of(name))) for name in ("words", "grams")}
    lexicons = all_of("lexicon")
    if len(lexicons) == len(tables):
        result |= _lexicon({word for one in lexicons for word in one.tobytes().split()})
    hexes = all_of("hexes")
    if len(hexes) == len(tables):
        result["hexes"] = distinct(_joined(hexes))
    return result


def same_signature(name: str, one: Array | None, other: Array | None) -> bool:
    """Tell whether two arrays of this name say the same, where both say anything.

    What words are too many depends on how entries came together: such blocks are left out.
    """
    if one is None or other is None:
        return name == "hexes" or (one is None and other is None)
    if name in PAIRED:
        open_to_all = np.zeros(_BLOCKS, dtype=np.bool_)
        for array in (one, other):
            open_to_all |= blocks_of(array, 0)
        one, other = (part[~open_to_all[part & np.uint32(_BLOCKS - 1)]] for part in (one, other))
    return bool(np.array_equal(one, other))


def blocks_of(stored: Array, number: int) -> Array:
    """Return, for each of the 256 blocks, whether a word may stand in it."""
    found = np.zeros(_BLOCKS, dtype=np.bool_)
    least = number << BLOCK_BITS
    edges = np.array((0, _BLOCKS, least, least + _BLOCKS), dtype=np.uint32)
    start, end, low, high = stored.searchsorted(edges).tolist()
    for few in (stored[start:end], stored[low:high]):
        if len(few):
            found[few & np.uint32(_BLOCKS - 1)] = True
    return found
