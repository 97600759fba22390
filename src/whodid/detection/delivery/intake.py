"""Taking changes of alerts in: each becomes messages of the channels that it is for.

What is written of one batch, and the place behind it, are durable at once: a crash between takes
the batch in again, and nothing of it twice.
"""

from collections.abc import Sequence

import msgspec

from whodid.detection.delivery.change import Change
from whodid.detection.delivery.channels.make import CLASSES
from whodid.detection.delivery.kept.database import OutboxDb
from whodid.detection.delivery.kept.messages import Messages, Waiting
from whodid.detection.delivery.kept.sealing import Sealing
from whodid.detection.delivery.kept.told_alerts import ToldAlert, ToldAlerts
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.routing import Routing
from whodid.detection.delivery.settings import AlertSettings
from whodid.detection.delivery.text import limited
from whodid.errors import IntegrityError
from whodid.limits import (
    DELIVERY_ATTEMPTS_MAX,
    MESSAGE_CHANGES_MAX,
    OUTBOX_ALERTS_MAX,
    OUTBOX_MESSAGES_MAX,
    OUTBOX_OLD_S,
    OUTBOX_TAKE,
)

_CURSOR = "cursor"
_BEGUN = "begun"
_SECOND_US = 1_000_000
_BEGINS = ("opened", "repeated")


class Lost(msgspec.Struct):
    """Messages of a channel that a full outbox left out since `since_us`; `told` were said."""

    count: int = 0
    since_us: int = 0
    told: int = 0


