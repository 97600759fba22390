"""Connections that send no whole request: bounded in bytes, fields, seconds and number."""

import asyncio

import pytest
import uvicorn

from whodid.serve import door_protocol
from whodid.serve.door_protocol import DoorProtocol

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
WHOLE = HEAD + b"\r\n"


async def _app(scope, receive, send):
    if scope["type"] == "http":
        answer = {"type": "http.response.start", "status": 200, "headers": []}
        await send({**answer, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def talk(conversation, app=_app):
    """Run `conversation(connect)` beside a server; `connect` opens a connection to it."""

    async def main():
        config = uvicorn.Config(app, port=0, http=DoorProtocol, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            await conversation(lambda: asyncio.open_connection("127.0.0.1", port))
        finally:
            await server.shutdown()

    asyncio.run(asyncio.wait_for(main(), 120))


async def answered(connect, *parts):
    """Return all that a connection answers to these bytes until it is closed."""
    reader, writer = await connect()
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b"cut"
    finally:
        writer.close()


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"x: ", *[b"a" * 65536] * 40],
        [HEAD, *[b"a:b\r\n" * 10000] * 40],
        [b"GET /", *[b"a" * 65536] * 40],
        [WHOLE, HEAD + b"x: ", *[b"a" * 65536] * 40],
    ],
)
def test_a_head_without_end_is_refused(parts):
    async def conversation(connect):
        said = await answered(connect, *parts)
        assert said == b"cut" or b"431 " in said or b"400 " in said

    talk(conversation)


def test_too_many_fields_are_refused_and_many_are_not():
    async def conversation(connect):
        many = b"".join(b"x-%d: 1\r\n" % number for number in range(200))
        end = b"connection: close\r\n\r\n"
        assert b" 200 " in await answered(connect, HEAD + many + end)
        assert b" 400 " in await answered(connect, HEAD + many + many + end)

    talk(conversation)


def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(door_protocol, "HEAD_SECONDS_MAX", 1.0)
    body = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"

    async def conversation(connect):
        silent, first, second, behind = await asyncio.gather(
            *(answered(connect, *parts) for parts in ([], [HEAD], [WHOLE, HEAD], [body]))
        )
        assert silent == b"", "nothing is said to somebody who said nothing"
        assert first.startswith(b"HTTP/1.1 408 ")
        assert b" 408 " in second, "nor to a second one"
        assert b" 200 " in behind, "a body behind its answer ends too"

    talk(conversation)


def test_a_trailer_without_end_is_cut_and_its_fields_are_not_the_heads():
    seen = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            seen.append([name for name, _ in scope["headers"]])
            while (await receive()).get("more_body"):
                pass
        await _app(scope, receive, send)

    start = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"

    async def conversation(connect):
        end = b"x-forwarded-for: 6.6.6.6\r\nauthorization: x\r\n\r\n"
        last = HEAD + b"connection: close\r\n\r\n"
        assert (await answered(connect, start + end + last)).count(b" 200 ") == 2
        for parts in ([start + b"x: "], [start[:-5] + b"0;"]):
            said = await answered(connect, *parts, *[b"a" * 65536] * 40)
            assert b" 200 " not in said

    talk(conversation, app)
    assert seen[0] == [b"host", b"transfer-encoding"]


def test_a_client_that_goes_away_amid_pipelined_requests_is_heard_of_by_the_running_one():
    heard = []

    async def app(scope, receive, send):
        if scope["type"] == "http":
            await receive()
            heard.append((await receive())["type"])
            await _app(scope, receive, send)  # to nobody, and no error

    async def conversation(connect):
        _, writer = await connect()
        writer.write(WHOLE * 3)
        await asyncio.sleep(0.1)
        writer.transport.abort()
        for _ in range(1000):
            if heard:
                break
            await asyncio.sleep(0.02)
        assert heard == ["http.disconnect"]

    talk(conversation, app)
