"""Bad neighbours at the door, over real sockets: refused, logged, bounded; the server goes on."""

import gzip
import os
import re
import resource
import signal
import socket
import time
import zlib
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx
import pytest
import zstandard

from metrics_kit import parse
from running_server import RunningServer, wait_until
from whodid.limits import PIPELINED_MAX

SMALL = Path(__file__).with_name("small")
PROXY = "127.0.0.9"
MIB = 1024 * 1024
_PATIENCE_S = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all: it must survive each of them, and so must its neighbours."""
    server = RunningServer(tmp_path_factory.mktemp("attacked")).init()
    known = os.environ.get("PYTHONPATH")
    server.env |= {
        "PYTHONPATH": os.pathsep.join([str(SMALL), known] if known else [str(SMALL)]),
        "WHODID_LIMITS_CONNECTIONS": "300",
        "WHODID_LIMITS_CONNECTIONS_PER_CLIENT": "200",
        "WHODID_LIMITS_REQUESTS_PER_SECOND": "1",
        "WHODID_LIMITS_REQUESTS_BURST": "5",
        "WHODID_LIMITS_EVENTS_PER_SECOND": "50",
        "WHODID_LIMITS_EVENTS_BURST": "40",
        "WHODID_LIMITS_BODY_BYTES": str(4 * MIB),
        "WHODID_SERVER_TRUSTED_PROXIES": f"{PROXY}/32",
    }
    for name in ("crm", "fast", "bombed"):
        server.run("source", "add", name, "--format", "json")
        setattr(server, name, server.token("--source", name))
    server.ann = server.token("--user", "ann")
    server.start("--doors", "1")
    yield server
    try:
        assert "Traceback" not in server.said()
        assert "ended with status" not in server.said().replace("status -9", ""), server.said()
    finally:
        assert server.stop() == 0
    assert server.verified() == []


class Line:
    """A bare connection."""

    def __init__(self, server, source="127.0.0.1"):
        port = int(server.url.rpartition(":")[2])
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE_S, (source, 0))
        self.socket.settimeout(_PATIENCE_S)

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def rest(self):
        """Return all that comes until the other side closes."""
        got = b""
        try:
            while more := self.socket.recv(65536):
                got += more
        except ConnectionError:
            return got or b"cut"
        return got


def talk(server, *parts, source="127.0.0.1"):
    with closing(Line(server, source)) as line:
        try:
            for part in parts:
                line.send(part)
        except ConnectionError:
            pass  # refused before it was all sent
        return line.rest()


def head(method="POST", path="/v1/events", token=None, **fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: x"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def statuses(answer):
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def door_memory(server):
    [pid] = server.children()["door"]
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


def good(server):
    """A sender and a reader are served as ever."""
    with server.client(server.crm) as client:
        answer = client.post("/v1/events", json={"id": os.urandom(8).hex(), "action": "READ"})
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
        assert client.get("/healthz").status_code == 200


@pytest.fixture(autouse=True)
def _goes_on(server):
    yield
    wait_until(lambda: _served(server), "everybody is served again")


def _served(server):
    try:
        good(server)
    except (AssertionError, httpx.HTTPError):
        return False
    return True


# --- slow ones -----------------------------------------------------------------------------------


def test_slow_heads_are_cut_and_others_are_served_meanwhile(server):
    with ExitStack() as stack:
        lines = []
        for _ in range(60):  # each begins at once, or it is cut before it has said anything
            lines.append(stack.enter_context(closing(Line(server))))
            lines[-1].send(b"GET / HTTP/1.1\r\nHost: x\r\n")
        good(server)
        time.sleep(0.3)
        for line in lines:
            # Some may have been cut by now: what they were told is read all the same.
            with suppress(ConnectionError):
                line.send(b"X-a: b\r\n")
        assert {line.rest()[:12] for line in lines} == {b"HTTP/1.1 408"}


def test_a_slow_body_is_cut(server):
    with closing(Line(server)) as line:
        line.send(head(token=server.crm, Content_Length=1000))
        assert statuses(_drip(line)) == [408]


def _drip(line):
    """Send a byte now and then until there is an answer; all that are sent are no whole body."""
    for _ in range(900):
        line.socket.settimeout(_PATIENCE_S)
        line.send(b"{")
        line.socket.settimeout(0.1)
        try:
            return line.socket.recv(4096)
        except TimeoutError:
            continue
    raise AssertionError("it is never cut")


def test_half_open_connections_are_closed(server):
    with ExitStack() as stack:
        lines = [stack.enter_context(closing(Line(server))) for _ in range(60)]
        assert {line.rest() for line in lines} == {b""}, "nothing said, nothing answered"


# --- many and much -------------------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order_and_held_back(server):
    one = head("GET", "/healthz")
    with closing(Line(server)) as line:
        line.send(one * 30 + head("GET", "/healthz", Connection="close"))
        assert statuses(line.rest()) == [200] * 31
    before = door_memory(server)
    with closing(Line(server)) as line:
        line.socket.settimeout(0.5)
        sent = 0
        try:
            for _ in range(2000):  # it is not read as fast as this is sent
                line.socket.sendall(one * 100)
                sent += 100
        except (TimeoutError, ConnectionError):
            pass
        assert door_memory(server) - before < 32 * MIB, sent
        good(server)


def test_more_requests_than_may_wait_end_the_connection(server):
    with closing(Line(server)) as line:
        line.send(head("GET", "/healthz") * 5000)
        assert len(statuses(line.rest())) <= PIPELINED_MAX + 1
    good(server)


def test_ten_thousand_connections_cost_no_memory(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    good(server)
    before = door_memory(server)
    try:
        with ExitStack() as stack:
            for number in range(10_000):
                source = f"127.0.{1 + number // 150 % 200}.{1 + number % 150}"
                try:
                    line = Line(server, source)
                except OSError:
                    continue
                stack.callback(line.close)
                if number % 2500 == 2499:
                    assert door_memory(server) - before < 24 * MIB
        assert door_memory(server) - before < 24 * MIB
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: _served(server), "the door is open again")


def test_one_address_cannot_take_all_connections(server):
    with ExitStack() as stack:
        lines = [stack.enter_context(closing(Line(server, "127.0.0.7"))) for _ in range(260)]
        good(server)
        cut = sum(_is_closed(line) for line in lines)
        assert cut >= 60, "beyond 200 they are closed at once"


def _is_closed(line):
    line.socket.settimeout(0.001)
    try:
        return line.socket.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize("fields", [{"Content_Length": 10**9}, {"Content_Length": "9" * 40}])
def test_an_announced_monster_is_refused_unread(server, fields):
    answer = talk(server, head(token=server.crm, Connection="close", **fields), b"{" * 1000)
    assert statuses(answer) in ([413], [400])


def test_a_chunked_monster_is_refused_on_the_way(server):
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    answer = talk(server, head(token=server.crm, Transfer_Encoding="chunked"), *[chunk] * 400)
    assert statuses(answer) in ([413], []) or answer == b"cut"
    for path in ("/login", "/v1/search"):
        answer = talk(server, head(path=path, Transfer_Encoding="chunked"), *[chunk] * 400)
        assert statuses(answer) in ([413], []) or answer == b"cut"


def _huge_window():
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    return stream.compress(os.urandom(1000) * 9000) + stream.flush()


def _nested():
    return gzip.compress(gzip.compress(gzip.compress(bytes(64 * MIB))))


BOMBS = {
    "gzip": ("gzip", lambda: gzip.compress(bytes(512 * MIB), 1)),
    "gzip members": ("gzip", lambda: gzip.compress(b"") * 5000),
    "gzip in gzip": ("gzip", _nested),
    "zstd": ("zstd", lambda: zstandard.compress(bytes(512 * MIB), 1)),
    "zstd frames": ("zstd", lambda: zstandard.compress(b"") * 5000),
    "zstd window": ("zstd", _huge_window),
    "cut": ("gzip", lambda: gzip.compress(b"{}" * 1000)[:-9]),
    "raw deflate": ("gzip", lambda: zlib.compress(b"{}")),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(server, name):
    coding, make = BOMBS[name]
    bomb = make()
    before = door_memory(server)
    with server.client() as client:
        answer = client.post(
            "/v1/events", content=bomb,
            headers={"Authorization": f"Bearer {server.bombed}", "Content-Encoding": coding},
        )  # fmt: skip
    # gzip in gzip is not unpacked twice: what comes out is no JSON.
    assert answer.status_code in {400, 413}, answer.text
    assert door_memory(server) - before < 48 * MIB


# --- framing -------------------------------------------------------------------------------------

HIDDEN = b"GET /v1/sources HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLERS = {
    "length and chunked": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n",
    "list of lengths": b"Content-Length: 0, %d\r\n\r\n",
    "signed length": b"Content-Length: +%d\r\n\r\n",
    "hidden chunked": b"Content-Length: %d\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "other chunked": b"Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\nX: %d\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x%d\r\n\r\n0\r\n\r\n",
    "folded": b"X: a\r\n Content-Length: %d\r\n\r\n",
    "nul": b"X: a\0b%d\r\n\r\n",
    "bare cr": b"X: a\rContent-Length: %d\r\n\r\n",
}


@pytest.mark.parametrize("path", ["/v1/events", "/login", "/healthz"])
@pytest.mark.parametrize("name", SMUGGLERS)
def test_nothing_is_smuggled(server, name, path):
    """What one of two readers may take for a second request is answered by neither."""
    begin = b"POST %s HTTP/1.1\r\nHost: x\r\n" % path.encode()
    fields = SMUGGLERS[name] % len(HIDDEN)
    answer = talk(server, begin + fields + HIDDEN)
    found = statuses(answer)
    assert len(found) <= 1 or found[0] in {400, 401, 403, 405, 411, 413}, answer
    assert 200 not in found, answer
    if len(found) > 1:  # where the request ends is sure, and what comes behind it is a request
        assert name == "folded", answer


CHUNKS = {
    "no hex": b"zz\r\n{}\r\n0\r\n\r\n",
    "negative": b"-2\r\n{}\r\n0\r\n\r\n",
    "huge": b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "spaces": b"2 2\r\n{}\r\n0\r\n\r\n",
    "no end of line": b"2\r\n{}0\r\n\r\n",
    "bare lf": b"2\n{}\n0\n\n",
    "prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks_store_nothing(server, name):
    with server.client(server.ann) as client:
        before = client.get("/v1/search", params={"q": "source:bombed"}).json()["total"]
        answer = talk(server, head(token=server.bombed, Transfer_Encoding="chunked"), CHUNKS[name])
        assert statuses(answer) in ([400], [408], []), answer
        after = client.get("/v1/search", params={"q": "source:bombed"}).json()["total"]
    assert after == before


def test_endless_chunk_extensions_and_trailers_are_bounded(server):
    before = door_memory(server)
    start = head(token=server.crm, Transfer_Encoding="chunked")
    for parts in (
        [b"2;a=", *[b"x" * 65536] * 300],
        [b"2\r\n{}\r\n0\r\nX: ", *[b"y" * 65536] * 300],
    ):
        answer = talk(server, start, *parts)
        assert 200 not in statuses(answer)
    assert door_memory(server) - before < 32 * MIB


def test_expect_100_continue(server):
    body = b'{"id":"expected","action":"READ"}'
    with closing(Line(server)) as line:
        line.send(head(token=server.crm, Expect="100-continue", Content_Length=len(body)))
        assert statuses(line.socket.recv(4096)) == [100]
        line.send(body)
        assert statuses(line.socket.recv(4096)) == [200]
    for token, length, status in ((server.crm, 10**9, 413), ("wd_no", 5, 401)):
        fields = {"Expect": "100-continue", "Content_Length": length, "Connection": "close"}
        answer = talk(server, head(token=token, **fields))
        assert statuses(answer) == [status], "refused without asking for the body"


# --- who it is -----------------------------------------------------------------------------------


def _ip_of(server, agent, source, forwarded):
    with closing(Line(server, source)) as line:
        fields = {"User_Agent": agent, "Connection": "close"}
        if forwarded:
            fields["X_Forwarded_For"] = forwarded
        line.send(head("GET", "/v1/sources", server.ann, **fields))
        assert statuses(line.rest()) == [200]
    with server.client(server.ann) as client:
        query = {"q": f'service:whodid agent:"{agent}"'}
        [event] = client.get("/v1/search", params=query).json()["events"]
    return event["ip"], event.get("request")


def test_a_forged_address_is_believed_of_the_trusted_only(server):
    forged = "203.0.113.66, 198.51.100.7"
    assert _ip_of(server, "forger-1", "127.0.0.1", forged)[0] == "127.0.0.1"
    assert _ip_of(server, "forger-2", PROXY, forged)[0] == "198.51.100.7"
    assert _ip_of(server, "forger-3", PROXY, f"203.0.113.66, {PROXY}")[0] == "203.0.113.66"
    assert _ip_of(server, "forger-4", PROXY, "203.0.113.66, junk")[0] == PROXY
    assert re.fullmatch("[0-9a-f]{16}", _ip_of(server, "forger-5", PROXY, "")[1])


def test_a_forged_source_is_refused(server):
    for fields, path in (
        ({"X_Whodid_Source": "fast"}, "/v1/events"),
        ({"X_Whodid_Source": "whodid"}, "/v1/events"),
        ({}, "/v1/events?source=fast"),
        ({"X_Whodid_Source": "crm"}, "/v1/events?source=fast"),
    ):
        whole = head(path=path, token=server.crm, Content_Length=2, Connection="close", **fields)
        answer = talk(server, whole, b"{}")
        assert statuses(answer) in ([403], [400]), answer


def test_request_ids(server):
    with server.client() as client:
        sane = client.get("/healthz", headers={"X-Request-Id": "trace-1234.abc"})
        assert sane.headers.get_list("x-request-id") == ["trace-1234.abc"]
        for wild in ("short", "x" * 200, "a b c d e f", '"><script>alert(1)</script>'):
            made = client.get("/healthz", headers={"X-Request-Id": wild}).headers["x-request-id"]
            assert re.fullmatch("[0-9a-f]{16}", made)
        assert "x-whodid-route" not in sane.headers


# --- how fast ------------------------------------------------------------------------------------


def test_a_client_that_asks_too_often_waits_and_others_do_not(server):
    def ask(client, path="/login", token=None):
        fields = {"X_Forwarded_For": client, "Connection": "close"}
        return talk(server, head("GET", path, token, **fields), source=PROXY)

    def guess(number):
        network = f"2001:db8::{number:x}"
        fields = head(token="wd_no", X_Forwarded_For=network, Connection="close")
        return talk(server, fields, source=PROXY)

    refused = _until_refused(lambda _: ask("203.0.113.1"), 200)
    assert re.search(rb"retry-after: \d+\r\n", refused)
    assert b'"code":"too_fast"' in refused
    assert statuses(ask("203.0.113.2")) == [200]
    _until_refused(guess, 401)  # addresses of one IPv6 network are one client


def _until_refused(ask, before):
    """Ask until it is too often, which the burst and how slow this machine is decide."""
    assert statuses(ask(0)) == [before]
    for number in range(1, 200):
        answer = ask(number)
        if statuses(answer) == [429]:
            return answer
        assert statuses(answer) == [before]
    raise AssertionError("it is never too often")


def test_a_source_that_sends_too_fast_waits_and_loses_nothing(server):
    with server.client(server.fast) as client:
        stored = batch = 0
        refused = None
        while batch < 6 or (refused is None and batch < 200):  # it may be long until it is too fast
            rows = [{"id": f"b{batch}-{row}", "action": "READ"} for row in range(20)]
            answer = client.post("/v1/events", json=rows)
            while answer.status_code == 429:
                refused = answer
                time.sleep(int(answer.headers["retry-after"]))
                answer = client.post("/v1/events", json=rows)
            stored += answer.json()["accepted"]
            batch += 1
    assert stored == 20 * batch
    assert refused is not None
    assert refused.json()["error"]["code"] == "too_fast"


# --- again ---------------------------------------------------------------------------------------


def test_a_retry_with_a_key_is_known_after_the_door_was_killed(server):
    rows = b'{"action":"READ"}\n{"action":"READ"}'
    headers = {"Idempotency-Key": "k-1", "Authorization": f"Bearer {server.crm}"}

    def post():
        try:
            return httpx.post(f"{server.url}/v1/events", content=rows, headers=headers, timeout=60)
        except httpx.HTTPError:
            return None

    first = wait_until(post, "it answers").json()
    assert (first["accepted"], first["exactly_once"]) == (2, True)
    [victim] = server.children()["door"]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: server.children().get("door", [victim]) != [victim], "a door again")
    answer = wait_until(post, "it answers").json()
    assert (answer["accepted"], answer["duplicate"]) == (0, 2)


def test_all_of_it_was_counted(server):
    def told():  # the door tells it once a second
        families = parse(httpx.get(f"{server.url}/metrics", timeout=60).text)
        return "whodid_connections_refused_total" in families

    wait_until(told, "what was refused is counted")
