"""The ingest door's process: uvicorn with one raw route, everything else passed to the faces."""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from whodid.app.door import DoorIntake
from whodid.app.door_tokens import DoorTokens
from whodid.app.rows import RowMaker
from whodid.app.source_formats import SourceFormats
from whodid.clock import system_clock
from whodid.config.settings import LimitSettings, Settings
from whodid.errors import UsageError, WhodidError
from whodid.ledger.async_client import AsyncSequencerClient
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.layout import FACE_SOCKET
from whodid.ledger.opening import keys_of
from whodid.ledger.refusals import Refusals
from whodid.ledger.state_db import read_sources
from whodid.limits import REFUSALS_REPORT_S
from whodid.metrics import Metric
from whodid.serve.acceptor import Bounds
from whodid.serve.door_front import DoorFront
from whodid.serve.door_metrics import RequestMetrics, door_metrics
from whodid.serve.door_protocol import DoorProtocol
from whodid.serve.http_server import SharingServer
from whodid.serve.metrics_file import EVERY_S, MetricsFile
from whodid.serve.own_log import say, set_up
from whodid.serve.process import allow_open_files, when_told_to_end
from whodid.serve.shared_rates import SharedRate, SharedRates
from whodid.serve.tls import TlsFiles
from whodid.sources.http import IngestApp
from whodid.sources.proxy import ReverseProxy
from whodid.sources.rates import NoLimit, Rate
from whodid.sources.trusted_proxies import TrustedProxies

_log = logging.getLogger("whodid.door")
_CERTIFICATES_S = 10.0


class Door:
    """What a door is made of.

    Of the keys it reads no private half, and none that makes users.
    """

    def __init__(
        self,
        directory: Path,
        limits: LimitSettings | None = None,
        events: Rate | None = None,
        requests: Rate | None = None,
    ) -> None:
        limits = limits or LimitSettings()
        keys = keys_of(directory)
        doors_key = keys.doors_key()
        formats = SourceFormats(directory)
        maker = RowMaker(keys.identity_root(), lambda: read_sources(directory, doors_key), formats)
        builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        self.client = AsyncSequencerClient(directory, "door")
        self.intake = DoorIntake(maker, builder, self.client)
        tokens = DoorTokens(directory, doors_key, system_clock)
        self.refusals = tokens.refusals
        self.app = IngestApp(
            intake=self.intake,
            tokens=tokens,
            refused=tokens.refused,
            clock=system_clock,
            fallback=ReverseProxy(str(directory / FACE_SOCKET)),
            body_bytes_max=limits.body_bytes,
            events=events or NoLimit(),
            strangers=requests or NoLimit(),
        )


class DoorProcess:
    """One door, run until told to end. `take` gets new settings while it runs."""

    def __init__(self, directory: Path, name: str, settings: Settings) -> None:
        limits = settings.limits
        rates = _rates(directory)
        self._name = name
        self._events = SharedRate(rates, "events", limits.events_per_second, limits.events_burst)
        self._readers = SharedRate(
            rates, "requests", limits.requests_per_second, limits.requests_burst
        )
        self._door = Door(directory, limits, self._events, self._readers)
        self._trusted = TrustedProxies(settings.server.trusted_proxies)
        self._requests = RequestMetrics()
        self._tls = TlsFiles(settings.tls)
        self._file = MetricsFile(directory, name)
        front = DoorFront(self._door.app, self._trusted, self._requests.count, self._readers)
        config = uvicorn.Config(
            front, loop="uvloop", http=DoorProtocol, log_config=None, access_log=False,
            lifespan="on", timeout_graceful_shutdown=5, server_header=False, ws="none",
            proxy_headers=False,
        )  # fmt: skip
        bounds = Bounds(
            limits.connections,
            limits.connections_per_client,
            lambda address: not self._trusted.trusts(address),
        )
        self._server = SharingServer(config, lambda: self._tls.context, bounds)

    async def serve(self, listener: socket.socket) -> None:
        """Take events until told to end."""
        loop = asyncio.get_running_loop()

        def changed(settings: Settings) -> None:
            loop.call_soon_threadsafe(self.take, settings)

        when_told_to_end(self._stop, changed)
        self._door.client.start()
        tasks = [
            loop.create_task(self._look_at_certificates()),
            loop.create_task(self._keep_telling()),
            loop.create_task(report_refusals(self._door.refusals, self._door.client)),
        ]
        await self._server.serve([listener])
        for task in tasks:
            task.cancel()
        await self._door.client.close()

    def take(self, settings: Settings) -> None:
        """Use new settings, as far as they can change while it runs."""
        limits = settings.limits
        set_up(self._name, settings.log)
        self._trusted.use(settings.server.trusted_proxies)
        self._events.use(limits.events_per_second, limits.events_burst)
        self._readers.use(limits.requests_per_second, limits.requests_burst)
        with _said("the certificate stays as it was"):
            self._tls.use(settings.tls)

    def _stop(self) -> None:
        self._server.should_exit = True

    async def _look_at_certificates(self) -> None:
        while True:
            await asyncio.sleep(_CERTIFICATES_S)
            with _said("the new certificate cannot be used, the old one stays"):
                if self._tls.look():
                    _log.info("the certificate was read again")

    async def _keep_telling(self) -> None:
        while True:
            self._file.write(self._metrics())
            await asyncio.sleep(EVERY_S)

    def _metrics(self) -> list[Metric]:
        return door_metrics(
            self._requests, self._door.app.metrics, self._server.accepted,
            open_connections=len(self._server.server_state.connections),
            queue_rows=self._door.intake.rows_waiting,
        )  # fmt: skip


async def report_refusals(refusals: Refusals, client: AsyncSequencerClient) -> None:
    """Say for ever, now and then, what was refused; what cannot be said is kept."""
    while True:
        await asyncio.sleep(REFUSALS_REPORT_S)
        items = refusals.take()
        try:
            if items:
                await client.report(items)
        except WhodidError:
            refusals.add(items)


def run_door(directory: Path, name: str, listener_fd: int, settings: Settings) -> None:
    """Take events on an inherited listening socket until told to end."""
    allow_open_files()
    door = DoorProcess(directory, name, settings)
    gc.freeze()  # what stands now stands for ever
    gc.set_threshold(50_000, 20, 20)  # a batch makes thousands of short-lived records
    listener = socket.socket(fileno=listener_fd)
    with asyncio.Runner(loop_factory=_uvloop) as runner:
        runner.run(door.serve(listener))


def _rates(directory: Path) -> SharedRates | None:
    """Open the rates; a disk without room for them must not end the door, which also reads."""
    try:
        return SharedRates(directory, time.time)
    except OSError as error:
        say(_log, logging.ERROR, "no rate is limited: the file of them fails", reason=str(error))
        return None


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