class Intake:
    """Writes messages. One writer: the outbox.

    `lost`, `unrouted` (changes that no route is for), `forgotten` (open alerts) and `old` count
    what was left out since the start.
    """

    def __init__(self, db: OutboxDb, sealing: Sealing, settings: AlertSettings) -> None:
        self._db = db
        self._sealing = sealing
        self._messages = Messages(db)
        self._alerts = ToldAlerts(db)
        self._waiting: dict[str, int] = {}
        self.lost: dict[str, Lost] = {}
        self.unrouted = self.forgotten = self.old = 0
        self.use(settings)

    def use(self, settings: AlertSettings) -> None:
        """Route by these settings from now on. Raises UsageError."""
        self._routing = Routing(settings)
        self._settings = settings

    @property
    def cursor(self) -> int:
        """The position up to which changes were taken in."""
        return self._db.number(_CURSOR, -1)

    def take(self, changes: Sequence[Change], now_us: int) -> None:
        """Take in what comes behind the cursor. Raises LedgerError: then nothing of it was."""
        cursor = self.cursor
        with self._db.together():
            begun = self._db.number(_BEGUN, 0)
            if not begun:
                begun = now_us
                self._db.keep_number(_BEGUN, begun)
            self._count()
            for change in changes:
                if change.position <= cursor:
                    continue
                if change.at_us < begun - OUTBOX_OLD_S * _SECOND_US:
                    self.old += 1
                else:
                    self._take_one(change, now_us)
            if changes:
                self._db.keep_number(_CURSOR, max(cursor, changes[-1].position))
            self.forgotten += self._alerts.forget_beyond(OUTBOX_ALERTS_MAX)

    def escalate(self, now_us: int) -> None:
        """Write the messages of alerts that nobody acknowledged in time. Raises LedgerError."""
        due = self._alerts.to_escalate(now_us, OUTBOX_TAKE)
        if not due:
            return
        with self._db.together():
            self._count()
            for told in due:
                if told.since_us > now_us:  # the clock was set back: the wait begins anew
                    self._alerts.put(msgspec.structs.replace(told, since_us=now_us))
                else:
                    self._escalate_one(told, now_us)

    # ---------------------------------------------------------------------------------------------

    def _take_one(self, change: Change, now_us: int) -> None:
        known = self._alerts.find(change.alert)
        if change.kind not in _BEGINS:
            if known is not None:
                self._end(known, change, now_us)
            return
        way = self._routing.way(change, now_us)
        if not way.channels:
            self.unrouted += 1
        escalations = way.escalations if known is None else known.escalations
        for channel, from_us in way.channels.items():
            self._put(channel, change, now_us, from_us)
        if way.channels or escalations:
            channels = dict.fromkeys((*(known.channels if known else ()), *way.channels))
            since_us = known.since_us if known else now_us
            told = ToldAlert(change.alert, now_us, tuple(channels), since_us, escalations)
            self._alerts.put(told, change)

    def _end(self, known: ToldAlert, change: Change, now_us: int) -> None:
        """Tell of an acknowledgement or a close whoever was told of the alert."""
        for channel in known.channels:
            settings = self._settings.channels.get(channel)
            if settings is not None and settings.ends:
                self._put(channel, change, now_us, now_us)
        if change.kind == "closed":
            self._alerts.forget(change.alert)
        else:
            self._alerts.put(msgspec.structs.replace(known, escalations=()))

    def _escalate_one(self, told: ToldAlert, now_us: int) -> None:
        due = [item for item in told.escalations if told.since_us + item.after_us <= now_us]
        try:
            change = self._alerts.change(told)
        except IntegrityError:  # its text is lost: nothing can be told of it
            self._alerts.put(msgspec.structs.replace(told, escalations=()))
            return
        change = msgspec.structs.replace(change, kind="escalated", at_us=now_us)
        names = dict.fromkeys(name for item in due for name in item.channels)
        for channel in names:
            self._put(channel, change, now_us, now_us, str(min(item.after_us for item in due)))
        left = tuple(item for item in told.escalations if item not in due)
        channels = tuple(dict.fromkeys((*told.channels, *names)))
        self._alerts.put(msgspec.structs.replace(told, channels=channels, escalations=left))

    def _put(
        self, channel: str, change: Change, now_us: int, from_us: int, again: str = ""
    ) -> None:
        """Write a change into a channel's message that still gathers, else into a new one."""
        settings = self._settings.channels.get(channel)
        if settings is None or change.kind not in CLASSES[type(settings)].tells:
            return
        groups = CLASSES[type(settings)].groups
        line = f"rule {change.rule}" if groups else f"alert {change.fingerprint}"
        # Held by a calendar only: else a clock that is set back would hold it, too.
        hold_us = from_us if from_us > now_us else 0
        newest = self._messages.newest(channel, line)
        change = limited(change, settings.content)
        if groups and newest is not None and self._gather(newest, change, hold_us):
            return
        if self._waiting.get(channel, 0) >= OUTBOX_MESSAGES_MAX:
            lost = self.lost.setdefault(channel, Lost(since_us=now_us))
            lost.count += 1
            return
        retry_us = now_us
        if groups:
            retry_us += round(self._settings.group_wait_seconds * _SECOND_US)
            if newest is not None and newest.done_us <= now_us:
                interval_us = round(self._settings.group_interval_seconds * _SECOND_US)
                retry_us = max(retry_us, newest.done_us + interval_us)
        name = self._sealing.name(channel, change.position, change.kind, change.alert, again)
        message = Waiting(
            f"msg_{name}", self._messages.next_seq(), channel, line, "waiting", now_us,
            hold_us, retry_us, 0, DELIVERY_ATTEMPTS_MAX, alerts=(change.alert,),
        )  # fmt: skip
        self._messages.put(message, Message(message.id, (change,)))
        self._waiting[channel] = self._waiting.get(channel, 0) + 1

    def _gather(self, newest: Waiting, change: Change, hold_us: int) -> bool:
        """Add a change to a message that nobody tried to send yet; tell whether that could be."""
        if newest.state != "waiting" or newest.attempts:
            return False
        try:
            body = self._messages.body(newest)
        except IntegrityError:
            return False
        if len(body.changes) < MESSAGE_CHANGES_MAX:
            body = msgspec.structs.replace(body, changes=(*body.changes, change))
        else:
            body = msgspec.structs.replace(body, more=body.more + 1)
        alerts = tuple(dict.fromkeys((*newest.alerts, change.alert)))[:MESSAGE_CHANGES_MAX]
        row = msgspec.structs.replace(newest, hold_us=min(newest.hold_us, hold_us), alerts=alerts)
        self._messages.put(row, body)
        return True

    def _count(self) -> None:
        counts = self._messages.counts()
        self._waiting = {name: n for (name, state), (n, _) in counts.items() if state == "waiting"}
