"""Habits of values: numbers with units, times of other languages, and words for fixed values."""

import re
from decimal import Decimal

from whodid.query.elsewhere import SINCE, value_elsewhere
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.habits import BEGIN, END, NAME, Groups, Habit, Said, field_of

_BEFORE = r"(?<![^\s(-])"
_SIGN = r"(>=|<=|>|<|=|)"
_UNIT = r"(s|sec|secs|seconds?|m|min|mins|minutes?|h|hrs?|hours?|d|days?|w|weeks?)"
_KILO = {"k": 10**3, "m": 10**6, "g": 10**9, "mio": 10**6}
_BYTES = {
    "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_DURATIONS_US = {"us": 1, "µs": 1, "ms": 10**3, "s": 10**6, "sec": 10**6, "min": 6 * 10**7,
                 "h": 36 * 10**8}  # fmt: skip


def _number(group: Groups) -> Said | None:
    typed, sign, digits, unit = group(1), group(2), group(3), group(4).lower()
    field = field_of(typed)
    if field is None or field.kind != "integer" or not (unit or "," in digits or "." in digits):
        return None
    units = {"bytes": _BYTES | _KILO, "duration_us": _DURATIONS_US}.get(field.name, _KILO)
    if unit not in units and unit:
        return None
    plain = digits if re.fullmatch(r"\d+\.\d+", digits) else digits.replace(",", "")
    number = Decimal(plain) * units.get(unit, 1)
    if number % 1 or number >= 2**63:
        return None
    said = "a number is written in digits alone"
    if unit in _DURATIONS_US and field.name == "duration_us":
        said = "a duration is written in microseconds"
    return Said(f"{typed}:{sign}{int(number)}", said)


def _unit(word: str) -> str:
    return "m" if word.startswith("mi") else word[0]


def _ago(group: Groups) -> Said | None:
    typed, sign, number, unit = group(1), group(2), group(3), group(4)
    field = field_of(typed)
    if field is None or field.kind != "time":
        return None
    sign = sign.replace("=", "") or ">"
    return Said(f"{typed}:{sign}now-{number}{_unit(unit)}", "so long ago is written now-…")


def _instant(group: Groups) -> Said | None:
    field = field_of(group(1))
    if field is None or field.kind != "time":
        return None
    return Said(f"{group(1)}:>{group(2)}", f"that is the very moment; since then is :>{group(2)}")


def _last(group: Groups) -> Said:
    return Said(f"time:>now-{group(1)}{_unit(group(2))}", "so long ago is written now-…")


def _since(group: Groups) -> Said | None:
    sign = SINCE[group(1).lower()]
    ago = re.fullmatch(r"-?(\d+)([smhdw])", group(2))
    at = f"now-{ago[1]}{ago[2]}" if ago else group(2)
    return Said(f"time:{sign}{at}", "times are asked as time:>…, time:<… or time:[… TO …]")


def _range(group: Groups) -> Said | None:
    typed, low, high = group(1), group(2).strip(), group(3).strip()
    field = field_of(typed)
    if field is None or field.kind not in {"integer", "time", "ip"}:
        return None
    return Said(f"{typed}:[{low or '*'} TO {high or '*'}]", "a range is written [low TO high]")


def _open(group: Groups) -> Said | None:
    typed, low = group(1), group(2)
    field = field_of(typed)
    if field is None or field.kind not in {"integer", "time"}:
        return None
    return Said(f"{typed}:>={low}", "a range is written [low TO high]; from there on is :>=")


def _moment(group: Groups) -> Said | None:
    field = field_of(group(1))
    if field is None or field.kind != "time":
        return None
    said = "a date and its time of day are one value: in quotes, or with T between them"
    return Said(f"{group(1)}:{group(2)}{group(3)}T{group(4)}", said)


def _fixed(group: Groups) -> Said | None:
    field = SEARCH_FIELDS.get(group(1).lower())
    meant = value_elsewhere(field.name, group(2)) if field is not None else None
    if meant is None:
        return None
    return Said(f"{group(1)}:{meant}", f"“{group(2)}” is called {meant} here")


def _none(group: Groups) -> Said | None:
    typed, word = group(2), group(3).lower()
    field = field_of(typed)
    if field is None or field.kind not in {"integer", "time", "ip"}:
        return None
    has = (word in {"exists", "any"}) != bool(group(1))
    return Said(f"{'' if has else '-'}{typed}:*", f"-{typed}:* finds events without the field")


_NUMBER = r"(\d{1,3}(?:,\d{3})+|\d{1,18}(?:\.\d{1,9})?)\s?([A-Za-zµ]{0,3})"
_MOMENT = r"[^\s\[\]{}(),]+"

VALUE_HABITS: tuple[Habit, ...] = tuple(
    Habit(re.compile(shape), say)
    for shape, say in (
        (rf"{_BEFORE}({NAME}):{_SIGN}{_NUMBER}{END}", _number),
        (rf"{_BEFORE}({NAME}):{_SIGN}-?(\d{{1,6}})\s?{_UNIT}{END}", _ago),
        (rf"{_BEFORE}({NAME}):{_SIGN}(?i:last|past)\s+(\d{{1,6}})\s?{_UNIT}{END}", _ago),
        (rf"{_BEFORE}({NAME}):(now-[0-9smhdw]+){END}", _instant),
        (rf"{BEGIN}(?i:last|past)\s+(\d{{1,6}})\s?{_UNIT}{END}", _last),
        (rf"{BEGIN}(?i:(since|after|before|until|earliest|latest))[:=]({_MOMENT})", _since),
        (
            rf"{_BEFORE}({NAME}):[\[{{]({_MOMENT})\s+(?:to|To|-|\u2013|\.\.)\s+({_MOMENT})[\]}}]",
            _range,
        ),
        (rf"{_BEFORE}({NAME}):[\[{{]({_MOMENT})\s+TO\s+({_MOMENT})}}", _range),
        (rf"{_BEFORE}({NAME}):{{({_MOMENT})\s+TO\s+({_MOMENT})\]", _range),
        (rf"{_BEFORE}({NAME}):[\[{{]({_MOMENT})\s+TO\s*()[\]}}]", _range),
        (rf"{_BEFORE}({NAME}):\[({_MOMENT})\]", _open),
        (rf"{_BEFORE}({NAME}):([^\s\[\]()]+?)\.\.([^\s\[\]()]+){END}", _range),
        (rf"{_BEFORE}({NAME}):(\d+(?:\.\d+){{3}})-(\d+(?:\.\d+){{3}}){END}", _range),
        (rf"{_BEFORE}({NAME}):{_SIGN}(\d{{4}}-\d\d-\d\d)\s+(\d\d:\d\d(?::\d\d)?Z?){END}", _moment),
        (rf"{_BEFORE}({NAME}):([A-Za-z-]+){END}", _fixed),
        (rf"(?<![^\s(])(-?)({NAME}):(?i:(null|none|missing|empty|exists|any)){END}", _none),
    )
)
