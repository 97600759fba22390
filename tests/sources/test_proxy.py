import asyncio
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from whodid.sources.proxy import ReverseProxy
from whodid.sources.proxy_headers import BadFramingError, forwarded, returned


def scope_of(headers=(), **more):
    return {
        "type": "http", "method": "GET", "path": "/p", "raw_path": b"/p%20q",
        "query_string": b"a=%26",
        "headers": list(headers), "client": ("192.0.2.7", 5), "scheme": "https", **more,
    }  # fmt: skip


def names(headers):
    return {name for name, _ in headers}


def test_what_a_client_says_of_addresses_is_dropped():
    headers, length = forwarded(
        scope_of(
            [
                (b"host", b"audit.example"),
                (b"x-forwarded-for", b"10.0.0.1"),
                (b"x_forwarded_for", b"10.0.0.1"),
                (b"x-forwarded-host", b"evil"),
                (b"forwarded", b"for=10.0.0.1"),
                (b"x-real-ip", b"10.0.0.1"),
                (b"connection", b"close, X-Hop, host, Cookie, x-forwarded-for"),
                (b"x-hop", b"1"),
                (b"te", b"trailers"),
                (b"upgrade", b"h2c"),
                (b"proxy-authorization", b"Basic x"),
                (b"cookie", b"a=1"),
            ]
        )
    )
    assert headers == [
        (b"host", b"audit.example"),
        (b"cookie", b"a=1"),
        (b"x-whodid-proxied", b"1"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
    ]
    assert length is None
    assert b"x-forwarded-for" not in names(forwarded(scope_of(client=None))[0])


def test_a_proxy_before_us_is_told_of_and_nobody_takes_that_away():
    for name in (b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"via", b"x-real-ip"):
        sent = [(name, b"x"), (b"connection", name + b", x-whodid-proxied")]
        assert (b"x-whodid-proxied", b"1") in forwarded(scope_of(sent))[0]
    sent = [(b"x-whodid-proxied", b"0"), (b"x-whodid-else", b"1")]
    assert not [name for name in names(forwarded(scope_of(sent))[0]) if b"whodid" in name]


def test_framing():
    assert forwarded(scope_of([(b"content-length", b"12")]))[1] == 12
    chunked = [(b"transfer-encoding", b"gzip, chunked"), (b"connection", b"transfer-encoding")]
    assert (b"transfer-encoding", b"chunked") in forwarded(scope_of(chunked))[0]
    named = [(b"content-length", b"12"), (b"connection", b"content-length")]
    assert (b"content-length", b"12") in forwarded(scope_of(named))[0]
    for bad in (
        [(b"content-length", b"1"), (b"content-length", b"1")],
        [(b"content-length", b"+1")],
        [(b"content-length", b"9" * 30)],
        [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
        [(b"host", b"a"), (b"host", b"b")],
    ):
        with pytest.raises(BadFramingError):
            forwarded(scope_of(bad))


def test_answers():
    headers = [
        (b"Content-Type", b"text/html"), (b"Connection", b"x-hop"), (b"X-Hop", b"1"),
        (b"Set-Cookie", b"a"), (b"Set-Cookie", b"b"), (b"Date", b"now"), (b"Server", b"s"),
        (b"Transfer-Encoding", b"chunked"),
    ]  # fmt: skip
    assert returned(headers) == [
        (b"content-type", b"text/html"), (b"set-cookie", b"a"), (b"set-cookie", b"b"),
    ]  # fmt: skip


@asynccontextmanager
async def upstream(script):
    """A server on a local socket; `script(reader, writer)` speaks for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "s")
        spoken = []

        async def serve(reader, writer):
            spoken.append(asyncio.current_task())
            try:
                await script(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_unix_server(serve, path)
        proxy = ReverseProxy(path, body_bytes_max=1000, body_seconds_max=60.0)
        try:
            yield proxy
        finally:
            await proxy.close()
            server.close()
            await asyncio.gather(*spoken, return_exceptions=True)


class Client:
    """One ASGI exchange, driven by hand."""

    def __init__(self, proxy, scope, parts=(b"",)):
        self.incoming = asyncio.Queue()
        self.outgoing = asyncio.Queue()
        for number, part in enumerate(parts, 1):
            self.say(part, more=number < len(parts))
        self.task = asyncio.ensure_future(proxy(scope, self.incoming.get, self.outgoing.put))

    def say(self, part, *, more):
        self.incoming.put_nowait({"type": "http.request", "body": part, "more_body": more})

    def leave(self):
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def whole(self):
        await self.task
        sent = [self.outgoing.get_nowait() for _ in range(self.outgoing.qsize())]
        return SimpleNamespace(
            status=sent[0]["status"], headers=dict(sent[0]["headers"]),
            body=b"".join(m["body"] for m in sent[1:]), whole=not sent[-1].get("more_body", False),
        )  # fmt: skip


async def head_of(reader):
    return (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")


def answer(body, extra=""):
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n{extra}\r\n{body}".encode()


def test_a_request_and_its_answer():
    async def main():
        async def script(reader, writer):
            head = await head_of(reader)
            body = await reader.readexactly(6)
            writer.write(answer(json.dumps([head, body.decode()]), "x-a: 1\r\nkeep-alive: 5\r\n"))

        async with upstream(script) as proxy:
            headers = [(b"host", b"h"), (b"content-length", b"6")]
            scope = scope_of(headers, method="POST")
            reply = await Client(proxy, scope, [b"one", b"two"]).whole()
        head, body = json.loads(reply.body)
        assert head[0] == "POST /p%20q?a=%26 HTTP/1.1"
        assert {line.lower() for line in head[1:] if line} == {
            "host: h", "content-length: 6", "x-forwarded-for: 192.0.2.7",
            "x-forwarded-proto: https",
        }  # fmt: skip
        assert (body, reply.headers[b"x-a"], reply.whole) == ("onetwo", b"1", True)
        assert b"keep-alive" not in reply.headers

    asyncio.run(main())


def test_events_flow_and_end_when_the_client_leaves():
    async def main():
        ended = asyncio.Event()

        async def script(reader, writer):
            await head_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            await go_on.wait()
            writer.write(b"3\r\ntwo\r\n")
            assert await reader.read() == b""
            ended.set()

        go_on = asyncio.Event()
        async with upstream(script) as proxy:
            client = Client(proxy, scope_of())
            assert (await client.outgoing.get())["status"] == 200
            assert (await client.outgoing.get())["body"] == b"one"
            go_on.set()
            assert (await client.outgoing.get())["body"] == b"two"
            client.leave()
            await client.task
            await ended.wait()
            assert client.outgoing.empty()

    asyncio.run(main())


def test_a_client_that_leaves_before_the_answer_ends_the_request():
    async def main():
        ended = asyncio.Event()

        async def script(reader, writer):
            await head_of(reader)
            asked.set()
            await reader.read()
            ended.set()

        asked = asyncio.Event()
        async with upstream(script) as proxy:
            for parts in ((b"",), (b"a", b"b")):
                asked.clear()
                ended.clear()
                scope = scope_of([(b"transfer-encoding", b"chunked")] if len(parts) > 1 else [])
                client = Client(proxy, scope, parts)
                await asked.wait()
                client.leave()
                await client.task
                await ended.wait()
                assert client.outgoing.empty()

    asyncio.run(main())


@pytest.mark.parametrize("path", ["/page", "/v1/search"])
def test_no_upstream(path):
    async def main():
        proxy = ReverseProxy("/nonexistent/socket", start_seconds_max=0.1)
        reply = await Client(proxy, scope_of(path=path)).whole()
        assert reply.status == 503
        assert reply.headers[b"retry-after"] == b"1"
        assert b"not running yet" in reply.body
        if path == "/v1/search":
            assert json.loads(reply.body)["error"]["code"] == "proxy"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"", 502),
        (b"garbage\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", 0),
    ],
)
def test_an_upstream_that_breaks_off(said, status):
    async def main():
        async def script(reader, writer):
            await head_of(reader)
            writer.write(said)

        async with upstream(script) as proxy:
            reply = await Client(proxy, scope_of()).whole()
        if status:
            assert reply.status == status
        else:
            assert not reply.whole, "half an answer was ended as if it were whole"

    asyncio.run(main())


def test_bodies_are_bounded_and_must_arrive():
    async def main():
        async def script(reader, writer):
            await reader.read()

        async with upstream(script) as proxy:
            for headers, parts, status in (
                ([(b"content-length", b"1001")], [b""], 413),
                ([(b"transfer-encoding", b"chunked")], [b"x" * 600, b"x" * 600], 413),
                ([(b"content-length", b"5")], [b"123"], 400),
                ([(b"content-length", b"2")], [b"123"], 400),
                ([(b"content-length", b"1"), (b"content-length", b"2")], [b"1"], 400),
                ([(b"bad header", b"x")], [b""], 400),
            ):
                reply = await Client(proxy, scope_of(headers, method="POST"), parts).whole()
                assert reply.status == status, headers

    asyncio.run(main())


def test_a_slow_body_ends_and_holds_no_connection(asgi):
    async def main():
        proxy = ReverseProxy("/nonexistent/socket", start_seconds_max=0.1, bodies_bytes_max=10)
        scope = scope_of([(b"content-length", b"20")], method="POST")
        slow = Client(proxy, scope, [])
        slow.say(b"123456", more=True)
        await asyncio.sleep(0.01)
        much = await Client(proxy, scope, [b"12345"]).whole()
        assert much.status == 503, "what all bodies hold is bounded"
        assert b"too many" in much.body
        assert (await slow.whole()).status == 408
        small = [(b"content-length", b"10")]
        reply = await Client(proxy, scope_of(small, method="POST"), [b"1234567890"]).whole()
        assert b"not running" in reply.body, "nothing is held when a request has ended"

    asgi.run(main())


def test_websockets_and_lifespan():
    async def main():
        proxy = ReverseProxy("/nonexistent/socket", start_seconds_max=0.1)
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return incoming.pop(0)

        incoming = [{"type": "websocket.connect"}]
        await proxy({"type": "websocket"}, receive, send)
        incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        await proxy({"type": "lifespan"}, receive, send)
        assert [m["type"] for m in sent] == [
            "websocket.close", "lifespan.startup.complete", "lifespan.shutdown.complete",
        ]  # fmt: skip

    asyncio.run(main())


def test_a_request_waits_while_the_upstream_starts(tmp_path):
    async def main():
        path = tmp_path / "late"
        proxy = ReverseProxy(str(path))
        client = Client(proxy, scope_of())
        await asyncio.sleep(0.01)
        assert not client.task.done(), "it waits"

        async def answer(reader, writer):
            await head_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
            writer.close()

        async with await asyncio.start_unix_server(answer, path):
            reply = await client.whole()
        assert (reply.status, reply.body) == (200, b"hi")

    asyncio.run(main())
