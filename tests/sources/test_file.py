import gzip
import hashlib
import io
import json
import os
import tracemalloc
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import InputError
from whodid.limits import RECORD_BYTES_MAX, RECORD_KEPT_BYTES
from whodid.normalize.format import RecordsKey
from whodid.normalize.registry import format_by_name
from whodid.sources import json_stream
from whodid.sources.file import open_input, read_file
from whodid.sources.found import Found
from whodid.sources.json_stream import JsonStream
from whodid.sources.lines import Lines

DATA = Path(__file__).resolve().parents[2] / "../shared/data"

ROWS = [
    b'{"a":1,"s":"x\\"}{]["}',
    b'{"a":{"b":[1,2,{}]}}',
    b'{"a":"\xc3\xa9","n":9223372036854775808}',
]


class Dribble(io.RawIOBase):
    """A stream that gives its bytes in the given portions."""

    def __init__(self, data, cuts):
        cuts = sorted(cuts)
        self.parts = [
            data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b
        ]

    def read(self, size=-1):
        return self.parts.pop(0) if self.parts else b""


def read(data, fmt=None, **options):
    """[(offset, record)] and the error, if any."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    placed, error = [], None
    try:
        for chunk in read_file(stream, "in.log", fmt, **options):
            assert len(chunk.records) == len(chunk.offsets)
            placed += zip(chunk.offsets, chunk.records, strict=True)
    except InputError as caught:
        error = str(caught)
        assert error.startswith("in.log")
    return placed, error


def check(data, records, fmt=None):
    """The records are these, each where it stands in the plain bytes."""
    placed, error = read(data, fmt)
    assert error is None
    assert [record for _, record in placed] == records
    for offset, record in placed:
        assert data[offset:].startswith(record)


DOCUMENTS = {
    "array": b"[" + b" ,\n".join(ROWS) + b" ]\n",
    "trail": b'{"Records":[' + b",".join(ROWS) + b"]}",
    "trail, more fields": b'{"v":[1],"Records" :\n [' + b",".join(ROWS) + b'],"z":{"Records":1}}',
    "two on a line": b'{"Records":[' + ROWS[0] + b']}{"Records":[' + b",".join(ROWS[1:]) + b"]}",
    "pretty": b"\xef\xbb\xbf" + b"\n".join(row.replace(b",", b",\n ") for row in ROWS[:1]),
    "ndjson": b"\n".join(ROWS),
    "ndjson crlf": b"\r\n\r\n".join(ROWS) + b"\r\n",
    "ndjson bom": b"\xef\xbb\xbf" + b"\n".join(ROWS) + b"\n",
    "blank start": b" \n\n" + b"\n".join(ROWS),
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("fmt", [None, "json", "cloudtrail"])
def test_json_documents(name, fmt):
    data = DOCUMENTS[name]
    rows = [data[3:]] if name == "pretty" else ROWS
    if fmt == "json" and name.startswith(("trail", "two")):
        return  # that format has no key of records: the document is one record
    check(data, rows, None if fmt is None else format_by_name(fmt))


def test_without_a_records_key_a_document_is_a_record():
    data = b'{"Records":[{"a":1}]}\n'
    check(data, [data.strip()], format_by_name("json"))


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b"\n\r\n  \n", []),
        (b"one", [b"one"]),
        (b"one\r\ntwo\n\nthree\r\n", [b"one", b"two", b"three"]),
        (b"\x00\x00nul\n\xff\xfe", [b"\x00\x00nul", b"\xff\xfe"]),
        (b"[Mon Nov 22] x\n[Tue] y", [b"[Mon Nov 22] x", b"[Tue] y"]),
        (b'{"a":1}\n{broken\n{"b":2}\n', [b'{"a":1}', b"{broken", b'{"b":2}']),
        (b'{"cut": "by ro\n{"b":2}\n{"c":3}', [b'{"cut": "by ro', b'{"b":2}', b'{"c":3}']),
        (b'"cut": 1}\n{"b":2}\n', [b'"cut": 1}', b'{"b":2}']),
        (b'{\n"a": 1}\n{\n"b": [\n]}', [b'{\n"a": 1}', b'{\n"b": [\n]}']),
        (b'{\n"a": 1},\nnoise\n{\n"b": 2}', [b'{\n"a": 1}', b"noise", b'{\n"b": 2}']),
        (b'[{"a":1} junk, 7 ,"x",,[1,2],null]', [b'{"a":1} junk', b"7", b'"x"', b"[1,2]", b"null"]),
        (b'[]{"a":1}', [b'{"a":1}']),
        (b'{"Records":[]}', []),
        (b'{"x\\"Records":[1]}', [b'{"x\\"Records":[1]}']),
        (b'{"Records":5}\n{"Records":{"a":[]}}', [b'{"Records":5}', b'{"Records":{"a":[]}}']),
    ],
)  # fmt: skip
def test_bytes_of_all_kinds(data, records):
    check(data, records)


@pytest.mark.parametrize(
    ("data", "records", "words"),
    [
        (b'[{"a":1},{"b":', [b'{"a":1}'], "cut off at byte 14; a record begins at byte 9"),
        (b'[{"a":1},{"b":2}', [b'{"a":1}', b'{"b":2}'], "cut off at byte 16"),
        (b'{"Records":[{"a":1},', [b'{"a":1}'], "cut off at byte 20"),
        (b'[{"a":1},{"b":"x\n"},{"c":1}]', [b'{"a":1}'], "byte 16"),
        (b'[{"a":1},{"b":"\\\n"},{"c":1}]', [b'{"a":1}'], "byte 15"),
        (b'[{"a":1}}', [], "byte 8"),
        (b"{" * 9 + b"\n", [], "cut off"),
        (b"\xff\xfe{\x00", [], "UTF-16"),
    ],
)
def test_broken_documents_name_the_place(data, records, words):
    placed, error = read(data)
    assert [record for _, record in placed] == records
    assert words in error


TRICKY = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r\n", b" ", b"1", b'{"a":1}', b'"x"',
    b'"Records"', b'{"Records":[', b"\x00", b"\xff", b"\xef\xbb\xbf", b"a", b'{"a":"\\"}"}', b"\t",
]  # fmt: skip


@given(
    parts=st.lists(st.sampled_from(TRICKY), max_size=40),
    cuts=st.lists(st.integers(0, 120), max_size=10),
    fmt=st.sampled_from([None, "json", "cloudtrail"]),
)
@settings(max_examples=250, deadline=None)
def test_any_chunking_gives_the_same_records(parts, cuts, fmt):
    data = b"".join(parts)
    chosen = None if fmt is None else format_by_name(fmt)
    whole = read(data, chosen)
    cuts = [min(cut, len(data)) for cut in cuts]
    assert read(Dribble(data, cuts), chosen) == whole
    assert read(Dribble(data, range(len(data))), chosen, chunk_records=1) == whole
    for offset, record in whole[0]:
        assert data[offset:].startswith(record)
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        for packed in (gzip.compress(data, 1), zstandard.compress(data)):
            assert read(packed, chosen) == whole


@given(
    parts=st.lists(st.sampled_from(TRICKY), max_size=40),
    framing=st.sampled_from([Lines, lambda: JsonStream([RecordsKey("Records")])]),
    cut=st.integers(0, 100),
)
@settings(max_examples=150, deadline=None)
def test_framings_fed_in_two_parts(parts, framing, cut):
    data = b"".join(parts)

    def framed(*pieces):
        found, one = Found(), framing()
        try:
            for piece in pieces:
                one.feed(piece, found)
            one.finish(found)
        except InputError as error:
            return found.records, found.offsets, str(error)
        return found.records, found.offsets, None

    assert framed(data) == framed(data[:cut], data[cut:])


@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    indent=st.sampled_from([None, 1]),
    fast=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_elements_are_found_verbatim_with_and_without_the_decoder(value, indent, fast):
    texts = [json.dumps({"k": value}, indent=indent, ensure_ascii=False).encode(), b'{"b":0}']
    data = b"[" + b" , ".join(texts) + b"]" + texts[0]
    found = Found()
    with pytest.MonkeyPatch.context() as patch:
        if not fast:
            patch.setattr(json_stream, "_after_value", lambda piece, at: 0)
        framing = JsonStream([RecordsKey("Records")])
        framing.feed(data, found)
        framing.finish(found)
    assert found.records == [*texts, texts[0]]


def test_the_decoder_says_where_a_value_ends():
    """Else documents are read ten times as slowly."""
    assert json_stream._after_value(b'[{"a":"\xff"} \n, 2]', 1) == 12
    assert json_stream._after_value(b'{"a":1}', 0) == 0
    assert json_stream._after_value(b'{"a":' * 100_000, 0) == 0


def test_chunks():
    data = b"".join(b'{"action":%d}\n' % n for n in range(2500))
    chunks = list(read_file(io.BytesIO(data), "x"))
    assert [len(chunk.records) for chunk in chunks] == [1000, 1000, 500]
    assert {chunk.fingerprint for chunk in chunks} == {hashlib.sha256(b'{"action":0}').hexdigest()}
    assert {chunk.format.name for chunk in chunks} == {"json"}
    assert chunks[-1].read_bytes == len(data)
    assert list(read_file(io.BytesIO(b""), "x")) == []


def test_large_records_make_smaller_chunks():
    row = b'{"a":"' + b"x" * 200_000 + b'"}'
    sizes = [
        sum(map(len, chunk.records)) for chunk in read_file(io.BytesIO(b"\n".join([row] * 60)), "x")
    ]
    assert len(sizes) > 1
    assert max(sizes) < 8 << 20


def test_format_of_a_file():
    trail = b'{"eventSource":"s3","eventName":"Get","eventTime":"2023-01-01T00:00:00Z"}'
    (chunk,) = read_file(io.BytesIO(b"noise\n" + trail), "x")
    assert chunk.format.name == "cloudtrail"
    (chunk,) = read_file(io.BytesIO(b"\x01\x02"), "x")
    assert chunk.format is None
    (chunk,) = read_file(io.BytesIO(trail), "x", format_by_name("json"))
    assert chunk.format.name == "json"


def test_compressed_copies_have_the_same_identity():
    data = b"\n".join(ROWS * 50)
    plain, packed, half = (
        list(read_file(io.BytesIO(b), "x"))
        for b in (data, gzip.compress(data), gzip.compress(data[:77]) + gzip.compress(data[77:]))
    )
    for chunks in (packed, half):
        assert [(c.records, c.offsets, c.fingerprint) for c in chunks] == [
            (c.records, c.offsets, c.fingerprint) for c in plain
        ]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("joined", [b"\n", b","])
def test_truncated_streams_give_what_is_whole_and_name_the_place(pack, joined):
    rows = [b'{"n":%d,"x":"%s"}' % (n, hashlib.sha256(b"%d" % n).hexdigest().encode())
            for n in range(3000)]  # fmt: skip
    data = b"[" * (joined == b",") + joined.join(rows) + b"]" * (joined == b",")
    packed = pack(data)
    most = 0
    for cut in range(9, len(packed), len(packed) // 23):
        placed, error = read(packed[:cut])
        assert f"cut off at compressed byte {cut}, decompressed byte " in error
        assert [record for _, record in placed] == rows[: len(placed)]
        most = max(most, len(placed))
    assert most > 1000
    placed, error = read(packed + b"rubbish")
    assert len(placed) >= 2999
    assert "broken" in error


def test_broken_checksum():
    packed = bytearray(gzip.compress(b"\n".join(ROWS)))
    packed[-6] ^= 1
    assert "incorrect data check" in read(bytes(packed))[1]


def test_open_input(tmp_path, monkeypatch):
    for name in (str(tmp_path), str(tmp_path / "none"), "a\0b"):
        with pytest.raises(InputError, match=r"directory|cannot be opened"):
            open_input(name)
    file = tmp_path / "f"
    file.write_bytes(b"x\n")
    with open_input(str(file)) as stream:
        assert read(stream)[0] == [(0, b"x")]
    closed = open_input(str(file))
    closed.close()
    assert "cannot be read" in read(closed)[1]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"y\n")))
    assert read(open_input("-"))[0] == [(0, b"y")]


def test_a_pipe_is_not_waited_for():
    """What a pipe holds is handed on before its other end says more."""
    out, into = os.pipe()
    with os.fdopen(out, "rb") as stream:
        os.write(into, b'{"a":1}\n{"a":2}\n{"a":')
        chunks = read_file(stream, "pipe")
        assert next(chunks).records == [b'{"a":1}', b'{"a":2}']
        os.write(into, b"3}")
        os.close(into)
        assert [chunk.records for chunk in chunks] == [[b'{"a":3}']]


class Endless(io.RawIOBase):
    """`head`, then a filler of `length` bytes, then `tail`, never whole in memory."""

    def __init__(self, head, filler, length, tail):
        self.parts = iter([head, *([filler * (1 << 16)] * (length // (len(filler) << 16))), tail])

    def read(self, size=-1):
        return next(self.parts, b"")


@pytest.mark.parametrize(
    ("head", "tail", "records", "length"),
    [
        (b'{"a":1}\n', b'\r\n{"b":2}\n', [b'{"a":1}', None, b'{"b":2}'], 100 << 20),
        (b'[{"a":1},{"x":"', b'"},{"b":2}]', [b'{"a":1}', None, b'{"b":2}'], 100 << 20),
        (b'{"Records":[{"a":1},', b',{"b":2}]}', [b'{"a":1}', None, b'{"b":2}'], 8 << 20),
        (b'{"x":"', b'"}{"b":2}', [None, b'{"b":2}'], 8 << 20),
    ],
    ids=["line", "string", "element", "object"],
)
def test_a_record_of_100_million_bytes(head, tail, records, length):
    filler = b"a"
    tracemalloc.start()
    try:
        chunks = list(read_file(Endless(head, filler, length, tail), "x"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20
    (chunk,) = chunks
    (row,) = chunk.cut
    assert [r for r in chunk.records if r != chunk.records[row]] == [r for r in records if r]
    assert len(chunk.records[row]) == RECORD_KEPT_BYTES
    begin = head[chunk.offsets[row] :]
    end = tail[: tail.index(b'{"b"')].rstrip(b",\r\n")
    whole = hashlib.sha256(begin)
    for _ in range(length >> 20):
        whole.update(filler * (1 << 20))
    whole.update(end)
    assert whole.hexdigest() in chunk.cut[row]
    assert f"of {len(begin) + length + len(end)} bytes" in chunk.cut[row]


def test_bounds_of_a_record():
    for size, is_cut in ((RECORD_BYTES_MAX, False), (RECORD_BYTES_MAX + 1, True)):
        for data in (b"x" * size + b"\r\n", b"[" + b"7" * size + b"]"):
            (chunk,) = read_file(io.BytesIO(data), "x", format_by_name("json"))
            assert bool(chunk.cut) is is_cut
            cuts = range(0, len(data), 50_000)
            (again,) = read_file(Dribble(data, cuts), "x", format_by_name("json"))
            assert (again.records, again.cut) == (chunk.records, chunk.cut)


def test_deep_nesting_and_bombs():
    deep = b"[" * (1 << 19)
    placed, error = read(deep[: 1 << 16], format_by_name("json"))
    assert placed == []
    assert "cut off" in error
    (chunk,) = read_file(io.BytesIO(deep), "x")  # some line of text
    assert chunk.cut
    (chunk,) = read_file(io.BytesIO(b'{"a":' * (1 << 16) + b"1" + b"}" * (1 << 16)), "x")
    assert chunk.cut
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()
    tracemalloc.start()
    try:
        (chunk,) = read_file(io.BytesIO(packed), "x")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert f"of {100 << 20} bytes" in chunk.cut[0]
    assert peak < 6 << 20


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_rubbish_never_crashes(rubbish):
    for prefix in (b"", gzip.compress(b"x")[:10], b"\x28\xb5\x2f\xfd", b"[", b'{"Records":[', b"{"):
        placed, _ = read(prefix + rubbish)
        assert all(record for _, record in placed)


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
def test_real_files():
    counts = {
        "cloudtrail/invictus-aws.jsonl.gz": 2900,
        "web/apache-combined.log.gz": 10_000,
        "linux/auth.log.gz": 7121,
        "panther-tests.jsonl.gz": 1536,
    }
    for name, count in counts.items():
        with open_input(str(DATA / name)) as stream:
            assert sum(len(chunk.records) for chunk in read_file(stream, name)) == count
    for file in (DATA / "cloudtrail/stratus").glob("*.json"):
        with open_input(str(file)) as stream:
            records = [json.loads(r) for c in read_file(stream, file.name) for r in c.records]
        assert records == json.loads(file.read_bytes())
