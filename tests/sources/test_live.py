"""The door and its proxy behind real servers on loopback."""

import asyncio
import gzip
import json
import socket
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn

from whodid.sources.http import IngestApp
from whodid.sources.proxy import ReverseProxy

AUTH = {"authorization": "Bearer one"}


async def until(condition):
    while not condition():  # noqa: ASYNC110 (foreign state gives no event)
        await asyncio.sleep(0)


async def faces(scope, receive, send):
    """Stands for the pages: tells what it got; /tail speaks until the client goes."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/tail":
        for number in range(10**6):
            line = b"data: %d\n\n" % number
            await send({"type": "http.response.body", "body": line, "more_body": True})
            if (await asyncio.wait([scope["gone"]()], timeout=0.01))[0]:
                return
    headers = {k.decode(): v.decode() for k, v in scope["headers"]}
    body = json.dumps([scope["method"], scope["path"], scope["client"][0], headers]).encode()
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(app, **options):
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, **options
    )
    server = uvicorn.Server(config)
    sockets = [] if "uds" in options else [socket.create_server(("127.0.0.1", 0))]
    task = asyncio.ensure_future(server.serve(sockets=sockets or None))
    await until(lambda: server.started)
    try:
        yield sockets[0].getsockname()[1] if sockets else None
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def door_and_faces(asgi):
    """Yield (client, port, intake, app)."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "s")
        proxy = ReverseProxy(path)
        intake = asgi.FakeIntake()
        app = IngestApp(intake, asgi.FakeTokens({"one": {"app": None}}), lambda: 1, proxy)

        async def pages(scope, receive, send):
            async def gone():
                while (await receive())["type"] != "http.disconnect":
                    pass

            waiting = asyncio.ensure_future(gone())
            scope["gone"] = lambda: waiting
            await faces(scope, receive, send)
            waiting.cancel()

        async with (
            served(pages, uds=path, forwarded_allow_ips="*"),
            served(app, http="httptools", proxy_headers=False) as port,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
            ) as client,
        ):
            yield client, port, intake, app
        await proxy.close()


def test_events_and_pages(asgi):
    async def main():
        async with door_and_faces(asgi) as (client, _, intake, app):
            rows = [b'{"action":"read","n":%d}' % n for n in range(1000)]
            packed = gzip.compress(b"\n".join(rows))
            headers = AUTH | {"content-encoding": "gzip", "idempotency-key": "k"}
            reply = await client.post("/v1/events", content=packed, headers=headers)
            assert reply.json()["accepted"] == 1000
            assert list(intake.deliveries[0].records) == rows

            async def large():
                for _ in range(20):
                    yield b"x" * (1 << 20)

            assert (
                await client.post("/v1/events", content=large(), headers=AUTH)
            ).status_code == 413
            assert (await client.post("/v1/events", content=rows[0])).status_code == 401
            reply = await client.get("/v1/search?q=a", headers={"x-forwarded-for": "1.2.3.4"})
            method, path, peer, got = reply.json()
            assert (method, path, peer) == ("GET", "/v1/search", "127.0.0.1")
            assert got["x-forwarded-for"] == "127.0.0.1"
            assert len(reply.headers.get_list("date")) == 1
            assert app.metrics.requests == {200: 1, 413: 1, 401: 1}
            assert app.metrics.held.size_bytes == 0

    asyncio.run(main())


def test_tail_flows(asgi):
    async def main():
        async with (
            door_and_faces(asgi) as (client, _, _, _),
            client.stream("GET", "/tail") as reply,
        ):
            lines = reply.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == ["data: 0", "", "data: 1"]

    asyncio.run(main())


def test_a_connection_that_breaks_off(asgi):
    async def main():
        async with door_and_faces(asgi) as (client, port, intake, app):
            for path in (b"/v1/events", b"/page"):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                head = b"POST %s HTTP/1.1\r\nhost: x\r\nauthorization: Bearer one\r\n" % path
                writer.write(head + b'content-length: 100\r\n\r\n{"a":')
                await writer.drain()
                if path == b"/v1/events":
                    await until(lambda: app.metrics.held.size_bytes)
                writer.close()
                await writer.wait_closed()
            await until(lambda: app.metrics.disconnected)
            assert app.metrics.held.size_bytes == 0
            assert (await client.get("/page")).status_code == 200
            assert intake.deliveries == []

    asyncio.run(main())


def test_two_framings_are_not_passed_on(asgi):
    async def main():
        async with door_and_faces(asgi) as (_, port, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            inner = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
            writer.write(
                b"POST /page HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n"
                b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n%s" % (len(inner) + 5, inner)
            )
            said = await reader.read()
            assert said.startswith(b"HTTP/1.1 400")
            assert b"smuggled" not in said
            writer.close()

    asyncio.run(main())
