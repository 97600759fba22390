"""JSON objects or logfmt lines of any shape, mapped by a file (formats `json+…`, `logfmt+…`).

The name ends with the hash of the mapping's text, so whatever names the format, as the ledger's own
entry of the source does, says which mapping it was. Where the file says nothing of it, `access` is
read from the action and `outcome` from its word, as in the short form.
"""

from typing import Any

from whodid.event import Access, ActorType, Content, Context, Mapped, Outcome, What, Where, Who
from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.access import access_of, outcome_of
from whodid.normalize.address import is_ip
from whodid.normalize.changes import changes_of
from whodid.normalize.format import Framing  # noqa: TC001 (a value of a field's type)
from whodid.normalize.json_record import compact, decode, integer
from whodid.normalize.logfmt import decode_logfmt
from whodid.normalize.mapping import WORDS, Mapping, Unit
from whodid.normalize.short_fields import address_of, set_time, texts
from whodid.normalize.short_json_names import ACTOR_TYPES
from whodid.normalize.timestamps import rfc3339_us

BASES = ("json", "logfmt")
SEPARATOR = "+"
_UNIT_NS: dict[Unit, int] = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1000, "ns": 1}
_DURATION_US = {"duration_us": 1, "duration_ms": 1000, "duration_s": 1_000_000}
_US_END = 1 << 53
_NOTHING = "nothing of what the mapping names is there: "
_NUMBER_CHARS_MAX = 32


class ByMapping:
    """A format of one source's own. Invariants: see `Format`; one record gives one event."""

    def __init__(self, base: str, mapping: Mapping) -> None:
        self.name = f"{base}{SEPARATOR}{mapping.hash}"
        self.mapping = 1
        self.framing: Framing = "json" if base == "json" else "lines"
        self.records_key = mapping.records if base == "json" else None
        self._decode = decode if base == "json" else decode_logfmt
        self._by = mapping

    def sniff(self, record: bytes) -> bool:
        """Tell whether something that the mapping names is in the record."""
        found = self._decode(record)
        return isinstance(found, dict) and bool(self._found(found))

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002 (its times are whole)
        """Map one record; a reason in `quarantine` when nothing that the mapping names is there."""
        decoded = self._decode(record)
        if isinstance(decoded, str):
            return Mapped(quarantine=decoded)
        found = self._found(decoded)
        if not found:
            return Mapped(quarantine=_NOTHING + ", ".join(sorted(self._by.fields))[:400])
        return _Record(self._by, found).mapped()

    def _found(self, decoded: dict[str, Any]) -> dict[str, list[Any]]:
        """Return field → what stands at the first of its paths where something stands."""
        found = {}
        for field, paths in self._by.fields.items():
            for path in paths:
                values = path.find(decoded)
                if values:
                    found[field] = values
                    break
        return found


