"""The faces' local socket is for processes of the same user."""

import asyncio
import os
import socket

import pytest
import uvicorn

from whodid.ledger import server as ledger_server
from whodid.ledger.server import listen, same_user
from whodid.serve.face_protocol import FaceProtocol

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def _app(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"content"})


def ask(path):
    """Serve on a local socket and return what one request is answered."""

    async def main():
        config = uvicorn.Config(_app, http=FaceProtocol, lifespan="off", log_config=None)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        listener = listen(path)
        await server.startup(sockets=[listener])
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(REQUEST)
            try:
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()
        finally:
            await server.shutdown(sockets=[listener])

    return asyncio.run(asyncio.wait_for(main(), 120))


def test_this_user_is_answered_and_the_socket_is_private(tmp_path):
    path = tmp_path / "s"
    assert b"content" in ask(path)
    assert path.stat().st_mode & 0o077 == 0


def test_another_user_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_server.os, "getuid", lambda: 4711)
    if os.geteuid() == 0:  # root may everywhere: be asked by somebody else
        monkeypatch.setattr(ledger_server.struct, "unpack", lambda *_: (1, 4712, 4712))
    assert ask(tmp_path / "s") == b""


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="the system does not tell who asks")
def test_who_asks_is_what_the_kernel_says():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert same_user(ours)
