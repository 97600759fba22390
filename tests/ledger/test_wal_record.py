import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import FormatError, IntegrityError
from whodid.ledger.wal_record import (
    FILE_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    FileHeader,
    encode_record,
    parse_file_header,
    parse_record,
)

LEDGER = bytes(range(16))
HEADER = FileHeader(LEDGER, 3, 77, b"h" * 32)


def record(body=b"body", **changes):
    parts = {"generation": 3, "lsn": 78, "durable": 77, "previous": b"p" * 32} | changes
    header, own = encode_record(
        LEDGER, parts["generation"], parts["lsn"], parts["durable"], parts["previous"], body
    )
    return header + body, own


def test_sizes_are_those_of_the_format():
    assert len(HEADER.encode()) == FILE_HEADER_BYTES == 128
    assert RECORD_HEADER_BYTES == 112


def test_a_file_header_comes_back():
    assert parse_file_header(HEADER.encode(), "f") == HEADER


@given(st.integers(0, FILE_HEADER_BYTES - 1), st.integers(1, 255))
def test_any_altered_byte_of_a_file_header_is_found(at, mask):
    data = bytearray(HEADER.encode())
    data[at] ^= mask
    with pytest.raises((IntegrityError, FormatError)):
        parse_file_header(bytes(data), "f")


@given(st.binary(max_size=200))
def test_hostile_file_headers(data):
    with pytest.raises((IntegrityError, FormatError)):
        parse_file_header(data, "f")


@given(st.binary(max_size=300), st.integers(0, 9))
def test_a_record_comes_back(body, before):
    data, own = record(body)
    found = parse_record(memoryview(b"\0" * before + data + b"rest"), before)
    assert found is not None
    assert (found.lsn, found.durable_lsn, found.generation) == (78, 77, 3)
    assert (found.body, found.hash, found.previous_hash) == (body, own, b"p" * 32)
    assert found.end == before + len(data)


@given(st.data())
def test_any_altered_byte_of_a_record_is_found(data):
    whole, _ = record(b"some body")
    at = data.draw(st.integers(0, len(whole) - 1))
    altered = bytearray(whole)
    altered[at] ^= data.draw(st.integers(1, 255))
    assert parse_record(memoryview(altered), 0) is None


def test_every_cut_of_a_record_is_found():
    whole, _ = record(b"some body")
    assert all(parse_record(memoryview(whole[:end]), 0) is None for end in range(len(whole)))
