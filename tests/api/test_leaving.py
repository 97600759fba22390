"""A read ends when its client goes away: the server says so, the reading hears of it."""

import asyncio
import socket

import pytest
import uvicorn

from whodid.errors import LeftError

WAIT_S = 20
READS = ["/v1/search?q=a", "/v1/search?q=a%20%7C%20stats%20by%20(actor)", "/v1/histogram?q=a",
         "/v1/facets?q=a&fields=actor"]  # fmt: skip


class Reads:
    """Makes each read of a fake reading last until its caller has left."""

    def __init__(self, reading):
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        reading._call = self.call

    def call(self, _name, caller, *_rest):
        self.loop.call_soon_threadsafe(self.begun.set)
        for _ in range(WAIT_S * 100):
            if caller.left():
                self.loop.call_soon_threadsafe(self.ended.set)
                raise LeftError
            asyncio.run(asyncio.sleep(0.01))


async def serving(app, folder, work):
    """Serve the application on a local socket, as the faces are served, while `work` runs."""
    path = str(folder / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server.serve([listener]))
    try:
        async with asyncio.timeout(WAIT_S):
            await work(path)
    finally:
        server.should_exit = True
        await task


@pytest.mark.parametrize("path", READS)
def test_a_read_ends_when_the_connection_does(server, tmp_path, path):
    async def work(address):
        reads = Reads(server.reading)
        _, writer = await asyncio.open_unix_connection(address)
        head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {server.token}\r\n\r\n"
        writer.write(head.encode())
        await reads.begun.wait()
        assert not reads.ended.is_set()
        writer.close()
        await reads.ended.wait()

    asyncio.run(serving(server.app, tmp_path, work))


def test_who_stays_gets_the_answer(server):
    assert server.get("/v1/search?q=a").status_code == 200
    [(_, caller, *_)] = server.reading.calls
    assert not caller.left()


def test_the_answer_that_nobody_reads(server):
    server.reading.fault = LeftError()
    answer = server.get("/v1/search?q=a")
    assert (answer.status_code, answer.json()["error"]["code"]) == (499, "left")
