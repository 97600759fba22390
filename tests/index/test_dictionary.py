"""Which texts of a dictionary have a piece, in compiled code and without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.index.dictionary import containing, encode_texts
from whodid.ledger import marked

TEXTS = st.lists(st.text(alphabet='aAbBkK1\\"\u212aé\0', max_size=8), max_size=12)
PIECES = st.text(alphabet="abk1", min_size=1, max_size=3)


class Texts:
    def __init__(self, texts):
        self._at, self._blob = encode_texts(texts)

    def at(self):
        return self._at

    def blob(self):
        return self._blob


@given(TEXTS, PIECES)
def test_all_that_have_a_piece_are_found(texts, piece):
    def has(text):
        return piece in text.casefold()

    expected = [has(text) for text in texts]
    assert containing(Texts(texts), piece, has).tolist() == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marked, "native", None)
        assert containing(Texts(texts), piece, has).tolist() == expected


def test_few_are_asked():
    asked = []
    texts = [f"/srv/{number}" for number in range(300)] + ["/SRV/x17", "é"]
    found = containing(Texts(texts), "v/x1", lambda text: asked.append(text) or "x1" in text)
    assert np.flatnonzero(found).tolist() == [300]
    assert asked == ["/SRV/x17", "é"]
