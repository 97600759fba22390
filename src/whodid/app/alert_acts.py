"""What a face asks to be done with an alert or a silence, as it was typed: checked, then done."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from msgspec import Struct

from whodid.app.alert_answer import ShownAlert, ShownSilence
from whodid.app.alert_desk import AlertDesk
from whodid.app.answer import Caller
from whodid.detection.alerts.alert import DISPOSITIONS, Disposition, SilenceKind
from whodid.detection.alerts.record import Pair
from whodid.detection.rule import LEVELS, Level
from whodid.errors import UsageError
from whodid.limits import ALERT_VALUES_MAX, QUERY_CHARS_MAX, SILENCE_DAYS_MAX

ACTS = ("acknowledge", "assign", "close", "reopen", "note")
HOURS_DEFAULT = 24.0
_HOUR_US = 3_600_000_000
_KINDS: tuple[SilenceKind, ...] = ("silence", "exclusion")


class AlertAct(Struct, forbid_unknown_fields=True):
    """What to do with an alert: one of ACTS, and what belongs to it."""

    act: str
    note: str = ""
    assignee: str = ""
    disposition: str = ""
    duplicate_of: str = ""


class SilenceAsked(Struct, forbid_unknown_fields=True):
    """What to mute; `hours` of a silence, an exclusion has none."""

    reason: str
    kind: str = "silence"
    rule: str = ""
    level: str = ""
    key: dict[str, str] = {}
    hours: float = HOURS_DEFAULT


def do(desk: AlertDesk, caller: Caller, alert_id: str, asked: AlertAct) -> ShownAlert:
    """Do it. Raises UsageError for what is no act, and as `AlertDesk` does."""
    match asked.act:
        case "acknowledge":
            return desk.acknowledge(caller, alert_id, asked.note)
        case "assign":
            return desk.assign(caller, alert_id, asked.assignee, asked.note)
        case "close":
            what = disposition_of(asked.disposition)
            return desk.close(caller, alert_id, what, asked.note, asked.duplicate_of)
        case "reopen":
            return desk.reopen(caller, alert_id, asked.note)
        case "note":
            return desk.note(caller, alert_id, asked.note)
    raise UsageError(f"what can be done with an alert is: {', '.join(ACTS)}")


def silence(desk: AlertDesk, caller: Caller, asked: SilenceAsked) -> ShownSilence:
    """Mute what is asked. Raises UsageError for what is no silence, and as `AlertDesk` does."""
    kind = next((kind for kind in _KINDS if kind == asked.kind), None)
    if kind is None:
        raise UsageError(f"what mutes is one of: {', '.join(_KINDS)}")
    expires_us = None
    if kind == "silence":
        if not 0 < asked.hours <= SILENCE_DAYS_MAX * 24:
            raise UsageError(f"a silence lasts for hours, at most {SILENCE_DAYS_MAX * 24}")
        expires_us = desk.now() + int(asked.hours * _HOUR_US)
    return desk.silence(
        caller, asked.reason, kind=kind, rule=asked.rule, level=level_of(asked.level),
        key=tuple(asked.key.items()), expires_us=expires_us,
    )  # fmt: skip


def level_of(text: str) -> Level | None:
    """Return a level, None for nothing. Raises UsageError for what is none."""
    if not text:
        return None
    for level in LEVELS:
        if level == text:
            return level
    raise UsageError(f"a level is one of: {', '.join(LEVELS)}")


def disposition_of(text: str) -> Disposition:
    """Return what an alert was. Raises UsageError for what is none."""
    for disposition in DISPOSITIONS:
        if disposition == text.strip().replace("-", " "):
            return disposition
    raise UsageError(f"say what the alert was: {', '.join(DISPOSITIONS)}")


def key_of(text: str) -> tuple[Pair, ...]:
    """Return fields and values of a text as in an address: `actor=alice&ip=10.0.0.7`.

    Raises UsageError for what is none.
    """
    if not text:
        return ()
    try:
        if len(text) > QUERY_CHARS_MAX:
            raise ValueError
        pairs = parse_qsl(text, strict_parsing=True, max_num_fields=ALERT_VALUES_MAX)
        if not pairs or not all(field and value for field, value in pairs):
            raise ValueError
    except ValueError:
        raise UsageError("a key is fields and values, as in actor=alice&ip=10.0.0.7") from None
    return tuple(pairs)


def key_of_items(items: Iterable[str]) -> tuple[Pair, ...]:
    """Return fields and values of texts such as `actor=alice`. Raises UsageError."""
    found = []
    for item in items:
        field, equals, value = item.partition("=")
        if not equals or not field or not value:
            raise UsageError(f"{item[:64]!r} is no field with its value, such as actor=alice")
        found.append((field, value))
    return tuple(found)
