"""From a record that a rule matches to the hits of the correlations that are about it."""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from ipaddress import ip_address, ip_network
from itertools import islice, product
from math import isfinite
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from whodid.detection.finding import Finding
from whodid.detection.record import Record
from whodid.detection.rule import Correlation, LogSource, Rule
from whodid.detection.windows.calendars import Calendars
from whodid.detection.windows.hit import Key
from whodid.detection.windows.new_value import values_of
from whodid.detection.windows.places import NOWHERE, Places, network_of
from whodid.detection.windows.plan import Plan, field_of
from whodid.limits import (
    CORRELATION_CHARS_MAX,
    CORRELATION_ITEMS_MAX,
    CORRELATION_KEYS_PER_EVENT,
    CORRELATION_KEYS_SHARED,
    CORRELATION_TEXTS_KEPT,
)

Scalar: TypeAlias = str | int | float
Pairs: TypeAlias = list[tuple[Key, Key]]
Given: TypeAlias = Sequence[tuple[Scalar, ...]]
"""The values of fields, of each in its order."""

Made: TypeAlias = Callable[[Given], Any]
"""What makes the value of a hit, None when it has none: then there is no hit."""

Timed: TypeAlias = Callable[[Record, Rule, int], Any]
"""(record, rule, time µs) → the same, where it depends on the time."""

_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?([eE][-+]?\d{1,3})?", re.ASCII).fullmatch
_LARGE = 2**63
_WHO = 1


