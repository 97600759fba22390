"""A mapping file: which part of a record is which of our fields. Small TOML, read strictly.

    [fields]
    time = "event.at"
    "actor.id" = ["user.id", "user.email"]     # the first that is there
    action = "op"
    [constants]
    "service.name" = "shop"
    [values.outcome]
    REFUSED = "denied"
    [time]
    layout = "%d.%m.%Y %H:%M:%S"
    zone = "+01:00"

An unknown key, a wrong type or a path that is none is an InputError that names file and line.
"""

import hashlib
import re
import tomllib
from difflib import get_close_matches
from typing import Any, Literal, NoReturn, get_args

from msgspec import Struct

from whodid.errors import InputError
from whodid.event import FIELDS as EVENT_FIELDS
from whodid.event import Access, ActorType, Outcome
from whodid.limits import MAPPING_BYTES_MAX
from whodid.normalize.mapping_path import Path, parse_path
from whodid.normalize.mapping_time import Layout, parse_layout, zone_us

Unit = Literal["s", "ms", "us", "ns"]

HASH_CHARS = 20
"""80 bits of SHA-256: nobody finds a second file of the same name."""

LISTS = frozenset(("actor.groups", "resource.labels", "resources", "via", "params"))
NUMBERS = frozenset(("rows", "bytes", "port", "duration_us", "duration_ms", "duration_s"))
WORDS: dict[str, frozenset[str]] = {
    "access": frozenset(get_args(Access)),
    "outcome": frozenset(get_args(Outcome)),
    "actor.type": frozenset(get_args(ActorType)),
}
"""Fields whose values are few words of ours."""

_GROUPS = ("who", "what", "where", "context", "content")
FIELDS = frozenset(
    {name for name, (group, _) in EVENT_FIELDS.items() if group in _GROUPS}
    | {"time", "id", "epoch", "seq", "duration_ms", "duration_s"}
)
"""What a path can be given for; `id` is the sender's own id of an event."""

TEXTS = FIELDS - LISTS - NUMBERS - {"time", "changes", "epoch", "seq"}
_SECTIONS = ("fields", "constants", "values", "time", "records")
_TIME_KEYS = ("layout", "zone", "unit")
_HEADER = re.compile(r"\s*\[([^\[\]]+)\]")


class Mapping(Struct, frozen=True):
    """A mapping file, read. `hash` names its text; `records` is the key of documents, or None."""

    hash: str
    fields: dict[str, tuple[Path, ...]]
    constants: dict[str, str]
    values: dict[str, dict[str, str]]
    records: str | None = None
    layout: Layout | None = None
    zone_us: int | None = None
    unit: Unit | None = None


