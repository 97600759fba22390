"""Delivery put together: the outbox of a ledger in a thread of its own, for who runs the detector.

delivery = Delivery(directory, keys, own, open_changes, settings.alerts, settings.server.public_url)
delivery.start()
delivery.alive()                      # each time the detector comes round
delivery.use(settings.alerts, url)    # after the settings changed
delivery.stop()
"""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from secrets import SystemRandom

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents
from whodid.clock import Clock, system_clock
from whodid.detection.delivery.change import Attempt, Changes
from whodid.detection.delivery.channels.channel import Channel
from whodid.detection.delivery.channels.make import make_channel
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.metrics import outbox_metrics
from whodid.detection.delivery.outbox import MakeChannel, Outbox
from whodid.detection.delivery.settings import AlertSettings
from whodid.errors import UsageError, WhodidError
from whodid.ledger.keys import KeyFolder
from whodid.metrics import Metric
from whodid.query.rights import DELIVERY_KIND

_log = logging.getLogger("whodid.delivery")
_AGAIN_S = 5.0
_END_S = 30.0
_ACTIONS = {"sent": "deliver alert", "failed": "deliver alert", "given up": "give up alert"}
THE_OUTBOX = Caller("outbox", "server")
"""Who tells people."""


class OwnTold:
    """Writes the events of deliveries (see `Told`); the name of each makes it one."""

    def __init__(self, own: OwnEvents) -> None:
        self._own = own

    def attempt(self, attempt: Attempt) -> None:
        """Write `deliver alert` or `give up alert`: to which channel, the alerts, which try."""
        about = f"attempt {attempt.number}"
        act = Act(
            _ACTIONS[attempt.outcome], "other", DELIVERY_KIND, attempt.message,
            outcome="success" if attempt.outcome == "sent" else "failure",
            reason=f"{about}: {attempt.reason}" if attempt.reason else about,
            parent=attempt.channel, others=attempt.alerts,
            story=attempt.alerts[0] if attempt.alerts else None,
        )  # fmt: skip
        self._own.write(THE_OUTBOX, act, attempt.once)

    def heartbeat(self, channel: str, *, ok: bool, since_us: int, reason: str) -> None:
        """Write `heartbeat`: that it began to arrive, or to fail."""
        outcome = "success" if ok else "failure"
        act = Act("heartbeat", "other", "channel", channel,
                  outcome="success" if ok else "failure", reason=reason or None)  # fmt: skip
        self._own.write(THE_OUTBOX, act, f"heartbeat {channel} {outcome} {since_us}")

    def lost(self, channel: str, count: int, since_us: int) -> None:
        """Write `outbox full`, with how many messages were left out by now."""
        act = Act("outbox full", "other", "channel", channel, rows=count, outcome="failure",
                  reason=f"{count} messages were left out since the server started")  # fmt: skip
        self._own.write(THE_OUTBOX, act, f"outbox full {channel} {since_us} {count}")


def maker(public_url: str, clock: Clock = system_clock) -> MakeChannel:
    """Return how channels are made of settings, with secrets of this process's environment."""

    def make(name: str, settings: AlertSettings) -> Channel:
        return make_channel(
            name, settings.channels[name], public_url=public_url, environment=os.environ,
            clock=clock,
        )  # fmt: skip

    return make


def check_channels(settings: AlertSettings, public_url: str) -> None:
    """Read the secrets of every channel as the server would. Raises UsageError."""
    make = maker(public_url)
    for name in settings.channels:
        make(name, settings).close()


def try_channel(name: str, settings: AlertSettings, public_url: str) -> None:
    """Send a marked trial, now and once. Raises UsageError and NotTakenError."""
    if name not in settings.channels:
        known = ", ".join(settings.channels) or "none is in the settings"
        raise UsageError(f"there is no channel {name!r}; known: {known}")
    channel = maker(public_url)(name, settings)
    try:
        channel.send(Message(f"trial_{os.urandom(12).hex()}", trial=True))
    finally:
        channel.close()


class Delivery:
    """A thread that delivers. What fails is tried again; it ends by `stop` only."""

    def __init__(
        self, directory: Path, keys: KeyFolder, own: OwnEvents, changes: Callable[[], Changes],
        settings: AlertSettings, public_url: str, clock: Clock = system_clock,
    ) -> None:  # fmt: skip
        self._directory, self._keys, self._clock = directory, keys, clock
        self._told = OwnTold(own)
        self._open_changes = changes
        self._settings = settings
        self._public_url = public_url
        self._outbox: Outbox | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a message that is under way may have half a minute."""
        self._stopping.set()
        self._thread.join(_END_S)

    def alive(self) -> None:
        """Note that the detector came round."""
        outbox = self._outbox
        if outbox is not None:
            outbox.alive()

    def use(self, settings: AlertSettings, public_url: str) -> None:
        """Deliver by these settings from now on. Raises UsageError: then nothing changed."""
        with self._lock:
            self._settings, self._public_url = settings, public_url
            if self._outbox is not None:
                self._outbox.use(settings, maker(public_url, self._clock))

    def metrics(self) -> list[Metric]:
        """Return how it is; nothing while the outbox is not open."""
        outbox = self._outbox
        try:
            return [] if outbox is None else outbox_metrics(outbox, self._clock())
        except WhodidError:
            return []

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                outbox = self._open()
            except (WhodidError, OSError) as error:
                self._say(str(error))
                self._stopping.wait(_AGAIN_S)
                continue
            try:
                while not self._stopping.is_set():
                    wait_s = outbox.step()
                    self._say(outbox.trouble)
                    self._stopping.wait(wait_s)
            except Exception:  # noqa: BLE001 - alerts are told again whatever one of them did
                _log.exception("delivery failed and is begun again")
                self._stopping.wait(_AGAIN_S)
            finally:
                self._outbox = None
                outbox.close()

    def _open(self) -> Outbox:
        with self._lock:
            self._outbox = Outbox(
                self._directory, self._keys, self._settings, changes=self._open_changes(),
                told=self._told, make=maker(self._public_url, self._clock), clock=self._clock,
                random=SystemRandom().random,
            )  # fmt: skip
            return self._outbox

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._said:
            _log.warning("delivery of alerts: %s", trouble)
        self._said = trouble
