"""Compiled inner loops: hashes and words of a whole batch in one call.

They are optional (ADR 16): where no C compiler was at hand `native` is None and the same is done in
Python, beside each use. What was built is believed only when it is of this version and answers as
hashlib does. To do without, remove `_native.abi3.so`.
"""

import hashlib
from array import array
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import numpy as np

    Tree = dict[str, "Tree | None"]
    Buffer = np.ndarray | array[int]

_VERSION = 17
"""Raised with every change of what the module offers."""


class Native(Protocol):
    """What is compiled. Each raises TypeError or ValueError for what it cannot take."""

    VERSION: int

    def commitments(self, seeds: list[bytes], rows: list[tuple[bytes, ...]], /) -> list[bytes]:
        """Return the commitment of each row (`merkle.commitment`)."""
        ...

    def commitments_at(self, seeds: bytes, data: bytes, begin: "Buffer", end: "Buffer", /) -> bytes:
        """Return the commitments of rows, joined: group g of row i is piece g x rows + i."""
        ...

    def sha256_rows(self, data: bytes, step: int, /) -> bytes:
        """Return the SHA-256 of each row of a table of rows of `step` bytes, joined."""
        ...

    def number(self, data: bytes, begin: "Buffer", end: "Buffer", /) -> tuple[bytes, bytes]:
        """Return the number of each piece (i32), and for each number where it came first (i64).

        Pieces are data[begin[i]:end[i]] (i64 each); equal ones have one number, from 0 on.
        """
        ...

    def join(
        self, head: bytes, data: "bytes | Buffer", begin: "Buffer", end: "Buffer", between: bytes,
        once: bool, /,
    ) -> bytes:  # fmt: skip
        """Return the head and the pieces, `between` between them; equal ones once, if asked for."""
        ...

    def sha256_each(self, items: list[bytes], /) -> list[bytes]:
        """Return the SHA-256 of each."""
        ...

    def sha256_pieces(
        self, head: bytes, data: bytes, begin: "Buffer", end: "Buffer", with_length: bool, /
    ) -> bytes:
        """Return the SHA-256 of the head, the length (u32) if asked for, and each piece, joined."""
        ...

    def hmac_each(self, key: bytes, label: bytes, messages: list[bytes], /) -> list[bytes]:
        """Return the HMAC-SHA-256 of label and message, of each; both at most 64 bytes."""
        ...

    def split(self, data: bytes, edges: "Buffer", /) -> list[bytes]:
        """Return the pieces between neighbours of these edges (i64), which ascend."""
        ...

    def bounds(self, data: bytes, rows: int, groups: int, in_planes: bool, /) -> bytes:
        """Return where texts begin, and at last where all end (i64), of lengths at the start.

        These are u32, group by group, in planes or not; the texts follow them, row by row if not.
        """
        ...

    def codes(
        self, values: list[Any], known: dict[Any, int], start: int, /
    ) -> tuple[bytes, list[Any]]:
        """Return the number of each value (i32) and the new values, numbered from `start` on.

        These are learned: `known` has them afterwards.
        """
        ...

    def cut(
        self, text: bytes, lexicon: set[bytes] | None, seen: "Buffer", /
    ) -> tuple[bytes, bytes]:
        """Return the distinct words of up to eight bytes and the numbers of longer ones, as u64.

        Adds lexical words to the lexicon (`index.words`). `seen` (2^n u64,
        zeros at first) remembers words that are in it already, and belongs to it.
        """
        ...

    def grams(self, text: bytes, marked: "Buffer", /) -> None:
        """Mark the numbers (`index.grams`) of a text in an array of 2^17 bits, lowest first."""
        ...

    def planes(
        self, data: "bytes | memoryview", width: int, count: int, unit: int, signed: bool,
        steps: bool, /,
    ) -> bytes:  # fmt: skip
        """Return numbers (u64) of `width` planes: all their lowest bytes, then the next.

        They are multiplied by `unit`; then the lowest bit is the sign if they are `signed` (i64);
        then each is added to the one before if they are `steps`. What is too large is cut off.
        """
        ...

    def seek(self, data: "bytes | Buffer", bounds: "Buffer", pieces: tuple[bytes, ...], /) -> bytes:
        """Return, for each text, 1 where a piece begins in it, case apart, or 0 (u8).

        Text i is data[bounds[i]:bounds[i + 1]]; pieces are lower-case ASCII. Marked too is a text
        with a backslash or a byte beyond ASCII.
        """
        ...

    def fields(
        self, data: bytes, begin: "Buffer", end: "Buffer", names: tuple[bytes, ...], kinds: bytes, /
    ) -> list[bytes | None] | None:
        """Return the fields of JSON objects, each data[begin[i]:end[i]]; nothing stands for {}.

        For each name two i64 an object, first one of each, then the other: of a text (kind `t`)
        where it begins and ends in the data, -1 where it is not there; of a whole number (`n`) its
        value and 1, or 0 and 0. None for a name that no object has. None for all when an object is
        not plain: has a blank, an escape, a list, a number beyond 18 digits, a value of another
        kind, a name that is not here or not in this order. UTF-8 is not looked at.
        """
        ...

    def paths(
        self, data: bytes, begin: "Buffer", end: "Buffer", paths: tuple[tuple[bytes, ...], ...], /
    ) -> tuple[bytes, list[bytes]]:
        """Return a state (u8) of each record data[begin[i]:end[i]], and the places of its values.

        A path is the keys that lead to a value. For each two i64 a record, first one of each, then
        the other: where the value begins and ends in the data as JSON, -1 where there is none, or
        null. State 0: the record is not plain and nothing is said of it (it is not one object as
        any parser reads it, or a list stands on a path); 1: it is; 2: it is if it is UTF-8.
        """
        ...

    def plant(self, tree: "Tree", probes: dict[str, Any] | None, /) -> object:
        """Make paths ready for `pruned`: keys, each with what is below it, None where one ends.

        With them the branches that `walk` takes, if there are any.
        """
        ...

    def pruned(
        self, record: bytes, paths: object, decode: Callable[[bytes], Any], /
    ) -> tuple[dict[str, Any], int] | None:
        """Return a JSON object with what stands at the paths that were planted, and nothing else.

        With it the bits that `walk` returns of it, for the branches that were planted. Where a path
        goes on and there is no object, the value is all of it. `decode` makes values of JSON other
        than texts and whole numbers. None when the record is not plain: nothing is said of it (it
        is not one object as any parser reads it, or has an escape in a key on the way, half a
        surrogate, a number with an exponent or of more than 18 characters, or is nested deeply).
        Raises what `decode` raises but ValueError.
        """
        ...

    def walk(self, native: dict[str, Any], branches: dict[str, Any], /) -> int:
        """Return the bits of the looks that a record passes (`compiled.tree`)."""
        ...

    def leaves(
        self, native: dict[str, Any], head: int, paths: tuple[tuple[str, ...], ...], longest: int, /
    ) -> tuple[int | str | None, ...] | None:
        """Return the head and what is at each path of a record (`compiled.path.leaves`)."""
        ...

    def ask(
        self, groups: list[Any], plan: tuple[Any, ...], here: set[str], /
    ) -> tuple[int, list[tuple[int, int, Any]]]:
        """Return the bits of the looks that texts and whole numbers pass (`compiled.probes`).

        For each group the plan has the names of its fields, and their probes. The other values are
        returned, with the places of group and field; of missing ones those that may be elsewhere.
        """
        ...

    def count(
        self, counts: "Buffer", keys: "tuple[tuple[Buffer, int, Buffer, int], ...]", /
    ) -> None:
        """Count rows in an array of cells (i64), one row of each key after the other.

        A key is codes, their width in bytes, ids (i64) by code, and its size; the product of sizes
        is the number of cells. An id from 0 on has the slot id + 2, the least two numbers there are
        the slots 0 and 1. When it raises, some rows may be counted.
        """
        ...

    def names(self, text: bytes, /) -> set[bytes] | None:
        """Return the texts (at most 64 bytes) that stand as `"text":` in it; None for very many."""
        ...


def _found() -> Native | None:
    try:
        module = cast("Native", import_module("whodid.native._native"))
    except ImportError:
        return None
    return module if _is_sound(module) else None


def _is_sound(module: Native) -> bool:
    """Tell whether it hashes as the standard says, at the lengths where padding changes, and joins.

    What it joins is stored in sealed files.
    """
    given = [bytes(range(size)) for size in (0, 31, 55, 56, 63, 64, 65, 119, 120, 200)]
    expected = [hashlib.sha256(data).digest() for data in given]
    if module.VERSION != _VERSION or module.sha256_each(given) != expected:
        return False
    text, begin, end = b"abcabcde", array("q", (0, 3, 6)), array("q", (3, 6, 8))
    every, once = (module.join(b"(", text, begin, end, b",", only) for only in (False, True))
    return (every, once) == (b"(abc,abc,de", b"(abc,de")


native = _found()