def mapping_hash(text: str) -> str:
    """Return the name of a mapping's text: what a source's format pins."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARS]


def parse_mapping(text: str, name: str) -> Mapping:
    """Read a mapping file; `name` is for messages. Raises InputError."""
    if len(text.encode("utf-8", "surrogatepass")) > MAPPING_BYTES_MAX:
        raise InputError(f"{name}: a mapping has at most {MAPPING_BYTES_MAX} bytes")
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{name}: {error}") from None
    return _Reader(text, name).read(document)


class _Reader:
    """Reads one file; every complaint names its line."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name

    def read(self, document: dict[str, Any]) -> Mapping:
        for key, section in document.items():
            if key not in _SECTIONS:
                self._unknown("", key, _SECTIONS)
            if key != "records" and not isinstance(section, dict):
                self._fail("", key, f"is a section: [{key}]")
        fields = self._fields(_flat(document.get("fields")), "fields" in document)
        constants = self._constants(_flat(document.get("constants")), fields)
        values = self._values(document.get("values", {}))
        records = document.get("records")
        if records is not None and (not isinstance(records, str) or not records.isprintable()):
            self._fail("", "records", 'is the key under which a document has its records: "items"')
        layout, zone, unit = self._time(document.get("time", {}))
        digest = mapping_hash(self._text)
        return Mapping(digest, fields, constants, values, records or None, layout, zone, unit)

    def _fields(self, given: dict[str, Any], there: bool) -> dict[str, tuple[Path, ...]]:
        if not given:
            there_is = "there is nothing in" if there else "there is no"
            raise InputError(
                f'{self._name}: {there_is} [fields]: say what is where: action = "event.op"'
            )
        fields: dict[str, tuple[Path, ...]] = {}
        for key, value in given.items():
            if key not in FIELDS:
                self._unknown("fields", key, sorted(FIELDS))
            texts = value if isinstance(value, list) else [value]
            paths = []
            for text in texts:
                path = parse_path(text) if isinstance(text, str) else None
                if path is None:
                    self._fail("fields", key, f'is a path like "user.id", or a list; not {text!r}')
                paths.append(path)
            if not paths:
                self._fail("fields", key, "has no path")
            fields[key] = tuple(paths)
        return fields

    def _constants(self, given: dict[str, Any], fields: dict[str, Any]) -> dict[str, str]:
        for key, value in given.items():
            if key not in TEXTS - {"id"}:
                self._unknown("constants", key, sorted(TEXTS - {"id"}))
            if key in fields:
                self._fail("constants", key, "is in [fields] too: it can be one of them only")
            if not isinstance(value, str) or not value:
                self._fail("constants", key, "is a text in quotes")
            if key in WORDS and value not in WORDS[key]:
                self._word("constants", key, value, WORDS[key])
        return given

    def _values(self, given: Any) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for key, table in _tables(given).items():
            where = f"values.{key}"
            if key not in TEXTS:
                self._unknown("values", key, sorted(TEXTS))
            if not isinstance(table, dict):
                self._fail("values", key, f"is a section: [{where}]")
            for word, value in table.items():
                if not isinstance(value, str) or not value:
                    self._fail(where, word, "is a text in quotes")
                if key in WORDS and value not in WORDS[key]:
                    self._word(where, word, value, WORDS[key])
            found[key] = table
        return found

    def _time(self, given: Any) -> tuple[Layout | None, int | None, Unit | None]:
        for key, value in given.items():
            if key not in _TIME_KEYS:
                self._unknown("time", key, _TIME_KEYS)
            if not isinstance(value, str):
                self._fail("time", key, "is a text in quotes")
        layout = parse_layout(given["layout"]) if "layout" in given else None
        if isinstance(layout, str):
            self._fail("time", "layout", f"cannot be read: {layout}")
        unit = given.get("unit")
        if unit is not None and unit not in get_args(Unit):
            self._word("time", "unit", unit, frozenset(get_args(Unit)))
        try:
            zone = zone_us(given["zone"]) if "zone" in given else None
        except ValueError:
            self._fail("time", "zone", 'is "UTC" or an offset like "+01:00"')
        return layout, zone, unit

    # --- complaints ------------------------------------------------------------------------------

    def _unknown(self, section: str, key: str, known: Any) -> NoReturn:
        near = get_close_matches(key, known, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
        self._fail(section, key, f"is not known{hint}")

    def _word(self, section: str, key: str, value: str, known: frozenset[str]) -> NoReturn:
        near = get_close_matches(value, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        words = ", ".join(sorted(known))
        self._fail(section, key, f"is {value!r}, which is none of {words}{hint}")

    def _fail(self, section: str, key: str, what: str) -> NoReturn:
        place = f"{self._name}:{_line(self._text, section, key)}"
        inside = f"[{section}] " if section else ""
        raise InputError(f"{place}: {inside}{key} {what}")


def _flat(section: Any) -> dict[str, Any]:
    """Join what TOML nests: `actor.id = …` without quotes is a table in a table."""
    found: dict[str, Any] = {}
    for key, value in section.items() if isinstance(section, dict) else ():
        if isinstance(value, dict):
            found |= {f"{key}.{name}": inner for name, inner in _flat(value).items()}
        else:
            found[key] = value
    return found


def _tables(section: Any, prefix: str = "") -> dict[str, Any]:
    """Return the tables of values by field: `[values.actor.type]` is `actor.type`."""
    found: dict[str, Any] = {}
    for key, value in section.items() if isinstance(section, dict) else ():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            found |= _tables(value, f"{name}.")
        else:
            found[name] = value
    return found


def _line(text: str, section: str, key: str) -> int:
    """Return the line of a key; 1 when it cannot be told."""
    plain = _plain(f"{section}.{key}" if section else key)
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header is not None:
            current = _plain(header[1])
            if current == plain:
                return number
        elif "=" in line:
            name = _plain(line.partition("=")[0])
            if (f"{current}.{name}" if current else name) == plain:
                return number
    return 1


def _plain(name: str) -> str:
    return re.sub(r"[\s\"']", "", name)
