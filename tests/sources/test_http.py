import asyncio
import gzip
import json
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whodid.errors import FormatError, RefusedError, StoppedError, UsageError
from whodid.limits import RECORD_BYTES_MAX, RECORD_KEPT_BYTES, REQUEST_BYTES_MAX

AUTH = (b"authorization", b"Bearer one")
TWO = (b"authorization", b"Bearer two")
SHORT = b'{"timestamp":"2023-10-21T15:45:23.136Z","userId":"john.doe@example.com","action":"READ"}'


class Lines:
    """A format of lines that knows those that begin with `<`."""

    name = "lined"
    mapping = 1
    framing = "lines"
    records_key = None

    def sniff(self, record):
        return record[:1] == b"<"


def error_of(reply):
    return json.loads(reply.body)["error"]


def bomb(size):
    """gzip of `size` zeros, made without holding them."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (SHORT, [SHORT]),
        (b"[" + SHORT + b", " + SHORT + b"]", [SHORT, SHORT]),
        (SHORT + b"\n" + SHORT + b"\r\n\n", [SHORT, SHORT]),
        (b'{\n "a": 1\n}', [b'{\n "a": 1\n}']),
        (b"\xef\xbb\xbf" + SHORT, [SHORT]),
        (b'{"a":1}\n{broken', [b'{"a":1}', b"{broken"]),
        (b'{"a":"\xff"}', [b'{"a":"\xff"}']),
        (b'{"a":1}\n{"a":"\x00"}', [b'{"a":1}', b'{"a":"\x00"}']),
        (b'{"a":9223372036854775808}\n{"a":-1}', [b'{"a":9223372036854775808}', b'{"a":-1}']),
        (b'{"Records":[{"a":1},{"a":2}]}', [b'{"a":1}', b'{"a":2}']),
    ],
    ids=["object", "array", "ndjson", "pretty", "bom", "broken line", "not utf-8", "NUL",
         "64 bit", "trail"],
)  # fmt: skip
def test_bodies(door, asgi, body, records):
    app, intake = door
    reply = asgi.call(app, [body], [AUTH])
    assert reply.status == 200, reply.body
    (delivery,) = intake.deliveries
    assert list(delivery.records) == records
    assert (delivery.source, delivery.received_us, delivery.request_key) == ("app", 1234, None)
    assert json.loads(reply.body) == {
        "accepted": len(records), "duplicate": 0, "quarantined": 0, "exactly_once": False,
        "first": 0, "last": len(records) - 1, "checkpoint_size": len(records),
    }  # fmt: skip


@pytest.mark.parametrize(
    "pack",
    [
        (b"gzip", gzip.compress),
        (b"GZIP ", lambda b: gzip.compress(b[:9]) + gzip.compress(b[9:]) + bytes(7)),
        (b"zstd", zstandard.ZstdCompressor().compress),
        (b"identity", bytes),
    ],
)
@given(data=st.data())
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_chunking_gives_the_same_delivery(door, asgi, pack, data):
    app, intake = door
    intake.deliveries.clear()
    coding, compress = pack
    body = compress(b"\n".join([SHORT] * 5))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    reply = asgi.call(app, parts, [AUTH, (b"content-encoding", coding)])
    assert reply.status == 200, reply.body
    assert list(intake.deliveries[0].records) == [SHORT] * 5
    assert app.metrics.held.size_bytes == 0


def test_key_is_handed_on(door, asgi):
    app, intake = door
    reply = asgi.call(app, [SHORT], [AUTH, (b"idempotency-key", b"k-1")])
    assert intake.deliveries[0].request_key == "k-1"
    assert json.loads(reply.body)["exactly_once"] is True
    for bad in (b"", b"x" * 256, b"\xff"):
        assert asgi.call(app, [SHORT], [AUTH, (b"idempotency-key", bad)]).status == 400


@pytest.mark.parametrize(
    ("headers", "query", "status", "source"),
    [
        ([], b"", 401, None),
        ([(b"authorization", b"Bearer nope")], b"", 401, None),
        ([(b"authorization", b"Basic one")], b"", 401, None),
        ([(b"authorization", b"Bearer \xff")], b"", 401, None),
        ([(b"authorization", b"Bearer " + b"x" * 9999)], b"", 401, None),
        ([AUTH, AUTH], b"", 400, None),
        ([(b"authorization", b"bearer  one ")], b"", 200, "app"),
        ([AUTH], b"source=app", 200, "app"),
        ([AUTH], b"source=db", 403, None),
        ([TWO], b"", 400, None),
        ([TWO], b"source=db", 200, "db"),
        ([TWO, (b"x-whodid-source", b"db")], b"", 200, "db"),
        ([TWO, (b"x-whodid-source", b"db")], b"source=app", 400, None),
        ([AUTH], b"&".join([b"a=1"] * 99), 400, None),
    ],
)  # fmt: skip
def test_who_may_write_what(door, asgi, headers, query, status, source):
    app, intake = door
    reply = asgi.call(app, [SHORT], headers, query=query)
    assert reply.status == status
    assert [d.source for d in intake.deliveries] == ([source] if source else [])
    assert app.metrics.requests == {status: 1}
    if status == 401:
        assert reply.headers[b"www-authenticate"] == b"Bearer"
        assert reply.left == 1, "the body of a stranger was read"
    if status != 200:
        assert b"nope" not in reply.body


def test_other_paths_and_methods(door, asgi):
    app, _ = door
    assert asgi.call(app, path="/v1/events/1").body == b"/v1/events/1"
    reply = asgi.call(app, method="GET")
    assert (reply.status, reply.headers[b"allow"]) == (405, b"POST")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b'{"a":', "cannot be read"),
        (b'[{"a":1},', "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"a":' * 100_000, "cannot be read"),
        (b"\x00\x01\x02 rubbish", "neither JSON nor lines"),
        (b"plain words", "neither JSON nor lines"),
    ],
)
def test_unreadable_bodies_are_refused(door, asgi, body, words):
    app, intake = door
    reply = asgi.call(app, [body], [AUTH])
    assert reply.status == 400
    assert words in error_of(reply)["message"]
    assert intake.deliveries == []


@pytest.mark.parametrize("kind", [b"application/json", b"application/x-ndjson; charset=utf-8"])
def test_what_says_json_must_be_json(door, asgi, kind):
    app, _ = door
    assert asgi.call(app, [b"words"], [AUTH, (b"content-type", kind)]).status == 400


def test_lines(asgi):
    from whodid.sources.http import IngestApp

    intake = asgi.FakeIntake()
    tokens = asgi.FakeTokens({"one": {"any": None}, "line": {"lined": Lines()}})
    app = IngestApp(intake, tokens, lambda: 1, asgi.fallback, formats=(Lines(),))
    line = [(b"authorization", b"Bearer line")]
    for headers, body, records in (
        (line, b'\xef\xbb\xbf{"a":1}\nb\r\n\nc', [b'{"a":1}', b"b", b"c"]),
        ([AUTH], b"x\n<86>ok\n", [b"x", b"<86>ok"]),
        ([AUTH, (b"content-type", b"text/plain; charset=x")], b"a\nb", [b"a", b"b"]),
        ([AUTH], b"[Mon]\n<86>ok\n", [b"[Mon]", b"<86>ok"]),
    ):
        intake.deliveries.clear()
        reply = asgi.call(app, [body], headers)
        assert reply.status == 200, reply.body
        assert list(intake.deliveries[0].records) == records
    assert asgi.call(app, [b"\n"], line).status == 400
    assert asgi.call(app, [b"[Mon]\n"], [AUTH]).status == 400


def test_empty_array_is_an_answer(door, asgi):
    app, intake = door
    reply = asgi.call(app, [b"[]"], [AUTH])
    assert reply.status == 200
    assert json.loads(reply.body)["accepted"] == 0
    assert intake.deliveries == []


def test_a_long_record_is_cut_and_kept(door, asgi):
    import hashlib

    app, intake = door
    long = b'{"a":"' + b"x" * RECORD_BYTES_MAX + b'"}'
    reply = asgi.call(app, [b'{"b":1}\n' + long], [AUTH])
    assert reply.status == 200
    (delivery,) = intake.deliveries
    assert list(delivery.records) == [b'{"b":1}', long[:RECORD_KEPT_BYTES]]
    assert list(delivery.cut) == [1]
    assert hashlib.sha256(long).hexdigest() in delivery.cut[1]
    assert str(len(long)) in delivery.cut[1]


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (RefusedError("full", 2.5), 503, "refused", b"3"),
        (StoppedError("fsync failed"), 503, "stopped", b"60"),
        (UsageError("not declared"), 400, "usage", None),
        (FormatError("new"), 500, "format", None),
    ],
)
def test_refusals_of_the_ledger(door, asgi, error, status, code, retry):
    app, intake = door
    intake.error = error
    reply = asgi.call(app, [SHORT], [AUTH])
    assert (reply.status, error_of(reply)["code"]) == (status, code)
    assert reply.headers.get(b"retry-after") == retry
    if code == "stopped":
        assert "the log has stopped" in error_of(reply)["message"]
    assert app.metrics.held.size_bytes == 0


def test_storing_is_not_waited_for_without_end(door, asgi):
    app, _intake = door

    async def accept(_delivery):
        await asyncio.Event().wait()

    app._accept = accept
    reply = asgi.call(app, [SHORT], [AUTH])
    assert reply.status == 503
    assert "may be stored" in error_of(reply)["message"]
    assert app.metrics.held.size_bytes == 0


def test_a_fault_of_ours_is_counted_and_not_hidden(door, asgi):
    app, intake = door
    intake.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        asgi.call(app, [SHORT], [AUTH])
    assert app.metrics.requests == {500: 1}


@pytest.mark.parametrize("coding", [b"br", b"deflate", b"gzip, gzip", b"\xff"])
def test_unknown_codings(door, asgi, coding):
    app, _ = door
    assert asgi.call(app, [SHORT], [AUTH, (b"content-encoding", coding)]).status == 415


@pytest.mark.parametrize("coding", [b"gzip", b"zstd"])
def test_broken_compression_names_the_place(door, asgi, coding):
    app, intake = door
    whole = SHORT * 500
    packed = (
        gzip.compress(whole) if coding == b"gzip" else zstandard.ZstdCompressor().compress(whole)
    )
    headers = [AUTH, (b"content-encoding", coding)]
    for cut in range(0, len(packed), 7):
        reply = asgi.call(app, [packed[:cut]], headers)
        assert reply.status == 400, cut
        if cut:
            assert f"compressed byte {cut}," in error_of(reply)["message"]
    for bad in (b"words", packed + b"words", packed[:-9] + b"\0" + packed[-8:]):
        assert asgi.call(app, [bad], headers).status == 400
    assert intake.deliveries == []


def test_bombs_are_refused_before_they_fill_memory(door, asgi):
    app, _ = door
    # 10 GB of zeros: members of 256 MB one after another, of which only a start is looked at
    packed = bomb(256 << 20)
    parts = [packed[i : i + 4096] for i in range(0, len(packed), 4096)] * 40
    tracemalloc.start()
    try:
        reply = asgi.call(app, parts, [AUTH, (b"content-encoding", b"gzip")])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reply.status == 413
    assert reply.left > len(parts) * 0.8, "went on reading"
    assert peak < REQUEST_BYTES_MAX + (2 << 20)
    zeros = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    assert asgi.call(app, [zeros], [AUTH, (b"content-encoding", b"zstd")]).status == 413
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    window = packer.compress(SHORT) + packer.flush()
    assert asgi.call(app, [window], [AUTH, (b"content-encoding", b"zstd")]).status == 400
    for coding, empty in ((b"gzip", gzip.compress(b"")), (b"zstd", zstandard.compress(b""))):
        reply = asgi.call(app, [empty * 2000], [AUTH, (b"content-encoding", coding)])
        assert reply.status == 413


def test_large_bodies(door, asgi):
    app, _ = door
    length = (b"content-length", b"%d" % (REQUEST_BYTES_MAX + 1))
    assert asgi.call(app, [b"{"], [AUTH, length]).left == 1
    parts = [bytes(1 << 20)] * 40
    reply = asgi.call(app, parts, [AUTH])
    assert (reply.status, reply.left) == (413, 40 - 17)
    assert app.metrics.held.size_bytes == 0
    assert asgi.call(app, [b"[" + b"1," * (3 << 20) + b"1]"], [AUTH]).status == 413


def test_bodies_in_flight_are_bounded(door, asgi):
    app, _ = door
    app.metrics.held.bytes_max = 10
    reply = asgi.call(app, [SHORT], [AUTH])
    assert reply.status == 503
    assert reply.headers[b"retry-after"] == b"1"
    assert app.metrics.held.size_bytes == 0


def test_slow_bodies_end(door, asgi):
    app, intake = door
    reply = asgi.call(app, [SHORT], [AUTH], ends="silent")
    assert (reply.status, reply.headers[b"connection"]) == (408, b"close")
    assert intake.deliveries == []


def test_a_client_that_goes_away_is_harmless(door, asgi):
    app, intake = door
    reply = asgi.call(app, [SHORT, SHORT], [AUTH], ends="gone")
    assert reply.status is None
    assert (app.metrics.disconnected, app.metrics.requests) == (1, {})
    assert app.metrics.held.size_bytes == 0
    assert intake.deliveries == []


def test_metrics(door, asgi):
    app, _ = door
    asgi.call(app, [SHORT + b"\n" + SHORT], [AUTH])
    asgi.call(app, [b"x"], [AUTH])
    metrics = app.metrics
    assert metrics.requests == {200: 1, 400: 1}
    assert metrics.body_bytes == 2 * len(SHORT) + 2
    assert (metrics.accepted, metrics.quarantined) == (2, 0)


@given(
    body=st.binary(max_size=300) | st.text().map(lambda t: b"{" + t.encode(errors="replace")),
    coding=st.sampled_from([b"", b"gzip", b"zstd"]),
    kind=st.sampled_from([b"", b"text/plain", b"application/json"]),
    prefix=st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"[", b'{"Records":[']),
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rubbish_never_crashes(door, asgi, body, coding, kind, prefix):
    app, _ = door
    headers = [AUTH, (b"content-encoding", coding), (b"content-type", kind)]
    assert asgi.call(app, [prefix + body], headers).status in {200, 400, 413}
