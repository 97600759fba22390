"""The ingest door's process: uvicorn with one raw route, everything else passed to the faces."""

import asyncio
import gc
import socket
from pathlib import Path

import uvicorn

from whodid.app.door import DoorIntake
from whodid.app.door_tokens import DoorTokens
from whodid.app.rows import RowMaker
from whodid.clock import system_clock
from whodid.ledger.async_client import AsyncSequencerClient
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.opening import keys_of
from whodid.ledger.state_db import read_sources
from whodid.serve.door_protocol import DoorProtocol
from whodid.serve.face_process import face_socket
from whodid.serve.http_server import SharingServer
from whodid.serve.process import allow_open_files, when_told_to_end
from whodid.sources.http import IngestApp
from whodid.sources.proxy import ReverseProxy


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


def run_door(directory: Path, listener_fd: int) -> None:
    """Take events on an inherited listening socket until told to end."""
    allow_open_files()
    app, client = make_door(directory)
    gc.freeze()  # what stands now stands for ever
    gc.set_threshold(50_000, 20, 20)  # a batch makes thousands of short-lived records
    listener = socket.socket(fileno=listener_fd)
    config = uvicorn.Config(
        app, loop="uvloop", http=DoorProtocol, log_level="warning", access_log=False,
        lifespan="on", timeout_graceful_shutdown=5, server_header=False, ws="none",
        proxy_headers=False,
    )  # fmt: skip
    server = SharingServer(config)

    def stop() -> None:
        server.should_exit = True

    when_told_to_end(stop)

    async def main() -> None:
        client.start()
        await server.serve([listener])
        await client.close()

    with asyncio.Runner(loop_factory=_uvloop) as runner:
        runner.run(main())


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - only a door needs it

    return uvloop.new_event_loop()
