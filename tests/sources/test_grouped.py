# Records of log lines read better whole.
# ruff: noqa: E501
"""Records of several lines: csvlog and stderr of PostgreSQL, in files, pipes and bodies."""

import gzip
import io
import itertools
import os
import threading
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import TooLargeError
from whodid.limits import RECORD_BYTES_MAX, RECORD_KEPT_BYTES
from whodid.normalize.registry import FORMATS, detect, format_by_name
from whodid.sources.file import read_file
from whodid.sources.found import Found
from whodid.sources.grouped import GroupedLines
from whodid.sources.http_records import records_of
from whodid.sources.pieces import Pieces
from whodid.sources.postgres_lines import CsvGrouping, StderrGrouping

CSV, STDERR = format_by_name("postgres-csv"), format_by_name("postgres-stderr")


def csv(number, message="statement: select 1", user="alice"):
    message, user = message.replace('"', '""'), user.replace('"', '""')
    return (
        f'2026-11-21 19:13:39.{number:03} UTC,"{user}","crm",29509,"192.0.2.7:37562",6b01ed63.7345,{number},"idle",'
        f'2026-11-21 19:13:39 UTC,3/5,0,LOG,00000,"{message}",,,,,,,,,"psql","client backend",,0'
    ).encode()


def entry(number, message="LOG:  statement: select 1", pid=29509):
    return f"2026-11-21 19:13:39.{number:03} UTC [{pid}] alice@crm {message}".encode()


CSV_RECORDS = [
    csv(1), csv(2, 'update t set a=\'x\n\n  y "q"\n\' where "b"\n=1'), csv(3, "one\r\ntwo"),
    csv(4, "select 1\n" + csv(9, "forged").decode()), csv(5, user='ev"il\nx'), csv(6, '"'), csv(7),
]  # fmt: skip
STDERR_RECORDS = [
    entry(1), entry(2, "LOG:  statement: select 1\n\t\n\tfrom t\n\t" + entry(9).decode()),
    entry(3, "ERROR:  x") + b"\n" + entry(3, "DETAIL:  d\n\te") + b"\n" + entry(3, "STATEMENT:  s"),
    entry(4, "LOG:  a", pid=1), entry(4, "LOG:  b", pid=2), b"cp: cannot stat 'x'",
    entry(4, "STATEMENT:  of no entry", pid=3), entry(7),
]  # fmt: skip


def read(data, fmt=None, **options):
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    return [
        (offset, record)
        for chunk in read_file(stream, "in.log", fmt, **options)
        for offset, record in zip(chunk.offsets, chunk.records, strict=True)
    ]


def check(data, records, fmt=None):
    placed = read(data, fmt)
    assert [record for _, record in placed] == records
    at = 0
    for offset, record in placed:
        assert offset == data.index(record, at)
        at = offset + len(record)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\n\n"])
@pytest.mark.parametrize("records", [CSV_RECORDS, STDERR_RECORDS], ids=["csv", "stderr"])
def test_each_record_is_whole_and_in_its_place(records, end, last):
    if end == b"\r\n" and records is STDERR_RECORDS:
        records = [record.replace(b"\n", end) for record in records]
    data = end.join(records) + last
    check(data, records)
    check(data, records, detect(records[0]))
    assert read(gzip.compress(data)) == read(data)
    assert detect(records[1]).map(records[1], 0).quarantine is None


def test_a_file_that_begins_within_a_record():
    check(b'line, ""quoted"" value\' where id=5;",,,"x\n' + b"\n".join(CSV_RECORDS), [
        b'line, ""quoted"" value\' where id=5;",,,"x', *CSV_RECORDS,
    ])  # fmt: skip
    check(
        b"\tfrom t\n\twhere\n" + b"\n".join(STDERR_RECORDS), [b"\tfrom t\n\twhere", *STDERR_RECORDS]
    )


@pytest.mark.parametrize("cut", [120, 150, -30, -3])
def test_a_torn_record_of_a_csvlog_costs_no_other(cut):
    torn = csv(8, 'update t set a = "x"')[:cut]
    check(torn + b"\n" + b"\n".join(CSV_RECORDS), [torn, *CSV_RECORDS])
    check(b"\n".join([*CSV_RECORDS, torn]), [*CSV_RECORDS, torn], CSV)


def test_without_a_line_end_the_next_record_is_lost_with_it_and_no_more():
    torn = csv(8, "select 1")[:170]
    placed = read(torn + b"\n".join(CSV_RECORDS))
    assert [record for _, record in placed] == [torn + CSV_RECORDS[0], *CSV_RECORDS[1:]]
    assert "quote" in CSV.map(placed[0][1], 0).quarantine


@pytest.mark.parametrize("records", [CSV_RECORDS, STDERR_RECORDS], ids=["csv", "stderr"])
def test_a_file_that_grows_keeps_the_places_of_its_records(records):
    data = b"\n".join(records) + b"\n"
    whole = read(data)
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    for cut in ends:
        before = read(data[:cut], detect(records[0]))
        at = len(before) - 1
        assert before[:at] == whole[:at]
        assert before[at][0] == whole[at][0]
        assert whole[at][1].startswith(before[at][1].rstrip(b"\r\n"))


