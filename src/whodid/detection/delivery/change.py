"""What happened to an alert that people may be told, and the ports of the outbox.

`Changes` is fulfilled by whoever keeps the alerts, `Told` by who writes whodid's own events.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from whodid.detection.rule import Level

ChangeKind: TypeAlias = Literal["opened", "repeated", "acknowledged", "closed", "escalated"]
"""`repeated`: it went on, or came again after the interval in which repeats are only counted.
`escalated` is made here, of an alert that nobody acknowledged."""


class Change(Struct, frozen=True):
    """One change of one alert, as it is told.

    `position` grows from change to change and is never given twice; `at_us` is when it changed (not
    when its events happened, which is `first_us` to `last_us`); all in µs UTC. `alert` names the
    alert's page, `fingerprint` is the same for repeats of the same thing. `key` are the values that
    its events have in common, `why` a sentence with the numbers: content of events, told only as
    far as a channel's settings allow. `by` and `reason` are of an acknowledgement or a close.
    `tags` are the rule's.
    """

    position: int
    at_us: int
    kind: ChangeKind
    alert: str
    fingerprint: str
    level: Level
    rule: str
    title: str
    count: int = 1
    first_us: int = 0
    last_us: int = 0
    key: tuple[tuple[str, str], ...] = ()
    why: str = ""
    by: str = ""
    reason: str = ""
    tags: tuple[str, ...] = ()


class Changes(Protocol):
    """Where changes come from: durable, in one order. Silenced and inhibited ones are left out."""

    def changes(self, after: int, limit: int) -> Sequence[Change]:
        """Return at most `limit` changes of positions above `after`, in order; `after` -1: all.

        The same question has the same answer, or more at its end. May raise WhodidError or OSError:
        asked again later.
        """
        ...


class Attempt(Struct, frozen=True):
    """One try to deliver a message, for the ledger.

    `outcome`: `sent`, `failed` (tried again), `given up` (nobody tries again by himself). `once`
    names the attempt: a second event of that name is a duplicate. `reason` has no content of events
    and nothing that the receiver said but a number. `alerts` are the alerts' ids.
    """

    once: str
    message: str
    channel: str
    number: int
    outcome: Literal["sent", "failed", "given up"]
    at_us: int
    alerts: tuple[str, ...]
    reason: str = ""


class Told(Protocol):
    """The way to the ledger."""

    def attempt(self, attempt: Attempt) -> None:
        """Make its event durable. Raises WhodidError or OSError: asked again later."""
        ...

    def heartbeat(self, channel: str, *, ok: bool, since_us: int, reason: str) -> None:
        """Tell that the heartbeat began to arrive or to fail. Raises as `attempt`."""
        ...

    def lost(self, channel: str, count: int, since_us: int) -> None:
        """Tell that a full outbox left out `count` messages of a channel. Raises as `attempt`."""
        ...
