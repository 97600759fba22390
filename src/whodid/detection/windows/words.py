"""Numbers, lengths of time and keys in words, for the sentence of a finding."""

from collections.abc import Sequence
from fractions import Fraction

from whodid.detection.rule import AnyRule
from whodid.detection.windows.hit import Key

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_OF = ("actor.id", "actor.name", "user", "username", "useridentity.arn", "useridentity.username",
       "useridentity.principalid", "actor", "principal", "subject")  # fmt: skip
_FROM = ("ip", "sourceipaddress", "src_ip", "source.ip", "ipaddress", "client_ip", "c-ip")
_ON = ("resource.name", "resource", "resource.parent", "host", "hostname", "computer")
_VALUE_CHARS = 120


def number(value: float | Fraction) -> str:
    """Return a number with thousands apart and at most two decimals."""
    rounded = round(float(value), 2)
    return f"{int(rounded):,}" if rounded == int(rounded) else f"{rounded:,.2f}"


def span(time_us: int) -> str:
    """Return a length of time in its two greatest units, e.g. `5 minutes`, `1 hour 30 minutes`."""
    if time_us < 1_000_000:
        return f"{max(time_us, 0) / 1_000_000:.3f} seconds" if time_us > 0 else "the same moment"
    rest, parts = time_us // 1_000_000, []
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count:,} {name}{'s' if count > 1 else ''}")
    return " ".join(parts[:2])


def of_whom(fields: Sequence[str], shown: Key) -> str:
    """Return a key as words behind an event, e.g. ` of alice from 10.0.0.7`; empty for none."""
    told = []
    for field, value in zip(fields, shown, strict=True):
        name, cut = field.lower(), value[:_VALUE_CHARS]
        if name in _OF:
            told.append(f" of {cut}")
        elif name in _FROM:
            told.append(f" from {cut}")
        elif name in _ON:
            told.append(f" on {cut}")
        else:
            told.append(f" with {field} {cut}")
    return "".join(told)


def titles(rules: Sequence[AnyRule], joint: str = "or") -> str:
    """Return what rules are called, each in quotation marks."""
    named = [f"“{rule.head.title}”" for rule in rules]
    if len(named) < 2:
        return "".join(named)
    return f"{', '.join(named[:-1])} {joint} {named[-1]}"


def events(count: int) -> str:
    """Return `1 event`, `12 events`."""
    return f"{count:,} event{'' if count == 1 else 's'}"
