"""Suggestions for exclusions: values that most of a rule's alerts share, and what is left without.

A value is suggested when it stands behind many alerts, on several days: that is how habit looks.
What happened on one day alone is never suggested, however often, nor what would silence all of it
without a word that it does. Nobody but people can tell that a habit is harmless.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from whodid.detection.backtest.noise import DAY_US, alerts_of
from whodid.detection.finding import Finding
from whodid.limits import TUNE_ALERTS_MIN, TUNE_DAYS_MIN, TUNE_SHARE_MIN, TUNE_SUGGESTIONS_MAX

FIELDS = (
    "actor.id", "actor.type", "actor.on_behalf_of", "service.name", "source", "action",
    "resource.name", "resource.type", "resource.parent", "ip", "host", "agent", "endpoint",
)  # fmt: skip
"""Fields of the Event whose values may be excluded."""

ValuesOf = Callable[[int], dict[str, str] | None]
"""Entry → values of FIELDS that it has; None when it cannot be read."""


class Suggestion(Struct, frozen=True):
    """Leave out events of a rule that have a value: `alerts` fewer of `of`, on `days` days.

    `values` are field and value, one or two of them, which must all be there.
    """

    values: tuple[tuple[str, str], ...]
    alerts: int
    of: int
    days: int

    @property
    def left(self) -> int:
        """Alerts that are left with it."""
        return self.of - self.alerts

    def as_sigma(self) -> str:
        """Return it as part of a rule: a selection, and how the condition ends."""
        lines = [f"    {name}: {_quoted(value)}" for name, value in self.values]
        return "\n".join(["  filter_usual:", *lines, "  condition: … and not filter_usual"])


def suggestions(findings: Sequence[Finding], values_of: ValuesOf) -> list[Suggestion]:
    """Return exclusions for one rule, the one that spares most first.

    An exclusion spares an alert when every event of it that is known has the value.
    """
    alerts = alerts_of(findings)
    behind: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for number, alert in enumerate(alerts):
        for values in _shared(alert, values_of):
            behind.setdefault(values, []).append(number)
    found = []
    for values, numbers in behind.items():
        days = len({alerts[number][0].time_us // DAY_US for number in numbers})
        enough = len(numbers) >= max(TUNE_ALERTS_MIN, TUNE_SHARE_MIN * len(alerts))
        if enough and days >= TUNE_DAYS_MIN:
            found.append(Suggestion(values, len(numbers), len(alerts), days))
    found.sort(key=lambda item: (-item.alerts, -len(item.values), item.values))
    return _without_same(found, behind)[:TUNE_SUGGESTIONS_MAX]


def _shared(alert: Sequence[Finding], values_of: ValuesOf) -> list[tuple[tuple[str, str], ...]]:
    """Return the values that all known events of an alert share: single ones, and pairs of them."""
    shared: set[tuple[str, str]] | None = None
    for finding in alert:
        for match in finding.matches:
            found = values_of(match.entry)
            if found is None:
                continue
            shared = set(found.items()) if shared is None else shared & set(found.items())
    single = sorted(shared or ())
    pairs = [(one, two) for at, one in enumerate(single) for two in single[at + 1 :]]
    return [*((value,) for value in single), *pairs]


def _without_same(
    found: list[Suggestion], behind: dict[tuple[tuple[str, str], ...], list[int]]
) -> list[Suggestion]:
    """Of suggestions that spare the same alerts keep one: the narrowest, which comes first."""
    seen: set[tuple[int, ...]] = set()
    kept = []
    for item in found:
        numbers = tuple(behind[item.values])
        if numbers not in seen:
            seen.add(numbers)
            kept.append(item)
    return kept


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
    return "'" + escaped.replace("'", "''") + "'"
