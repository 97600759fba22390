"""Which alerts a silence mutes, and what is a silence at all."""

from collections.abc import Iterable

from whodid.detection.alerts.alert import Silence
from whodid.detection.alerts.record import Pair
from whodid.detection.rule import LEVELS, Level
from whodid.errors import UsageError
from whodid.limits import (
    ALERT_NOTE_CHARS_MAX,
    ALERT_VALUE_CHARS_MAX,
    ALERT_VALUES_MAX,
    SILENCE_DAYS_MAX,
)

_DAY_US = 86_400_000_000
RULE_CHARS_MAX = 256


def level_of(number: int) -> Level:
    """Return the level of a row."""
    return LEVELS[min(max(number, 0), len(LEVELS) - 1)]


def mutes(silence: Silence, rule: str, level: Level, tags: Iterable[bytes]) -> bool:
    """Tell whether an alert is one of those that a silence is about; its time is not asked."""
    if silence.rule and silence.rule != rule:
        return False
    if silence.level is not None and LEVELS.index(level) > LEVELS.index(silence.level):
        return False
    return set(silence.tags) <= set(tags)


def is_on(silence: Silence, now_us: int) -> bool:
    """Tell whether a silence holds at a time."""
    if silence.ended_us is not None:
        return False
    return silence.expires_us is None or now_us < silence.expires_us


def check_matcher(rule: str, key: tuple[Pair, ...]) -> None:
    """Raise UsageError for what would mute everything, or is too much."""
    if not rule and not key:
        raise UsageError("say what is muted: a rule, or a field and its value, or both")
    if len(rule) > RULE_CHARS_MAX:
        raise UsageError(f"a rule's id has at most {RULE_CHARS_MAX} characters")
    if len(key) > ALERT_VALUES_MAX:
        raise UsageError(f"a silence names at most {ALERT_VALUES_MAX} fields")
    for field, value in key:
        if not field or not value:
            raise UsageError("each field of a silence has a name and a value: actor=alice")
        if len(field) > ALERT_VALUE_CHARS_MAX or len(value) > ALERT_VALUE_CHARS_MAX:
            raise UsageError(f"a field and its value have at most {ALERT_VALUE_CHARS_MAX:,} chars")


def check_reason(reason: str) -> None:
    """Raise UsageError for no reason, or one that is too long."""
    if not reason.strip() or len(reason) > ALERT_NOTE_CHARS_MAX:
        raise UsageError(f"a silence has a reason, of at most {ALERT_NOTE_CHARS_MAX:,} characters")


def check_note(note: str) -> None:
    """Raise UsageError for a note that is too long."""
    if len(note) > ALERT_NOTE_CHARS_MAX:
        raise UsageError(f"a note has at most {ALERT_NOTE_CHARS_MAX:,} characters")


def check_end(now_us: int, expires_us: int | None, *, exclusion: bool) -> None:
    """Raise UsageError for a silence without an end within SILENCE_DAYS_MAX."""
    if exclusion:
        if expires_us is not None:
            raise UsageError("an exclusion has no end; make it a silence")
        return
    if expires_us is None or not now_us < expires_us <= now_us + SILENCE_DAYS_MAX * _DAY_US:
        raise UsageError(f"a silence ends within {SILENCE_DAYS_MAX} days; an exclusion does not")
