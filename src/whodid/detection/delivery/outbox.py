"""The outbox: what is to be told is durable before it is sent, and marked after it was.

A step:

1. Tries whose event is not in the ledger yet are told to it.
2. Changes behind the cursor become messages (`intake`), alerts that nobody acknowledged too.
3. The messages that are due are tried, in each line one after the other. The number of the try is
   durable before it begins, its outcome when it ended: a crash between sends the message again,
   with the same id.
4. Beats are sent.

It blocks as long as channels take, so it has a thread of its own. A channel that did not take a
message is left alone for a moment, so that it delays the others once and not for each message.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from whodid.clock import Clock
from whodid.detection.delivery.backoff import Random, backoff_us
from whodid.detection.delivery.change import Attempt, Changes, Told
from whodid.detection.delivery.channels.channel import Channel, NotTakenError
from whodid.detection.delivery.heartbeat import Beat, Heartbeat
from whodid.detection.delivery.intake import Intake
from whodid.detection.delivery.kept.attempts import Attempts
from whodid.detection.delivery.kept.database import OutboxDb
from whodid.detection.delivery.kept.messages import Messages, Waiting
from whodid.detection.delivery.kept.sealing import Sealing
from whodid.detection.delivery.routing import Routing
from whodid.detection.delivery.settings import AlertSettings
from whodid.errors import IntegrityError, UsageError, WhodidError
from whodid.ledger.keys import KeyFolder
from whodid.limits import (
    DELIVERY_BACKOFF_S_MAX,
    DELIVERY_STEP_MESSAGES,
    OUTBOX_ATTEMPTS_MAX,
    OUTBOX_DEAD_KEPT,
    OUTBOX_MESSAGES_MAX,
    OUTBOX_SENT_KEPT,
    OUTBOX_TAKE,
)

_SECOND_US = 1_000_000
_IDLE_S = 1.0
_PAUSE_US_MAX = 60 * _SECOND_US
_TELL_MAX = 200
MakeChannel = Callable[[str, AlertSettings], Channel]
"""(name, settings) → the channel. Raises UsageError."""


class Standing(Struct, frozen=True):
    """How it is with a channel: messages that wait (the oldest made when), were given up, lost."""

    waiting: int
    oldest_us: int
    dead: int
    lost: int
    full: bool


class Outbox:
    """The outbox of a ledger. One at a time has `step` called; calls of one thread.

    `alive` and `use` may be called by another. Raises LedgerError when outbox.db cannot be opened,
    UsageError for calendars that cannot be read; a channel that cannot be made takes nothing.
    """

    def __init__(
        self, directory: Path, keys: KeyFolder, settings: AlertSettings, *,
        changes: Changes, told: Told, make: MakeChannel, clock: Clock, random: Random,
    ) -> None:  # fmt: skip
        self._sealing = Sealing(keys.ledger_id, keys.keks())
        self._db = OutboxDb(directory, self._sealing)
        self._messages, self._attempts = Messages(self._db), Attempts(self._db)
        self._intake = Intake(self._db, self._sealing, settings)
        self._changes, self._told = changes, told
        self._make, self._clock, self._random = make, clock, random
        self._heartbeat = Heartbeat(told, 1, ())
        self._channels: dict[str, Channel] = {}
        self._settings = settings
        self._next: tuple[AlertSettings, dict[str, Channel]] | None = None
        self._pauses: dict[str, tuple[int, int, int]] = {}  # failures in a row, from, until
        self.outcomes: dict[tuple[str, str], int] = {}
        self.untold = self.dropped = 0
        self.trouble = ""
        self.use(settings)

    def use(self, settings: AlertSettings, make: MakeChannel | None = None) -> None:
        """Deliver by these settings from the next step on. Raises UsageError: nothing changes.

        Secrets are read now; `make` makes channels from now on.
        """
        Routing(settings)
        self._make = make or self._make
        channels: dict[str, Channel] = {}
        for name in settings.channels:
            try:
                channels[name] = self._make(name, settings)
            except UsageError as error:
                channels[name] = _Broken(str(error))
        self._next = (settings, channels)

    def alive(self) -> None:
        """Note that the detector came round; without it no beat is sent."""
        self._heartbeat.alive(self._clock())

    def step(self) -> float:
        """Do what is due; return for how many seconds nothing is. Never raises for one failure.

        `trouble` says what went wrong with the outbox itself, empty when nothing did.
        """
        self.trouble = ""
        busy = False
        self._change_settings()
        for part in (self._tell, self._take, self._send_all):
            try:
                busy = part() or busy
            except (WhodidError, OSError) as error:  # the ledger, or the disk: the next time
                self.trouble = str(error)
        self._heartbeat.step(self._channels, self._clock())
        return 0.0 if busy and not self.trouble else _IDLE_S

    def standing(self) -> dict[str, Standing]:
        """Return how it is with each channel that the settings or messages name.

        Raises LedgerError when outbox.db cannot be read.
        """
        counts = self._messages.counts()
        found = {}
        for name in sorted({*self._settings.channels, *(channel for channel, _ in counts)}):
            waiting, oldest_us = counts.get((name, "waiting"), (0, 0))
            dead, _ = counts.get((name, "dead"), (0, 0))
            lost = self._intake.lost.get(name)
            found[name] = Standing(
                waiting, oldest_us, dead, lost.count if lost else 0, waiting >= OUTBOX_MESSAGES_MAX
            )
        return found

    @property
    def beats(self) -> dict[str, Beat]:
        """How it is with the heartbeat, by channel."""
        return self._heartbeat.beats

    @property
    def unrouted(self) -> int:
        """How many changes no route was for, since the start."""
        return self._intake.unrouted

    def close(self) -> None:
        """Close the file and the channels."""
        self._close_channels()
        self._db.close()

    # --- the parts of a step ---------------------------------------------------------------------

    def _change_settings(self) -> None:
        following, self._next = self._next, None
        if following is None:
            return
        self._close_channels()
        self._settings, self._channels = following
        self._intake.use(self._settings)
        self._pauses.clear()
        minutes, names = self._settings.heartbeat_minutes, self._settings.heartbeat_channels
        self._heartbeat.use(minutes * 60, names)

    def _tell(self) -> bool:
        for channel, lost in self._intake.lost.items():
            if lost.count > lost.told:
                self._told.lost(channel, lost.count, lost.since_us)
                lost.told = lost.count
        found = self._attempts.first(_TELL_MAX)
        done = 0
        try:
            for attempt in found:
                self._told.attempt(attempt)
                done += 1
        finally:
            self._attempts.forget(found[:done])
        return done == _TELL_MAX

    def _take(self) -> bool:
        now_us = self._clock()
        cursor = self._intake.cursor
        changes = self._changes.changes(cursor, OUTBOX_TAKE)
        if changes:
            self._intake.take(changes, now_us)
        self._intake.escalate(now_us)
        return bool(changes)

    def _send_all(self) -> bool:
        """Send what is due of each channel; a message of one that is gone is given up."""
        busy = False
        counts = self._messages.counts()
        named = {channel for channel, state in counts if state == "waiting"}
        for name in [*self._channels, *sorted(named - self._channels.keys())]:
            if not self._is_paused(name):
                busy = self._send_some(name) or busy
        if counts:
            self._messages.drop_beyond("sent", OUTBOX_SENT_KEPT)
            self.dropped += self._messages.drop_beyond("dead", OUTBOX_DEAD_KEPT)
        self._tell()
        return busy

    def _send_some(self, name: str) -> bool:
        now_us = self._clock()
        waits = (
            DELIVERY_BACKOFF_S_MAX, self._settings.group_wait_seconds,
            self._settings.group_interval_seconds,
        )  # fmt: skip
        far_us = now_us + round((max(waits) + 1) * _SECOND_US)
        due = self._messages.heads(name, now_us, far_us, DELIVERY_STEP_MESSAGES)
        for message in due:
            if not self._send(message):
                return False
        return len(due) == DELIVERY_STEP_MESSAGES

    # --- one message -----------------------------------------------------------------------------

    def _send(self, message: Waiting) -> bool:
        """Try a message; tell whether its channel took it, or it has none to ask."""
        channel = self._channels.get(message.channel)
        if channel is None:
            self._ended(message, "given up", "the settings have no such channel any more")
            return True
        if message.attempts >= message.last:
            self._ended(message, "given up", "whodid ended while it was tried for the last time")
            return True
        number = message.attempts + 1
        wait_us = backoff_us(message.tries + 1, self._random)
        message = msgspec.structs.replace(
            message, attempts=number, retry_us=self._clock() + wait_us
        )
        self._messages.put(message)
        try:
            channel.send(self._messages.body(message))
        except NotTakenError as error:
            self._failed(message, error)
            return False
        except IntegrityError as error:
            self._ended(message, "given up", str(error))
            return True
        self._pauses.pop(message.channel, None)
        self._ended(message, "sent", "")
        return True

    def _failed(self, message: Waiting, error: NotTakenError) -> None:
        failures = self._pauses.get(message.channel, (0, 0, 0))[0] + 1
        now_us = self._clock()
        pause_us = backoff_us(failures, self._random, error.retry_after_s)
        until_us = now_us + min(pause_us, max(_PAUSE_US_MAX, round(error.retry_after_s * 1e6)))
        self._pauses[message.channel] = (failures, now_us, until_us)
        if message.attempts >= message.last:
            self._ended(message, "given up", str(error))
            return
        retry_us = now_us + backoff_us(message.tries, self._random, error.retry_after_s)
        self._ended(msgspec.structs.replace(message, retry_us=retry_us), "failed", str(error))

    def _ended(
        self, message: Waiting, outcome: Literal["sent", "failed", "given up"], reason: str
    ) -> None:
        """Keep how a try ended, and the try until its event is written."""
        now_us = self._clock()
        states: dict[str, Literal["sent", "waiting", "dead"]] = {
            "sent": "sent", "failed": "waiting", "given up": "dead",
        }  # fmt: skip
        done_us = 0 if outcome == "failed" else now_us
        row = msgspec.structs.replace(
            message, state=states[outcome], done_us=done_us, reason=reason
        )
        attempt = Attempt(
            f"delivery {message.id} {message.attempts} {outcome}", message.id, message.channel,
            message.attempts, outcome, now_us, message.alerts, reason,
        )  # fmt: skip
        with self._db.together():
            self._messages.put(row)
            self.untold += self._attempts.put(attempt, OUTBOX_ATTEMPTS_MAX)
        key = (message.channel, outcome)
        self.outcomes[key] = self.outcomes.get(key, 0) + 1

    def _is_paused(self, name: str) -> bool:
        _, from_us, until_us = self._pauses.get(name, (0, 0, 0))
        return from_us <= self._clock() < until_us

    def _close_channels(self) -> None:
        for channel in self._channels.values():
            with suppress(OSError):
                channel.close()
        self._channels = {}


class _Broken:
    """A channel whose settings cannot work: its messages wait until they do."""

    groups = False
    tells: frozenset[Literal["opened", "repeated", "acknowledged", "closed", "escalated"]] = (
        frozenset()
    )

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def send(self, _message: object) -> None:
        """Refuse it."""
        raise NotTakenError(self._reason)

    def close(self) -> None:
        """Nothing is held."""
