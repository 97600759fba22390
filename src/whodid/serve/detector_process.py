"""The detector's process: looks for what rules and learning say, as entries become durable.

It yields to ingest, the follower and the faces (nice 7): it is behind rather than in their way.
Alerts are delivered by a thread of it, which waits for others' servers.
"""

import gc
import logging
import sqlite3
import threading
import time
from pathlib import Path

from whodid.app.alerting import open_alerts
from whodid.app.delivering import Delivery
from whodid.app.detecting import Detecting
from whodid.app.own import OwnEvents
from whodid.app.self_watch import SelfWatch
from whodid.clock import system_clock
from whodid.config.settings import Settings
from whodid.detection.alerts.alerts import Alerts
from whodid.detection.taxonomy.native import native_of
from whodid.errors import UsageError, WhodidError
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.client import SequencerClient
from whodid.ledger.keys import KeyFolder
from whodid.ledger.opening import keys_of
from whodid.limits import DETECTION_LOOK_S, DETECTION_SELF_S
from whodid.metrics import Metric
from whodid.serve.detection_plan import plan_of
from whodid.serve.detector_metrics import DetectorMetrics
from whodid.serve.metrics_file import MetricsFile
from whodid.serve.process import when_told_to_end, yield_to_others

_log = logging.getLogger("whodid.detector")
_ROLE = "detector"
_IDLE_S = 0.1
_AGAIN_S = 1.0
_SELF_AGAIN_S = 10.0


def run_detector(directory: Path, settings: Settings) -> None:
    """Detect until told to end. Raises LedgerError when the keys are not here.

    What fails is said once and tried again from the state that was kept last.
    """
    stopping = threading.Event()
    yield_to_others(7)
    gc.set_threshold(50_000, 20, 20)  # what waits in windows is hundreds of thousands of tuples
    process = _Process(directory, keys_of(directory), settings)
    when_told_to_end(stopping.set, process.change)
    process.begin()
    said = ""
    while not stopping.is_set():
        try:
            worked = process.step()
        except (WhodidError, OSError, sqlite3.Error) as error:
            if str(error) != said:
                said = str(error)
                _log.warning("%s", said)
            process.drop()
            stopping.wait(_AGAIN_S)
            continue
        said = ""
        if not worked:
            stopping.wait(_IDLE_S)
    process.end()


class _Process:
    """Detection and delivery of one ledger. `change` is called by another thread."""

    def __init__(self, directory: Path, keys: KeyFolder, settings: Settings) -> None:
        self._directory = directory
        self._keys = keys
        self._settings = settings
        self._port = SequencerClient(directory, _ROLE)
        self._metrics = DetectorMetrics()
        self._detecting: Detecting | None = None
        self._alerts: Alerts | None = None
        self._watch: SelfWatch | None = None
        self._watched_s = self._faults_s = float("-inf")
        outside = SequencerClient(directory, _ROLE)  # of the other thread

        def changes() -> Alerts:
            return open_alerts(directory, keys, outside, system_clock)

        self._delivery = Delivery(
            directory, keys, _own(keys, outside), changes, settings.alerts,
            settings.server.public_url,
        )  # fmt: skip

    def begin(self) -> None:
        """Begin to deliver and to tell metrics."""
        MetricsFile(self._directory, "detector").keep(self._told)
        self._delivery.start()

    def change(self, settings: Settings) -> None:
        """Go on by other settings."""
        self._settings = settings
        try:
            self._delivery.use(settings.alerts, settings.server.public_url)
        except UsageError as error:
            _log.error("alerts are delivered as before: %s", error)

    def step(self) -> bool:
        """Do a bounded piece of work; tell whether there was any."""
        settings = self._settings.detection
        if not settings.enabled:
            self._keep()
            return False
        plan = plan_of(self._directory, settings, live=True)
        if self._detecting is None:
            self._metrics.begun_anew()
            self._alerts = self._alerts or open_alerts(
                self._directory, self._keys, self._port, system_clock
            )
            self._detecting = Detecting(
                self._directory, self._keys, self._port, _own(self._keys, self._port),
                self._alerts, native_of, plan, system_clock,
            )  # fmt: skip
        self._detecting.plan(plan)
        worked = self._detecting.step()
        self._watch_self(self._alerts)
        self._delivery.alive()
        _tell(self._metrics, self._detecting)
        return worked

    def _watch_self(self, alerts: Alerts | None) -> None:
        """Look whether the ledger and its sources are sound; what is wrong is an alert.

        A new fault of the ledger does not wait for the next look at all of it.
        """
        now_s = time.monotonic()
        if alerts is None or now_s - self._faults_s < DETECTION_LOOK_S:
            return
        self._faults_s = now_s
        try:
            self._watch = self._watch or SelfWatch(
                self._directory, self._keys, self._port, system_clock
            )
            alerts.take(self._watch.faults())
            if now_s - self._watched_s >= DETECTION_SELF_S:
                self._watched_s = now_s
                alerts.take(self._watch.findings())
        except (WhodidError, OSError, sqlite3.Error) as error:
            # What was found may not have been taken: soon all of it is looked at again.
            self._watched_s = min(self._watched_s, now_s - DETECTION_SELF_S + _SELF_AGAIN_S)
            _log.warning("the ledger and its sources were not looked at: %s", error)

    def drop(self) -> None:
        """Forget what failed; what it found and could not hand on is found again."""
        self._metrics.failures += 1
        if self._detecting is not None:
            self._detecting.drop()
            self._detecting = None

    def end(self) -> None:
        """Keep the state, and end."""
        self._keep()
        self._delivery.stop()

    def _keep(self) -> None:
        if self._detecting is None:
            return
        try:
            self._detecting.close()
        except (WhodidError, OSError) as error:
            _log.warning("the state of detection was not kept: %s", error)
        self._detecting = None

    def _told(self) -> list[Metric]:
        return [*self._metrics.metrics(), *self._delivery.metrics()]


def _own(keys: KeyFolder, port: SequencerClient) -> OwnEvents:
    builder = BatchBuilder(keys.ledger_id, keys.public_kek())
    return OwnEvents(port, builder, keys.identity_root(), system_clock)


def _tell(metrics: DetectorMetrics, detecting: Detecting) -> None:
    detector, engine = detecting.detector, detecting.engine
    metrics.stands(
        durable=detecting.durable, cursor=detector.cursor, counts=detector.counts,
        state_bytes=detector.state_bytes,
    )  # fmt: skip
    book = detecting.ready.book
    unusable = 0 if engine is None else len(engine.unusable)
    metrics.rules(
        used=len(book.rules), faults=book.faults, unusable=unusable, blind=detecting.health.blind
    )
    metrics.notices(detecting.take_notices())
    metrics.learning(detecting.scorer)
