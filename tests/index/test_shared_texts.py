"""A pattern is asked once of each text, and the answer is that of every dictionary for itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.index import shared_texts
from whodid.index.dictionary import Sought, encode_texts
from whodid.index.shared_texts import SharedTexts
from whodid.query.match import value_predicate
from whodid.query.parse import parse
from whodid.query.tree import Pattern, Query, Term


class Dictionary:
    def __init__(self, texts):
        self._texts = texts
        self.table = object()
        self.reads = 0

    @property
    def texts(self):
        return len(self._texts)

    def read(self):
        self.reads += 1
        return encode_texts(self._texts)


def sought(text, asked=None):
    term = parse(f"resource:{text}").filter
    predicate = value_predicate(term)

    def holds(value):
        if asked is not None:
            asked.append(value)
        return predicate(value)

    pieces = [piece for piece in term.value.pieces if piece.isascii()]
    return Sought(term, holds, max(pieces, key=len, default=None) or None)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(shared_texts, "_TEXTS_MIN", 1)


texts = st.lists(st.text(alphabet="abKk\u212a/", max_size=6), min_size=1, max_size=8)


@given(st.lists(texts, min_size=1, max_size=5), st.sampled_from(["*ab*", "a*", "*k*b", "*"]))
def test_it_says_what_each_dictionary_would(dictionaries, text):
    patched = pytest.MonkeyPatch()
    patched.setattr(shared_texts, "_TEXTS_MIN", 1)
    try:
        common = SharedTexts(1 << 20)
        wanted = Sought(*_plain(text))
        for texts in dictionaries:
            found = common.matching("resource.name", Dictionary(texts), wanted)
            assert found.tolist() == [n for n, one in enumerate(texts) if wanted.holds(one)]
    finally:
        patched.undo()


def _plain(text):
    term = Term("resource", "has", Pattern(tuple(text.split("*"))))
    pieces = [piece for piece in term.value.pieces if piece]
    return term, value_predicate(term), max(pieces, key=len, default=None)


def test_a_text_that_segments_share_is_asked_once(short):
    asked = []
    common, wanted = SharedTexts(1 << 20), sought("*x*", asked)
    shared = [f"x{number}" for number in range(50)]
    one, other = Dictionary(shared), Dictionary([*shared[::-1], "new x"])
    assert len(common.matching("resource.name", one, wanted)) == 50
    assert len(common.matching("resource.name", other, wanted)) == 51
    assert sorted(asked) == sorted([*shared, "new x"])
    common.matching("resource.name", one, sought("*y*"))
    assert one.reads == 1


def test_too_many_texts_are_left_to_the_dictionaries(short):
    common, wanted = SharedTexts(1 << 20, texts_max=3), sought("*x*")
    assert common.matching("resource.name", Dictionary(["a", "x"]), wanted).tolist() == [1]
    assert common.matching("resource.name", Dictionary(["b", "c", "x"]), wanted) is None
    assert common.matching("resource.name", Dictionary(["a", "x"]), wanted) is None
    assert common.matching("action", Dictionary(["a", "x"]), wanted).tolist() == [1]


def test_too_many_numbers_are_left_to_the_dictionaries(short):
    common, wanted = SharedTexts(bytes_max=10), sought("*x*")
    assert common.matching("action", Dictionary(["a", "x"]), wanted) is not None
    assert common.matching("action", Dictionary(["a", "x"]), wanted) is None


def test_what_numbers_take_is_said_and_those_of_no_table_are_forgotten(short):
    said = []
    common, wanted = SharedTexts(1 << 20, changed=said.append), sought("*x*")
    one, other = Dictionary(["a", "x"]), Dictionary(["x", "b", "c"])
    for dictionary in (one, other, one, other):
        common.matching("action", dictionary, wanted)
    common.forget_others([other.table])
    assert said == [8, 20, 12]
    assert common.matching("action", other, wanted).tolist() == [0]
    assert common.matching("action", one, wanted).tolist() == [1]
    assert (one.reads, other.reads) == (2, 1)


def test_one_pattern_numbers_some_dictionaries_and_the_next_one_goes_on(short, monkeypatch):
    monkeypatch.setattr(shared_texts, "_NUMBERED_MAX", 3)
    common, dictionaries = SharedTexts(1 << 20), [Dictionary(["a", "x"]) for _ in range(3)]
    for text, known in (("*x*", 2), ("*a*", 3), ("*b*", 3)):
        wanted = sought(text)
        found = [common.matching("action", one, wanted) for one in dictionaries]
        assert [answer is not None for answer in found] == [True] * known + [False] * (3 - known)
    assert [one.reads for one in dictionaries] == [1, 1, 1]


def test_a_short_dictionary_is_asked_for_itself():
    assert SharedTexts(1 << 20).matching("action", Dictionary(["x"]), sought("*x*")) is None


def test_few_patterns_are_remembered(short):
    common, one = SharedTexts(1 << 20), Dictionary(["a", "x"])
    for number in range(40):
        common.matching("action", one, sought(f"*x{number}*"))
    assert len(common._of["action"]._asked) == shared_texts._PATTERNS_KEPT


@pytest.mark.parametrize("text", ["resource:*li*", "resource:~a.*e", "action:a*", "-resource:*x*"])
def test_searches_say_the_same(text, mixed_log, short):
    query = parse(text)
    page = mixed_log.searcher().search(
        Query(query.filter), limit=1000, durable=mixed_log.size, own=True
    )
    assert [(hit.time_us, hit.index) for hit in page.rows] == mixed_log.expected(query.filter)
    assert page.total_is_exact
    assert np.all(np.diff([hit.time_us for hit in page.rows]) <= 0)
