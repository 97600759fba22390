"""The ingest door's process: uvicorn with one raw route, everything else passed to the faces."""

import asyncio
import gc
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from whodid.app.door import DoorIntake
from whodid.app.door_tokens import DoorTokens
from whodid.app.rows import RowMaker
from whodid.clock import system_clock
from whodid.config.settings import Settings
from whodid.errors import UsageError
from whodid.ledger.async_client import AsyncSequencerClient
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.opening import keys_of
from whodid.ledger.state_db import read_sources
from whodid.serve.acceptor import Bounds
from whodid.serve.door_front import DoorFront
from whodid.serve.door_protocol import DoorProtocol
from whodid.serve.face_process import face_socket
from whodid.serve.http_server import SharingServer
from whodid.serve.own_log import say, set_up
from whodid.serve.process import allow_open_files, when_told_to_end
from whodid.serve.tls import TlsFiles
from whodid.sources.http import IngestApp
from whodid.sources.proxy import ReverseProxy
from whodid.sources.trusted_proxies import TrustedProxies

_log = logging.getLogger("whodid.door")
_LOOK_S = 10.0


def make_door(directory: Path) -> tuple[IngestApp, AsyncSequencerClient]:
    """Put a door together; of the keys it reads the identity secret and the public half only."""
    keys = keys_of(directory)
    maker = RowMaker(keys.identity_root(), lambda: read_sources(directory))
    builder = BatchBuilder(keys.ledger_id, keys.public_kek())
    client = AsyncSequencerClient(directory, "door")
    app = IngestApp(
        intake=DoorIntake(maker, builder, client),
        tokens=DoorTokens(directory, system_clock),
        clock=system_clock,
        fallback=ReverseProxy(str(face_socket(directory))),
    )
    return app, client


def run_door(directory: Path, name: str, listener_fd: int, settings: Settings) -> None:
    """Take events on an inherited listening socket until told to end."""
    allow_open_files()
    app, client = make_door(directory)
    gc.freeze()  # what stands now stands for ever
    gc.set_threshold(50_000, 20, 20)  # a batch makes thousands of short-lived records
    listener = socket.socket(fileno=listener_fd)
    trusted = TrustedProxies(settings.server.trusted_proxies)
    front = DoorFront(app, trusted, lambda *_: None)
    config = uvicorn.Config(
        front, loop="uvloop", http=DoorProtocol, log_config=None, access_log=False,
        lifespan="on", timeout_graceful_shutdown=5, server_header=False, ws="none",
        proxy_headers=False,
    )  # fmt: skip
    tls = TlsFiles(settings.tls)
    bounds = Bounds(
        settings.limits.connections,
        settings.limits.connections_per_client,
        lambda address: not trusted.trusts(address),
    )
    server = SharingServer(config, lambda: tls.context, bounds)

    def stop() -> None:
        server.should_exit = True

    def take(new: Settings) -> None:
        set_up(name, new.log)
        trusted.use(new.server.trusted_proxies)
        with _said("the certificate stays as it was"):
            tls.use(new.tls)

    async def look_at_certificates() -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            with _said("the new certificate cannot be used, the old one stays"):
                if tls.look():
                    _log.info("the certificate was read again")

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def changed(new: Settings) -> None:
            loop.call_soon_threadsafe(take, new)

        when_told_to_end(stop, changed)
        client.start()
        looking = loop.create_task(look_at_certificates())
        await server.serve([listener])
        looking.cancel()
        await client.close()

    with asyncio.Runner(loop_factory=_uvloop) as runner:
        runner.run(main())


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Log an error of the files of TLS, and go on."""
    try:
        yield
    except UsageError as error:
        say(_log, logging.ERROR, what, reason=str(error))


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - only a door needs it

    return uvloop.new_event_loop()