PARTS = [
    csv(1) + b"\n", csv(2, 'a\n"b"') + b"\n", entry(3) + b"\n", entry(3, "DETAIL:  x") + b"\n", b"\tgoes on\n",
    b'"', b"\n", b"\r\n", b",", b"\t", b" ", b"x", entry(4)[:30], csv(5)[:70], b"\xff", b"\n\n", csv(6, "z")[:-40],
]  # fmt: skip


@given(
    parts=st.lists(st.sampled_from(PARTS), max_size=30),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    grouping=st.sampled_from([CsvGrouping, StderrGrouping]),
)
@settings(max_examples=300, deadline=None)
def test_any_chunking_gives_the_same_records_and_loses_nothing(parts, cuts, grouping):
    data = b"".join(parts)

    def framed(pieces):
        found, framing = Found(), GroupedLines(grouping())
        for piece in pieces:
            framing.feed(piece, found)
        framing.finish(found)
        return list(zip(found.offsets, found.records, strict=True))

    whole = framed([data])
    cuts = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    assert framed(data[a:b] for a, b in itertools.pairwise(cuts)) == whole
    assert framed(data[at : at + 1] for at in range(len(data))) == whole
    left = bytearray(data)
    for offset, record in whole:
        assert data[offset : offset + len(record)] == record
        left[offset : offset + len(record)] = b" " * len(record)
    assert not bytes(left).strip()  # what is in no record is blank


@pytest.mark.parametrize("grouping", [CsvGrouping, StderrGrouping])
def test_a_record_of_any_length_takes_bounded_memory(grouping):
    def pieces():
        yield csv(1, "x")[:-60] if grouping is CsvGrouping else entry(1)
        yield b'"' if grouping is CsvGrouping else b""
        for _ in range(200):
            yield b"\n\t" + b"z" * 50_000
            yield b"y" * 100_000
        yield b'"\n' + (csv(2) if grouping is CsvGrouping else entry(2))

    found, framing = Found(), GroupedLines(grouping())
    tracemalloc.start()
    for piece in pieces():
        framing.feed(piece, found)
    framing.finish(found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * RECORD_BYTES_MAX
    assert len(found.records[0]) == RECORD_KEPT_BYTES
    assert "longer than" in found.cut[0]
    assert len(found.records) == 2


def test_a_pipe_that_pauses_ends_an_entry():
    reading, writing = os.pipe()
    go_on = threading.Event()

    def write():
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(entry(1, "ERROR:  x") + b"\n" + entry(1, "STATEMENT:  y") + b"\n")
            go_on.wait(60)
            pipe.write(entry(2) + b"\n" + entry(3))

    writer = threading.Thread(target=write)
    writer.start()
    with open(reading, "rb") as stream:
        chunks = read_file(stream, "-", STDERR, pause_s=0.01)
        assert next(chunks).records == [entry(1, "ERROR:  x") + b"\n" + entry(1, "STATEMENT:  y")]
        go_on.set()
        assert [r for chunk in chunks for r in chunk.records] == [entry(2), entry(3)]
    writer.join()


def test_a_pipe_of_unknown_lines_is_not_waited_for():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream:
        os.write(writing, b"of no\nformat\n")
        chunks = read_file(stream, "-", pause_s=0.01)
        assert next(chunks).records == [b"of no", b"format"]
        os.close(writing)
        assert list(chunks) == []


def test_a_pause_ends_no_line_and_no_quote():
    for grouping, data in (
        (StderrGrouping, entry(1)),
        (CsvGrouping, csv(1, "a\nb")[:-40] + b'"\n'),
    ):
        found, framing = Found(), GroupedLines(grouping())
        framing.feed(data, found)
        framing.pause(found)
        assert len(found) == 0


def test_a_pipe_says_once_that_it_waits_and_once_that_it_pauses():
    reading, writing = os.pipe()
    os.write(writing, b"line\n")
    with open(reading, "rb") as stream:
        pieces = iter(Pieces(stream, "-", pause_s=0.0))
        assert [next(pieces) for _ in range(3)] == [b"line\n", b"", b""]
        os.close(writing)
        assert list(pieces) == []


@pytest.mark.parametrize(("fmt", "records"), [(CSV, CSV_RECORDS), (STDERR, STDERR_RECORDS)])
def test_bodies(fmt, records):
    body = b"\n".join(records) + b"\n"
    assert records_of(body, b"text/plain", fmt, FORMATS) == records
    for kind in (b"", b"text/plain", b"application/octet-stream"):
        assert records_of(body, kind, None, FORMATS) == records


def test_a_body_of_tiny_lines_is_refused():
    with pytest.raises(TooLargeError):
        records_of(b"\tx\n" * 4_000_000, b"text/plain", STDERR, FORMATS)
