"""What is to be told to people, for the faces: what waits, what was given up, trying again.

Messages name a channel, alerts and why a try failed; what they say stays in the outbox. They are
for who sees every event, and for the administrator, who sets channels up: he does not see which
alerts they are about.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from whodid.app.answer import Caller
from whodid.app.instant import instant
from whodid.app.own import Act, refuse
from whodid.clock import Clock
from whodid.detection.delivery.dead import DeadLetters
from whodid.detection.delivery.kept.messages import Waiting
from whodid.detection.delivery.settings import AlertSettings, kind_of
from whodid.errors import UsageError
from whodid.ledger.keys import KeyFolder
from whodid.limits import OUTBOX_MESSAGES_SHOWN
from whodid.query.rights import NOTHING

_OUTBOX = "outbox"


class ChannelStanding(Struct, frozen=True):
    """How it is with a channel; `kind` None: the settings do not name it any more.

    `oldest_us` is when the oldest message that waits was made (µs UTC, 0: none waits).
    """

    name: str
    kind: str | None
    waiting: int
    oldest_us: int
    given_up: int


class OutboxAnswer(Struct, frozen=True):
    """Channels by name, and messages: given-up ones first, then by age, the newest first.

    Of `waiting` and `given_up` messages at most OUTBOX_MESSAGES_SHOWN each are here.
    """

    channels: list[ChannelStanding]
    messages: list[Waiting]
    waiting: int
    given_up: int
    may_retry: bool
    shows_alerts: bool


class OutboxDesk:
    """The outbox of one ledger for its readers. Safe for threads; calls block.

    Every call raises AccessDeniedError, recorded, for who may not; LedgerError when outbox.db
    cannot be opened.
    """

    def __init__(
        self, directory: Path, keys: KeyFolder, settings: Callable[[], AlertSettings],
        write: Callable[[Caller, Act], None], clock: Clock,
    ) -> None:  # fmt: skip
        self._directory, self._keys = directory, keys
        self._settings = settings
        self._write = write
        self._clock = clock

    def now(self) -> int:
        """Return the clock, µs UTC."""
        return self._clock()

    def look(self, caller: Caller) -> OutboxAnswer:
        """Return what waits and what was given up."""
        act = Act("list messages", "read", _OUTBOX, None)
        self._check(caller, act)
        with self._letters() as letters:
            counts = letters.counts()
            dead, waiting = letters.dead(), letters.waiting()
        messages = [*dead[:OUTBOX_MESSAGES_SHOWN], *waiting[:OUTBOX_MESSAGES_SHOWN]]
        shows = caller.rights.whole
        if not shows:
            messages = [replace(one, alerts=(), line="") for one in messages]
        kinds = {name: kind_of(one) for name, one in self._settings().channels.items()}
        channels = []
        for name in sorted({*kinds, *(channel for channel, _ in counts)}):
            count, oldest_us = counts.get((name, "waiting"), (0, 0))
            given_up, _ = counts.get((name, "dead"), (0, 0))
            channels.append(ChannelStanding(name, kinds.get(name), count, oldest_us, given_up))
        self._write(caller, replace(act, rows=len(messages)))
        return OutboxAnswer(
            channels, messages, len(waiting), len(dead), self._may_retry(caller), shows
        )

    def send_again(self, caller: Caller, ids: Sequence[str]) -> list[Waiting]:
        """Have messages tried (again) as soon as their channel is: given-up ones, or waiting ones.

        All or none: raises UsageError for one that is neither, and for mixed ones.
        """
        names = list(dict.fromkeys(ids))
        act = Act("send again", "administer", _OUTBOX, " ".join(names[:20]), rows=len(names))
        self._check(caller, act)
        if not self._may_retry(caller):
            refuse(
                self._write,
                caller,
                act,
                "messages are sent again by investigators and administrators",
            )
        if not names:
            raise UsageError("name the messages that are to be sent again")
        with self._letters() as letters:
            dead = {one.id for one in letters.dead()}
            again = letters.send_again if names[0] in dead else letters.try_now
            self._write(caller, act)
            return again(names)

    @contextmanager
    def _letters(self) -> Iterator[DeadLetters]:
        letters = DeadLetters(self._directory, self._keys)
        try:
            yield letters
        finally:
            letters.close()

    def _may_retry(self, caller: Caller) -> bool:
        return caller.rights == NOTHING or (caller.handles and caller.rights.whole)

    def _check(self, caller: Caller, act: Act) -> None:
        if not caller.rights.whole and caller.rights != NOTHING:
            refuse(
                self._write,
                caller,
                act,
                "messages tell that there were alerts which you may not see",
            )


def outbox_document(answer: OutboxAnswer) -> dict[str, object]:
    """Return the JSON form; `alerts` of a message are null where they are withheld."""
    return {
        "channels": [
            {
                "name": one.name, "kind": one.kind, "waiting": one.waiting,
                "oldest": instant(one.oldest_us) if one.waiting else None,
                "given_up": one.given_up,
            }
            for one in answer.channels
        ],
        "messages": [
            message_document(one, shows_alerts=answer.shows_alerts) for one in answer.messages
        ],
        "waiting": answer.waiting, "given_up": answer.given_up, "may_retry": answer.may_retry,
    }  # fmt: skip


def message_document(one: Waiting, *, shows_alerts: bool) -> dict[str, object]:
    """Return the JSON form of a message."""
    return {
        "id": one.id, "channel": one.channel,
        "state": "given up" if one.state == "dead" else "waiting",
        "made": instant(one.made_us), "attempts": one.attempts,
        "held_until": instant(one.hold_us) if one.hold_us else None,
        "next": instant(one.retry_us) if one.state == "waiting" and one.retry_us else None,
        "reason": one.reason or None, "alerts": list(one.alerts) if shows_alerts else None,
    }  # fmt: skip
