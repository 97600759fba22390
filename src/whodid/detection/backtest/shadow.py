"""Columns as arrays (see `index.extract`) → what SQL over rules needs beside them.

Folded texts, and truths about texts, are made once for each distinct text of a table.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from whodid.detection.compiled.fields import Field, View
from whodid.detection.compiled.tests import compile_test
from whodid.detection.record import Record
from whodid.detection.rule import Test
from whodid.event import GROUPS
from whodid.index.dictionary import encode_texts

Arrays = Sequence[np.ndarray]
_TEXT, _TEXTS = 3, 4
_BETWEEN = "\0"


def distinct(arrays: Arrays) -> list[str]:
    """Return the texts of a column of texts or of lists of them; none for an empty one."""
    if not arrays:
        return []
    at, blob = arrays[-2], arrays[-1]
    data, ends = blob.tobytes(), at.tolist()
    return [data[begin:end].decode("utf-8", "replace") for begin, end in pairwise(ends)]


def folded(arrays: Arrays) -> Arrays:
    """Return the same column with every text in small letters, as closures compare them."""
    if not arrays:
        return arrays
    texts = distinct(arrays)
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) == len(texts) - 1:
        made = joined.lower().split(_BETWEEN)
    else:
        made = [text.lower() for text in texts]
    return [*arrays[:-2], *encode_texts(made)]


def truths(arrays: Arrays, rows: int, passes: Callable[[str], bool]) -> Arrays:
    """Return a column of states: whether the text, or one of the list, passes."""
    if not arrays:
        return [np.zeros(rows, dtype=np.uint8)]
    table = np.array([passes(text) for text in distinct(arrays)], dtype=np.uint8)
    if len(arrays) == _TEXT:
        return [np.concatenate((np.zeros(1, dtype=np.uint8), table))[arrays[0]]]
    offsets, numbers = arrays[0], arrays[1]
    before = np.concatenate(([0], np.cumsum(table[numbers.astype(np.intp)], dtype=np.int64)))
    return [(before[offsets[1:]] > before[offsets[:-1]]).astype(np.uint8)]


def passes(test: Test) -> Callable[[str], bool]:
    """Return what tells whether a text passes a test, by the closure that decides live."""
    now = [""]
    text = Field(0, lambda _view: (now[0],))
    holds = compile_test(test, lambda _name: text)
    record = Record(0, (b"",) * len(GROUPS), lambda _raw, _format: None)

    def passed(value: str) -> bool:
        now[0] = value
        return holds(View(record, None))

    return passed
