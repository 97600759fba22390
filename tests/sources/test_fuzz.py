"""10^5 hostile inputs for each reader; WHODID_SEED chooses them."""

import gzip
import io
import random

import pytest
import zstandard

from chance import SEED
from whodid.errors import InputError
from whodid.normalize.registry import FORMATS
from whodid.sources.decompress import Gunzip, Unzstd
from whodid.sources.file import read_file
from whodid.sources.http_records import records_of

pytestmark = pytest.mark.slow

COUNT = 100_000
TOKENS = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r\n", b" ", b"1", b'{"a":1}', b'"x"',
    b'"Records"', b'{"Records":[', b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"a" * 50,
    b"1e999",
    b'{"a":' * 70, b"[" * 2000, b"18446744073709551616", b"null", b"\xed\xa0\x80", b'"\\ud800"',
]  # fmt: skip
PACKED = [gzip.compress(b'{"a":1}\n' * 9), zstandard.compress(b'{"a":1}\n' * 9)]


@pytest.fixture(scope="module")
def dice():
    return random.Random(SEED)


def text(dice):
    return b"".join(dice.choices(TOKENS, k=dice.randrange(16)))


def mutated(dice):
    data = bytearray(dice.choice(PACKED) * dice.randrange(1, 3))
    for _ in range(dice.randrange(4)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data[: dice.randrange(len(data) + 1)])


def test_files(dice):
    for _ in range(COUNT):
        data = mutated(dice) if dice.random() < 0.1 else text(dice)
        fmt = dice.choice([None, *FORMATS])
        try:
            for chunk in read_file(io.BytesIO(data), "x", fmt):
                assert all(chunk.records)
                if data[:1] not in b"\x1f\x28":
                    for offset, record in zip(chunk.offsets, chunk.records, strict=True):
                        assert data[offset:].startswith(record)
        except InputError as error:
            named = str(error).startswith("x: ")
        else:
            named = True
        assert named


def test_bodies(dice):
    kinds = [b"", b"text/plain", b"application/json", b"application/x-ndjson"]
    for _ in range(COUNT):
        data = text(dice)
        try:
            records = records_of(data, dice.choice(kinds), dice.choice([None, *FORMATS]), FORMATS)
        except InputError:
            continue
        assert all(record in data for record in records)


def test_compressed_streams(dice):
    for _ in range(COUNT):
        data = mutated(dice)
        one = Gunzip() if dice.random() < 0.5 else Unzstd(1 << 23)
        try:
            size = sum(map(len, one.feed(data)))
            one.finish()
        except InputError:
            continue
        assert size == one.produced
        assert one.consumed == len(data)
