"""The faces' process: API and pages behind a local socket.

Only the doors reach the socket; they say whose request it is in X-Forwarded-For, having dropped
whatever the client said there.
"""

import contextlib
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.middleware import Middleware

from whodid.access.doorkeeper import Doorkeeper
from whodid.api.integrity_metrics import integrity_metrics
from whodid.api.make_api import make_api
from whodid.api.metrics import log_metrics
from whodid.api.tail import Tails
from whodid.app.desks import Desks, open_desks
from whodid.app.public_files import LedgerFiles
from whodid.app.reading import LedgerReading
from whodid.clock import system_clock
from whodid.config.settings import Settings
from whodid.demo.mark import is_demo
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings as WindowSettings
from whodid.ledger.client import SequencerClient
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import FACE_SOCKET
from whodid.ledger.manifest import read_manifest
from whodid.ledger.opening import keys_of
from whodid.ledger.port import SequencerPort
from whodid.ledger.read_memory import ReadMemory
from whodid.ledger.server import listen
from whodid.metrics import render
from whodid.serve.detection_plan import plan_of
from whodid.serve.face_front import FaceFront, FailedLoginCount, templates_of
from whodid.serve.face_metrics import face_metrics
from whodid.serve.face_protocol import FaceProtocol
from whodid.serve.freshness import keep_fresh
from whodid.serve.http_server import HttpServer
from whodid.serve.process import allow_open_files, when_told_to_end, yield_to_others
from whodid.serve.watch import Watch
from whodid.web.make_web import make_web
from whodid.web.site import PublicLog


class _AnyPath(PathConvertor):
    """The rest of an address, with line breaks too, at which Starlette's own ends."""

    regex = "(?s:.*)"


register_url_convertor("path", _AnyPath())

_RETRY_S = 5.0
_ANSWER_S = 10.0
_COUNTED_FOR_S = 1.0


def run_faces(directory: Path, settings: Settings) -> None:
    """Serve API and pages until told to end."""
    allow_open_files()
    yield_to_others(5)
    keys = keys_of(directory)
    port = SequencerClient(directory, "face", retry_s=_RETRY_S, answer_s=_ANSWER_S)
    watch = Watch(directory)
    memory = ReadMemory.of(settings.server.memory_bytes)
    reading = LedgerReading(directory, keys, port, system_clock, faults=watch.faults, memory=memory)
    ending = threading.Event()
    current = _Current(settings)
    desks = desks_of(directory, keys, port, reading, watch, lambda: current.settings)
    application = make_application(directory, keys, reading, ending, watch, desks)
    gc.freeze()
    config = uvicorn.Config(
        application, loop="uvloop", http=FaceProtocol, log_config=None, access_log=False,
        proxy_headers=True, forwarded_allow_ips="*", server_header=False, ws="none",
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = HttpServer(config)

    def stop() -> None:
        ending.set()
        server.should_exit = True

    when_told_to_end(stop, current.change)
    path = directory / FACE_SOCKET
    listener = listen(path)
    inode = path.stat().st_ino
    fresh = keep_fresh(reading, ending)
    threading.Thread(target=_write_owed, args=(desks, ending), name="owed", daemon=True).start()
    try:
        server.run([listener])
    finally:
        ending.set()
        fresh.join()
        desks.close()
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == inode:  # else another server took its place already
                path.unlink()
        reading.close()


def _write_owed(desks: Desks, ending: threading.Event) -> None:
    """Write what a killed server could not, as soon as the log takes it."""
    while not desks.write_owed():
        if ending.wait(_RETRY_S):
            return


def make_application(
    directory: Path,
    keys: KeyFolder,
    reading: LedgerReading,
    ending: threading.Event,
    watch: Watch,
    desks: Desks,
) -> Starlette:
    """Put API and pages together."""
    doorkeeper = Doorkeeper(directory, keys.state_keys())
    files = LedgerFiles(directory, keys.vkey())
    origin = read_manifest(directory, keys.vkey()).origin
    name = keys.ledger_id.hex()
    log = PublicLog(origin, keys.vkey().encode(), f"/ledger/{name}", files.checkpoint)
    tails = Tails(reading, doorkeeper, ending.is_set)
    logins = FailedLoginCount()
    api = make_api(
        reading, doorkeeper, ledger_files={name: files, "default": files},
        metrics=_Metrics(reading, watch, tails, logins), tails=tails, desks=desks,
    )  # fmt: skip
    web = make_web(reading, doorkeeper, log, desks, demo=is_demo(directory))
    routes = [*api, *web.routes]
    front = Middleware(FaceFront, count=logins, templates=templates_of(routes))
    application = Starlette(routes=routes, middleware=[front, *web.middleware])
    application.router.redirect_slashes = False
    return application


class _Current:
    """The settings as they are now; the supervisor tells when they change."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def change(self, settings: Settings) -> None:
        """Go on by other settings."""
        self.settings = settings


def desks_of(
    directory: Path, keys: KeyFolder, port: SequencerPort, reading: LedgerReading, watch: Watch,
    settings: Callable[[], Settings],
) -> Desks:  # fmt: skip
    """Return what there is of detection beside the alerts, by the settings as they are now."""

    def history() -> tuple[Choice, WindowSettings]:
        plan = plan_of(directory, settings().detection, live=False)
        return plan.choice, plan.windows

    return open_desks(
        directory, keys, port, lambda: reading.alerts, system_clock, history=history,
        settings=lambda: settings().alerts, standing=watch.detection,
    )  # fmt: skip


class _Metrics:
    """The text of /metrics, made at most once a second."""

    def __init__(
        self, reading: LedgerReading, watch: Watch, tails: Tails, logins: FailedLoginCount
    ) -> None:
        self._reading = reading
        self._watch = watch
        self._tails = tails
        self._logins = logins
        self._made_s = -_COUNTED_FOR_S
        self._text = ""

    def __call__(self) -> str:
        """Return the text. Blocks."""
        if time.monotonic() - self._made_s >= _COUNTED_FOR_S:
            events, sources = self._reading.totals()
            health = self._reading.health()
            own = [
                *log_metrics(health, events=events, sources=sources),
                *integrity_metrics(self._reading.integrity()),
                *face_metrics(tails=self._tails.open, failed_logins=self._logins.failed),
            ]
            self._text = render([*own, *self._watch.metrics()])
            self._made_s = time.monotonic()
        return self._text