class Matching(Protocol):
    """What decides single records: `compiled.Matcher`."""

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match, silent ones too."""
        ...

    def values(self, record: Record, rule: Rule, field: str) -> tuple[Scalar, ...]:
        """Return the values of a field as a rule means it."""
        ...


class Counted(Struct, frozen=True):
    """What a correlation counts or adds up of an event: the fields, and what their values make."""

    fields: tuple[str, ...]
    made: Made


class Feed(Struct, frozen=True):
    """A correlation that a rule about single events feeds. `bit` is the rule's in its masks.

    Feeds of one `keyed` have the same keys of one record: their fields, and what these mean.
    """

    place: int
    bit: int
    fields: tuple[str, ...]
    keyed: int
    value: Counted | Timed | None


class Files(Struct, frozen=True):
    """What the user named for places and working hours."""

    places: Places | None = None
    calendars: Calendars | None = None


def feeds_of(plans: Sequence[Plan], matcher: Matching, files: Files) -> dict[str, list[Feed]]:
    """Return what each rule about single events feeds, by its id."""
    feeds: dict[str, list[Feed]] = {}
    keyed: dict[tuple[LogSource, tuple[str, ...]], int] = {}
    for plan in plans:
        for bit, rule in enumerate(plan.below):
            if isinstance(rule, Rule):
                value = _value(plan, rule, matcher, files)
                fields = plan.keys[bit]
                number = keyed.setdefault((rule.source, fields), len(keyed))
                feed = Feed(plan.place, 1 << bit, fields, number, value)
                feeds.setdefault(rule.head.id, []).append(feed)
    return feeds


def lacking(correlation: Correlation, files: Files) -> str:
    """Return what a correlation needs and there is not; empty when there is nothing to say."""
    options, places = correlation.options, files.places
    if correlation.kind == "impossible_travel" and not (places and places.coordinates):
        return "it needs a file of places with coordinates: set detection.geo"
    if correlation.kind == "new_value" and options["as"] != "value":
        if len(correlation.fields) > 1:
            return f"as: {options['as']} is of one field"
        if options["as"] == "country" and not (places and places.countries):
            return "it needs a file of places with countries: set detection.geo"
    if correlation.kind == "outside_hours":
        if files.calendars is None:
            return "it needs a file of working hours: set detection.calendars"
        if options["calendar"] and options["calendar"] not in files.calendars.named:
            return f"the file of working hours has no calendar {options['calendar']!r}"
    return ""


def text_of(value: Scalar) -> str:
    """Return a value as text; of a long one the beginning, and a digest of all of it."""
    text = value if isinstance(value, str) else str(value)
    if len(text) <= CORRELATION_CHARS_MAX:
        return text
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{text[: CORRELATION_CHARS_MAX - 17]}…{digest}"


class Keys:
    """The keys of records. The same key is one object, of which thousands of hits are.

    Keys come again and again, so those of some texts are remembered, within bounds.
    """

    def __init__(self) -> None:
        self._shared: dict[Key, Key] = {}
        self._known: dict[tuple[int | str | None, ...], Pairs] = {}

    def of(self, given: Given) -> Pairs:
        """Return the keys that values of fields make, each in small letters and as it stands there.

        None when one of the fields is missing or empty: what nobody did is not one person's. Of
        lists each item makes a key.
        """
        shared = self._shared
        if len(shared) >= CORRELATION_KEYS_SHARED:
            shared.clear()
        found = []
        for shown in _shown_keys(given):
            key: Key = tuple([text.lower() for text in shown])
            found.append((shared.setdefault(key, key), shared.setdefault(shown, shown)))
        return found

    def told(self, values: tuple[int | str | None, ...]) -> Pairs:
        """Return the keys that the one value of each field makes, as `asked.Texts` have them."""
        found = self._known.get(values)
        if found is None:
            found = self.of([() if it is None else (it,) for it in values])
            if len(self._known) >= CORRELATION_KEYS_SHARED:
                self._known.clear()
            self._known[values] = found
        return found


def _is_short(value: Scalar) -> bool:
    """Tell whether a value is a text that is not cut."""
    return isinstance(value, str) and len(value) <= CORRELATION_CHARS_MAX


def _shown_keys(given: Given) -> list[Key]:
    """Return the keys that the values of the fields make."""
    parts: list[tuple[str, ...]] = []
    for values in given:
        if len(values) == 1:
            text = text_of(values[0])
            if not text:
                return []
            parts.append((text,))
            continue
        texts = tuple(dict.fromkeys(filter(None, map(text_of, values))))
        if not texts:
            return []
        parts.append(texts)
    if all(len(part) == 1 for part in parts):
        return [tuple(part[0] for part in parts)]
    return list(islice(product(*parts), CORRELATION_KEYS_PER_EVENT))


def number_of(value: Scalar) -> int | float | None:
    """Return a finite number, also of a text that is one; None for anything else."""
    if isinstance(value, str):
        if not _NUMBER(value):
            return None
        value = int(value) if value.lstrip("-").isdigit() else float(value)
    if isinstance(value, int):
        return value if abs(value) < _LARGE else None
    return value if isfinite(value) else None


def climbed(plan: Plan, bit: int, finding: Finding) -> tuple[Key, Any] | None:
    """Return key and value that a finding has for a correlation above it; None when it has none."""
    known = {name.lower(): text for name, text in (*finding.values, *finding.key)}
    correlation, below = plan.correlation, plan.below[bit]
    key = tuple(known.get(field.lower(), "") for field in plan.keys[bit])
    if not all(key):
        return None
    if plan.kind in ("value_count", "new_value") or plan.kind.startswith("value_"):
        names = [field_of(correlation, below, field).lower() for field in correlation.fields]
        texts = [known.get(name, "") for name in names]
        if not all(texts):
            return None
        if plan.kind in ("value_count", "new_value"):
            return key, (tuple(text.lower() for text in texts),)
        number = number_of(texts[0].replace(",", ""))
        return None if number is None else (key, (number,))
    if plan.kind in ("outside_hours", "impossible_travel"):
        return None
    return key, None


def _value(plan: Plan, rule: Rule, matcher: Matching, files: Files) -> Counted | Timed | None:
    correlation = plan.correlation
    fields = tuple(field_of(correlation, rule, field) for field in correlation.fields)
    if plan.kind in ("value_count", "new_value"):
        return Counted(fields, _texts(fields, _translation(correlation, files)))
    if plan.kind.startswith("value_"):
        return Counted(fields[:1], _numbers)
    if plan.kind == "outside_hours" and files.calendars is not None:
        return _off_hours(matcher, correlation, files.calendars)
    if plan.kind == "impossible_travel" and files.places is not None:
        return Counted(fields[:1] or ("ip",), _place(correlation, files.places))
    return None


def _translation(correlation: Correlation, files: Files) -> Callable[[str], str] | None:
    sort = correlation.options.get("as")
    if sort == "network":
        return network_of
    places = files.places
    if sort == "country" and places is not None:
        return lambda text: places.of(text).country
    return None


def _texts(fields: tuple[str, ...], translate: Callable[[str], str] | None) -> Made:
    def made(given: Given) -> Any:
        parts = []
        for values in given:
            texts = map(text_of, values[:CORRELATION_ITEMS_MAX])
            if translate is not None:
                texts = map(translate, texts)
            part = tuple(dict.fromkeys(text.lower() for text in texts if text))
            if not part:
                return None
            parts.append(part)
        if len(parts) == 1:
            return tuple((text,) for text in parts[0])
        return values_of(*parts)[:CORRELATION_ITEMS_MAX]

    return _remembering(made) if len(fields) == 1 else made


def _remembering(made: Made) -> Made:
    """Return what makes the value of one field; what one text becomes is remembered, bounded."""
    known: dict[Scalar, Any] = {}

    def remembered(given: Given) -> Any:
        values = given[0]
        if len(values) != 1 or not _is_short(values[0]):
            return made(given)
        text = values[0]
        found = known.get(text)
        if found is None:
            found = made(given)
            if len(known) >= CORRELATION_TEXTS_KEPT:
                known.clear()
            known[text] = found
        return found

    return remembered


def _numbers(given: Given) -> Any:
    numbers = tuple(n for n in map(number_of, given[0][:CORRELATION_ITEMS_MAX]) if n is not None)
    return numbers or None


def _off_hours(matcher: Matching, correlation: Correlation, calendars: Calendars) -> Timed:
    named = calendars.named.get(correlation.options["calendar"])
    person_field: str = correlation.options["person"]

    def value_of(record: Record, rule: Rule, time: int) -> Any:
        calendar = named
        if calendar is None:
            person = matcher.values(record, rule, field_of(correlation, rule, person_field))
            if not person:
                return None
            calendar = calendars.of(text_of(person[0]), record.group(_WHO).actor_groups)
        return None if calendar.working(time) else calendar.words(time)

    return value_of


def _place(correlation: Correlation, places: Places) -> Made:
    allowed = tuple(map(ip_network, correlation.options["allow"]))

    def made(given: Given) -> Any:
        for address in map(text_of, given[0]):
            place = places.of(address)
            if place is NOWHERE or place.latitude is None or place.longitude is None:
                continue
            parsed = ip_address(address)
            if any(parsed in network for network in allowed):
                continue
            return (place.latitude, place.longitude, place.words, address)
        return None

    return made
