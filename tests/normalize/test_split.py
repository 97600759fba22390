"""Bodies to records: verbatim, all framings, errors that name the place, bounds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import InputError, TooLargeError
from whodid.normalize.split import (
    lines_with_offsets,
    split_json,
    split_lines,
    split_with_offsets,
)

A = b'{"a": 1.0 , "b":"\\u00e9"}'
B = b'{"b":[1,2,{"c":null}]}'


@pytest.mark.parametrize(
    ("body", "key", "records"),
    [
        (A, None, [A]),
        (b"\xef\xbb\xbf " + A + b"\r\n", None, [A]),
        (b"[" + A + b" ,\n " + B + b"]", None, [A, B]),
        (b"[]", None, []),
        (A + b"\n\n" + B + b"\r\n", None, [A, B]),
        (A + b"\n{broken\n" + B, None, [A, b"{broken", B]),
        (b"{broken\n" + A, None, [b"{broken", A]),
        (b'{\n "a": 1,\n "b": {}\n}', None, [b'{\n "a": 1,\n "b": {}\n}']),
        (b'{"Records": [' + A + b", " + B + b"]}", "Records", [A, B]),
        (b'{"x":1,"Records":[]}', "Records", []),
        (A, "Records", [A]),
        (b'{"Records":"no list"}', "Records", [b'{"Records":"no list"}']),
        (A + b"\n" + b'{"Records":[1]}', "Records", [A, b'{"Records":[1]}']),
        (b'{"Records": [' + A + b"]}", None, [b'{"Records": [' + A + b"]}"]),
        (b"[1, null]", None, [b"1", b"null"]),
    ],
)
def test_framings(body, key, records):
    assert split_json(body, key) == records
    for offset, record in split_with_offsets(body, key):
        assert body[offset:].startswith(record) or body.startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"hello", "line 1"),
        (b"\x1f\x8b\x08\x00", "line 1"),
        (b'{"a":1', "truncated"),
        (b'{"a":1}{"b":2}', "byte 8"),
        (b'[{"a":1},', "truncated"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b'{\n"a": 1,\n"b": [', "truncated"),
    ],
)
def test_what_cannot_be_read_says_where(body, words):
    with pytest.raises(InputError, match=words):
        split_json(body)


@pytest.mark.parametrize("body", [b"[" + b"1," * 3_000_000 + b"1]", b"{}\n" * 2_000_000])
def test_a_body_of_tiny_values_is_refused_before_it_is_split(body):
    with pytest.raises(TooLargeError, match="smaller"):
        split_json(body)
    if body[:1] == b"{":
        with pytest.raises(TooLargeError):
            split_lines(body)


@pytest.mark.parametrize("escape", [rb"\ud800", rb"\uDFFF x", rb"\\\\\udc00", rb"\ud800\u0041"])
def test_half_of_a_surrogate_pair_spoils_its_own_record_only(escape):
    spoilt = b'{"user": "' + escape + b'"}'
    literal = rb'{"user": "\\ud800"}'
    records = [A, spoilt, literal, spoilt, A]
    assert split_json(b"[" + b", ".join(records) + b"]") == records
    assert split_json(b'{"Records": [' + b",".join(records) + b"]}", "Records") == records
    assert split_json(spoilt) == [spoilt]
    assert split_with_offsets(b"[" + spoilt + b"]") == [(1, spoilt)]
    with pytest.raises(InputError):
        split_json(b"[" + spoilt + b",}]")


def test_lines():
    body = b"a\r\n\nb\n\r\nc\rd"
    assert split_lines(body) == [b"a", b"b", b"c\rd"]
    assert lines_with_offsets(body, 100) == [(100, b"a"), (104, b"b"), (108, b"c\rd")]
    for offset, line in lines_with_offsets(body):
        assert body[offset:].startswith(line)


def test_offsets_of_equal_records_differ():
    body = b"[" + A + b"," + A + b"]"
    assert split_with_offsets(body, offset=7) == [(8, A), (9 + len(A), A)]


_values = st.dictionaries(st.text(max_size=5), st.integers() | st.text(), max_size=4)


@given(st.lists(_values, max_size=5), st.booleans())
def test_each_framing_gives_back_the_same_bytes(values, ascii_only):
    raws = [json.dumps(value, ensure_ascii=ascii_only).encode() for value in values]
    assert split_json(b"[" + b",".join(raws) + b"]") == raws
    assert split_json(b'{"Records":[' + b",".join(raws) + b"]}", "Records") == raws
    if raws:
        assert split_json(b"\n".join(raws)) == raws


@given(st.binary(max_size=200))
def test_garbage_gives_records_or_an_input_error(body):
    try:
        records = split_json(body, "Records")
    except InputError:
        return
    assert all(record in body for record in records)