class _Record:
    """One record on its way: field → values found."""

    def __init__(self, mapping: Mapping, found: dict[str, list[Any]]) -> None:
        self._by = mapping
        self._found = found
        self._labels: tuple[str, ...] = ()

    def mapped(self) -> Mapped:
        action = self._text("action")
        mapped = Mapped(
            who=Who(
                self._text("actor.id"), self._text("actor.name"), self._actor_type(),
                self._text("actor.on_behalf_of"), self._text("actor.session"),
                self._list("actor.groups"),
            ),
            what=self._what(action),
            where=Where(
                self._text("ip"), self._text("host"), self._number("port"), self._text("agent"),
                self._list("via"),
            ),
            context=Context(
                self._text("service.name"), self._text("service.version"), self._text("endpoint"),
                self._text("correlation"), self._text("trace"), self._text("span"),
                self._text("request"), self._duration_us(),
            ),
            content=Content(
                self._text("message"), self._changes(), self._text("statement"),
                self._list("params"),
            ),
            client_id=self._text("id"),
            epoch=self._number("epoch"),
            seq=self._number("seq"),
        )  # fmt: skip
        mapped.labels = self._labels
        self._set_time(mapped)
        address = mapped.where.ip
        if address is not None and not is_ip(address):
            mapped.where = address_of(mapped, address)
        return mapped

    def _text(self, field: str) -> str | None:
        """Return the first value as text, by the field's table of values where it is in that."""
        values = self._found.get(field)
        if not values:
            return self._by.constants.get(field)
        word = compact(values[0])
        table = self._by.values.get(field)
        return word if table is None else table.get(word, word)

    def _list(self, field: str) -> tuple[str, ...]:
        values = self._found.get(field, [])
        if len(values) == 1:
            return texts(values[0] if isinstance(values[0], list | str) else compact(values[0]))
        return texts(values)

    def _number(self, field: str) -> int | None:
        values = self._found.get(field)
        return integer(values[0]) if values else None

    def _actor_type(self) -> ActorType | None:
        kind = self._text("actor.type")
        return None if kind is None else ACTOR_TYPES.get(kind.lower())

    def _what(self, action: str | None) -> What:
        names = [compact(value) for value in self._found.get("resource.name", [])]
        outcome = self._text("outcome")
        return What(
            action,
            self._access(action),
            self._text("resource.type"),
            self._text("resource.name"),
            self._text("resource.parent"),
            self._list("resource.labels"),
            (*names[1:], *self._list("resources"))[: LIST_ITEMS_MAX + 1],
            None if outcome is None else self._outcome(outcome),
            self._text("reason"),
            self._number("rows"),
            self._number("bytes"),
        )

    def _access(self, action: str | None) -> Access | None:
        """Return the access: as mapped, else by its table for the action, else by its words."""
        word = self._text("access")
        if word is None and action is not None:
            word = self._by.values.get("access", {}).get(action)
        if word is not None and word in WORDS["access"]:
            return word  # type: ignore[return-value]
        return None if action is None else access_of(action)

    @staticmethod
    def _outcome(word: str) -> Outcome:
        return word if word in WORDS["outcome"] else outcome_of(word)  # type: ignore[return-value]

    def _changes(self) -> tuple[Any, ...]:
        values = self._found.get("changes")
        return (
            () if not values else changes_of(values[0] if len(values) == 1 else values, None, None)
        )

    def _duration_us(self) -> int | None:
        for field, factor in _DURATION_US.items():
            count = _count(self._found[field][0]) if field in self._found else None
            if count is not None and 0 <= count * factor < _US_END:
                return round(count * factor)
        return None

    def _set_time(self, mapped: Mapped) -> None:
        """Set the time by layout or unit, else as the short form does."""
        by = self._by
        values = self._found.get("time")
        if not values:
            return
        written = compact(values[0])
        if by.layout is not None:
            mapped.original_time = written
            mapped.time = by.layout.read(written, by.zone_us or 0)
            assumed = not by.layout.has_zone and by.zone_us is None
        elif by.unit is not None:
            mapped.original_time = written
            count = _count(values[0])
            mapped.time = None if count is None else _scaled_us(count, _UNIT_NS[by.unit])
            assumed = False
        else:
            self._guess_time(mapped, values[0])
            return
        if mapped.time is None:
            mapped.labels += ("unreadable:time",)
        elif assumed:
            mapped.labels += ("assumed:utc",)

    def _guess_time(self, mapped: Mapped, value: Any) -> None:
        """Read RFC 3339 and counts; a time without zone is of the mapping's, when it has one."""
        exact = rfc3339_us(value) if value.__class__ is str else None
        if exact is not None:
            mapped.time, mapped.original_time = exact, value
            return
        set_time(mapped, value)
        zone = self._by.zone_us
        if zone is not None and mapped.time is not None and "assumed:utc" in mapped.labels:
            mapped.time -= zone
            mapped.labels = tuple(label for label in mapped.labels if label != "assumed:utc")


def _count(value: Any) -> int | float | None:
    """Return a number, also from its text; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > _NUMBER_CHARS_MAX:
        return None
    whole = integer(value)
    if whole is not None:
        return whole
    try:
        return float(value)
    except ValueError:
        return None


def _scaled_us(count: float, unit_ns: int) -> int | None:
    """Return µs of a count of units; None for what is negative or too great."""
    if not 0 <= count * unit_ns < _US_END * 1000:
        return None
    return count * unit_ns // 1000 if isinstance(count, int) else round(count * unit_ns / 1000)
