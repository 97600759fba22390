"""The parts that make a page: inert text, laid out records, links, errors."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import QueryError
from whodid.event import Redaction
from whodid.limits import WEB_LINK_VALUE_CHARS_MAX, WEB_RAW_BYTES_SHOWN
from whodid.query.parse import parse
from whodid.query.tree import Term
from whodid.web.inert import inert, inert_lines
from whodid.web.links import exact_term, search_url, text_of
from whodid.web.query_error import show
from whodid.web.raw_record import raw_view

TEXT = st.text() | st.text("<>&\"'\x00\x1b\u202e\n\ta")


@given(TEXT)
def test_inert_text_prints_and_cannot_open_a_tag(text):
    for filter_, kept in ((inert, ""), (inert_lines, "\n\t")):
        made = filter_(text)
        plain = re.sub(r'<span class="mark" title="[^"<>]*">([^<>]*)</span>', r"\1", made)
        assert not re.search(r"[<>\"']", plain)
        assert all(char.isprintable() or char in kept for char in made)
        made.encode()


def test_inert_marks():
    assert inert("<b>\u202egnp.exe") == (
        '&lt;b&gt;<span class="mark" title="U+202E, does not print">U+202E</span>gnp.exe'
    )
    assert "␛" in inert("\x1b[31m")
    assert len(inert("\0" * 100_000)) < 200
    assert inert_lines("a\n\tb") == "a\n\tb"
    assert "␊" in inert("a\nb")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), JSON) | st.lists(JSON), st.sampled_from([None, 2]), st.booleans())
def test_laid_out_json_is_the_same_json(value, indent, ascii_):
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_).encode("utf-8", "replace")
    view = raw_view(raw, ())
    text = "".join(piece.text for piece in view.pieces)
    assert view.is_json
    assert not view.cut
    assert json.loads(text) == json.loads(raw)


def test_laid_out_json_keeps_what_decoding_would_lose():
    raw = b'{"n":1e400,"n":12345678901234567890,"s":"\\u0041","e":{},"a":[],"d":[{}]}'
    text = "".join(piece.text for piece in raw_view(raw, ()).pieces)
    assert (
        text
        == (
            '{\n  "n": 1e400,\n  "n": 12345678901234567890,\n  "s": "\\u0041",\n  "e": {},\n'
            '  "a": [],\n  "d": [\n    {}\n  ]\n}'
        )
        or not raw_view(raw, ()).is_json
    )


def test_redactions_are_marked_in_place():
    raw = b'{"a":"xx[redacted]yy","b":"[redacted]"}'
    for record in (raw, b"!" + raw):
        places = (record.index(b"["), record.rindex(b"["))
        two = [Redaction(at, 10, rule) for at, rule in zip(places, ("one", "two"), strict=True)]
        view = raw_view(record, two)
        assert view.is_json is (record == raw)
        marked = [(p.text, p.rule) for p in view.pieces if p.kind == "redacted"]
        assert marked == [("[redacted]", "one"), ("[redacted]", "two")]


@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300))))
def test_any_record_with_any_spans_is_shown_whole(raw, spans):
    view = raw_view(raw, [Redaction(at, length, "r") for at, length in spans])
    shown = "".join(piece.text for piece in view.pieces)
    if not view.is_json:
        assert shown == raw.decode("utf-8", "backslashreplace") or spans


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"a":' * 5000, b"[" * 100_000, b"\xff\xfe{}", b'{"a":"\xff"}', b"{}}"]
)
def test_broken_records_are_text(raw):
    assert not raw_view(raw, ()).is_json


def test_a_long_record_is_cut():
    view = raw_view(json.dumps(["x" * 50] * 5000).encode(), ())
    assert view.cut
    assert sum(len(piece.text) for piece in view.pieces) < 2 * WEB_RAW_BYTES_SHOWN


@given(st.text(max_size=40))
def test_a_linked_value_is_found_by_its_link(value):
    for field in ("actor", "resource", "source", "action", "actor.session"):
        term = exact_term(field, value)
        if term is None:
            assert not value or not value.isprintable()
            continue
        assert parse(text_of([term])).filter == Term(field, "has", value)


def test_no_link_for_what_cannot_be_searched():
    assert exact_term("actor", "a\nb") is None
    assert exact_term("actor", "x" * (WEB_LINK_VALUE_CHARS_MAX + 1)) is None
    assert exact_term("ip", "not an address") is None
    assert exact_term("message", "words") is None
    assert exact_term("rows", None) is None
    assert text_of([exact_term("ip", "2001:DB8::1")]) == "ip:2001:db8::1"


def test_urls_quote_everything():
    assert search_url('a"&<#b', own=True) == "/?q=a%22%26%3C%23b&own=1"
    assert search_url("") == "/"


@given(st.text(max_size=100), st.integers(-5, 200), st.none() | st.text(max_size=8))
def test_any_error_can_be_shown(text, position, suggestion):
    shown = show(text, QueryError("bad", position, suggestion))
    assert shown.caret == " " * len(shown.before) + "^"
    assert "\n" not in shown.before + shown.at + shown.after
