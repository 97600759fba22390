"""What a face gets of alerts. Values only."""

import re
from typing import TypeAlias

from msgspec import Struct

from whodid.app.answer import Hit
from whodid.detection.alerts.alert import Alert, Silence
from whodid.detection.alerts.reads import Place
from whodid.detection.alerts.record import AlertRecord, Raised, Silenced
from whodid.detection.rule import Level
from whodid.errors import UsageError

_PLACE = re.compile(r"[0-9]{1,15}\.[0-9]{1,15}")

Value: TypeAlias = tuple[str, str | None]
"""A field and its value; None: withheld from this reader."""


class AlertQuery(Struct, frozen=True):
    """Which alerts are asked for. All that is given must hold.

    `state` is a state, `active` (open or acknowledged) or `all`; `level` that or a graver one;
    `muted` asks for muted ones instead; `key` for a field and its value; `below` for those behind a
    place of the list.
    """

    state: str = "active"
    level: Level | None = None
    rule: str = ""
    assignee: str = ""
    muted: bool = False
    key: tuple[tuple[str, str], ...] = ()
    below: Place | None = None
    limit: int = 50


def place_text(place: Place | None) -> str | None:
    """Return a place of the list as addresses name it."""
    return None if place is None else ".".join(map(str, place))


def place_of(text: str) -> Place | None:
    """Read it back; "" is the beginning. Raises UsageError for what is no place."""
    if not text:
        return None
    if _PLACE.fullmatch(text) is None:
        raise UsageError("below is the `next` of an answer, as it was given.")
    return Place(*map(int, text.split(".")))


class ShownAlert(Struct, frozen=True):
    """An alert as a reader may see it. `content` None: its entry cannot be read any more.

    `key` and `values` hold None where the reader may not see the field, `why` where he may not see
    all of them.
    """

    alert: Alert
    content: Raised | None
    key: list[Value]
    values: list[Value]
    why: str | None


class AlertsAnswer(Struct, frozen=True):
    """A page of alerts, the newest first.

    `open` counts those that nobody acknowledged, by level; `muted`, `acknowledged` and `closed`
    count; all of them None for a reader who does not see every alert. `next` continues the page.
    `silences` are those that hold. `ever`: there was one; `reasons` say why there was none, where
    that is known. `warnings` tell what is at its bound.
    """

    alerts: list[ShownAlert]
    next: Place | None
    open: dict[Level, int] | None
    acknowledged: int | None
    closed: int | None
    muted: int | None
    silences: int
    ever: bool
    warnings: list[str]
    reasons: list[str] = []


class AlertAnswer(Struct, frozen=True):
    """One alert with all that is known: records of it, oldest first, and its matched events.

    `records_total` counts the records; of many the first and the newest are here. `hits` are the
    matched events by time, `unread` how many of them are not here. `related` are other alerts with
    a value of its key in common, and the one that it repeats or is repeated by.
    """

    shown: ShownAlert
    records: list[tuple[int, AlertRecord]]
    records_total: int
    hits: list[Hit]
    unread: int
    related: list[ShownAlert]
    may_handle: bool
    warnings: list[str]


class ShownSilence(Struct, frozen=True):
    """A silence and, where its entry can be read, what it says."""

    silence: Silence
    content: Silenced | None


class Effect(Struct, frozen=True):
    """What a silence would have muted: of `alerts` in the last `days` days so many, and examples.

    `findings` and `events` are those of the muted ones; `true_positives` counts those that somebody
    closed as an attack, `open` those that are open now.
    """

    days: int
    alerts: int
    muted: int
    findings: int
    events: int
    true_positives: int
    open: int
    examples: list[Alert]
