"""A message in words, for people and for machines: short, and no more of the events than allowed.

What stands in an event is hostile: it must not look like a link, a mention, a second line or
another message. Values are cleaned here for all channels; a channel escapes its own syntax besides.
"""

import re
from typing import Any
from urllib.parse import quote

from whodid.clock import to_rfc3339
from whodid.detection.delivery.change import Change
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.settings import ContentLevel
from whodid.detection.rule import LEVELS, Level
from whodid.limits import (
    MESSAGE_CHARS_MAX,
    MESSAGE_TITLE_CHARS_MAX,
    MESSAGE_VALUE_CHARS_MAX,
)

_WORDS = {
    "opened": "", "repeated": "again: ", "acknowledged": "acknowledged: ", "closed": "closed: ",
    "escalated": "not acknowledged: ",
}  # fmt: skip
_LINK = re.compile(r":(?=//)|(?<=www)\.|(?<=mailto):|(?<=\])(?=\()", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w.+-])@(?=\w)")
_SIGNS = str.maketrans({"<": "\u2039", ">": "\u203a", "`": "'"})
_YEAR_MAX_US = 253_402_300_799_000_000


class Writer:
    """Writes messages of one channel. `public_url` is where pages are, without an end slash."""

    def __init__(self, content: ContentLevel, public_url: str) -> None:
        self._content = content
        self._url = public_url.rstrip("/")

    def title(self, message: Message) -> str:
        """Return one line."""
        if message.trial:
            return "[trial] whodid reaches this channel"
        if message.heartbeat:
            return "whodid: the detector lives"
        level = gravest(message.changes)
        first = message.changes[0]
        count = len(message.changes) + message.more
        words = f"{_WORDS[first.kind]}{first.title}" if count == 1 else f"{count} of {first.title}"
        return cut(f"[{level}] {clean(words)}", MESSAGE_TITLE_CHARS_MAX)

    def body(self, message: Message) -> str:
        """Return a few lines. What does not fit is said, not cut in the middle."""
        if message.trial:
            return "A trial that an administrator asked for. Nothing happened."
        if message.heartbeat:
            return "Told again and again: when it stops, look after the server."
        parts: list[str] = []
        more = message.more
        size = 0
        for change in message.changes:
            part = "\n".join(self._lines(change))
            size += len(part) + 2
            if parts and size > MESSAGE_CHARS_MAX:
                more += 1
            else:
                parts.append(part)
        if more:
            parts.append(f"and {more} more" + (f": {self._url}/alerts" if self._url else ""))
        return "\n\n".join(parts)

    def link(self, change: Change) -> str:
        """Return the address of the alert's page, empty when there is no public one."""
        return f"{self._url}/alerts/{quote(change.alert, safe='')}" if self._url else ""

    def facts(self, change: Change) -> dict[str, Any]:
        """Return what may be said of a change, for machines; values as they are, bounded."""
        found: dict[str, Any] = {
            "alert": change.alert, "fingerprint": change.fingerprint, "level": change.level,
            "rule": change.rule, "title": cut(change.title, MESSAGE_TITLE_CHARS_MAX),
            "count": change.count,
        }  # fmt: skip
        if change.first_us:
            found |= {"first": _time(change.first_us), "last": _time(change.last_us)}
        if change.by:
            found["by"] = change.by
        if self._content != "none":
            found["key"] = {name: cut(value, MESSAGE_VALUE_CHARS_MAX) for name, value in change.key}
            if change.reason:
                found["reason"] = cut(change.reason, MESSAGE_VALUE_CHARS_MAX)
        if self._content == "why" and change.why:
            found["why"] = cut(change.why, MESSAGE_CHARS_MAX)
        link = self.link(change)
        return found | ({"url": link} if link else {})

    def _lines(self, change: Change) -> list[str]:
        said = clean(f"{_WORDS[change.kind]}{change.title}")
        lines = [f"{said} ({change.level}, rule {clean(change.rule)})"]
        times = ""
        if change.first_us:
            first, last = _time(change.first_us), _time(change.last_us)
            times = f", {first}" + (f" to {last}" if last != first else "")
        lines.append(f"{change.count:,} event{'s' if change.count != 1 else ''}{times}")
        if change.by:
            lines.append(f"by {clean(change.by)}")
        if self._content != "none":
            if change.key:
                lines.append(" · ".join(f"{clean(name)}: {clean(v)}" for name, v in change.key))
            if change.reason:
                lines.append(f"reason: {clean(change.reason)}")
        if self._content == "why" and change.why:
            lines.append(cut(clean(change.why, MESSAGE_CHARS_MAX), MESSAGE_CHARS_MAX // 2))
        link = self.link(change)
        return [*lines, link] if link else lines


def limited(change: Change, content: ContentLevel) -> Change:
    """Return the change without what a channel may not tell, so that no more of it is kept."""
    key, why, reason = change.key, change.why, change.reason
    if content == "none":
        key, why, reason = (), "", ""
    elif content == "key":
        why = ""
    return Change(
        change.position, change.at_us, change.kind, change.alert, change.fingerprint, change.level,
        change.rule, cut(change.title, MESSAGE_TITLE_CHARS_MAX), change.count, change.first_us,
        change.last_us, tuple((name, cut(value, MESSAGE_VALUE_CHARS_MAX)) for name, value in key),
        cut(why, MESSAGE_CHARS_MAX // 2), change.by, cut(reason, MESSAGE_VALUE_CHARS_MAX),
        change.tags,
    )  # fmt: skip


def gravest(changes: tuple[Change, ...]) -> Level:
    """Return the gravest level of some changes."""
    return max((change.level for change in changes), key=LEVELS.index)


def clean(text: str, chars_max: int = MESSAGE_VALUE_CHARS_MAX) -> str:
    """Return text of an event as one harmless piece of a line."""
    text = " ".join(text[: chars_max * 2].split())
    if not text.isprintable():
        text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    text = _LINK.sub(lambda found: f"[{found[0]}]" if found[0] else " ", text.translate(_SIGNS))
    return cut(_MENTION.sub("@ ", text), chars_max)


def cut(text: str, chars_max: int) -> str:
    """Return text that is not longer than this; a cut shows."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def _time(time_us: int) -> str:
    if not 0 <= time_us <= _YEAR_MAX_US:
        return "at an impossible time"
    return f"{to_rfc3339(time_us)[:19]}Z"
