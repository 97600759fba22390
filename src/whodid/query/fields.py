"""The fields of a search: every field of the Event, the short names for them, and the states.

The kind of a field says what can be asked of it:

* `exact`: `:` compares the whole value and ignores case, `:=` does not ignore it;
* `words`: `:` finds a word or phrase in the text and ignores case, `:=` compares the whole text;
* `integer`, `time`, `ip`: typed, with comparisons or networks;
* `state`: true or false, something about the entry and not about the access.

A new field of the Event must be given its kind here, or importing this module fails.
"""

import difflib
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from whodid.event import FIELDS, IDENTITY_KINDS, Access, ActorType, Outcome
from whodid.query.elsewhere import FIELDS_ELSEWHERE

Kind: TypeAlias = Literal["exact", "words", "integer", "time", "ip", "state"]


@dataclass(frozen=True, slots=True)
class Field:
    """What a name in a search means.

    `columns` are the names in `whodid.event.FIELDS` that it reads: any of them may match, except
    for `time`, where the first that is present counts. A state has no columns. `values` lists the
    only possible values, empty when any is possible.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    about: str
    values: tuple[str, ...] = ()


_TABLE: tuple[tuple[str, Kind, str], ...] = (
    ("id", "exact", "the event's own id (UUIDv7)"),
    ("time", "time", "when it happened; for an event without a time of its own, its receipt"),
    ("received", "time", "when it was received"),
    ("original_time", "exact", "the time as the record wrote it"),
    ("actor.id", "exact", "the stable id of who did it"),
    ("actor.name", "exact", "the name of who did it"),
    ("actor.type", "exact", "what kind of actor it is"),
    ("actor.on_behalf_of", "exact", "for whom the actor acted"),
    ("actor.session", "exact", "the actor's session"),
    ("actor.groups", "exact", "groups or roles of the actor"),
    ("action", "exact", "the verb as the system wrote it"),
    ("access", "exact", "what kind of access it was"),
    ("resource.type", "exact", "what kind of thing was touched"),
    ("resource.name", "exact", "the thing that was touched"),
    ("resource.parent", "exact", "what the thing belongs to"),
    ("resource.labels", "exact", "labels of the thing"),
    ("resources", "exact", "further things that were touched"),
    ("outcome", "exact", "how it ended"),
    ("reason", "words", "why it ended so"),
    ("rows", "integer", "rows read or changed"),
    ("bytes", "integer", "bytes moved"),
    ("ip", "ip", "the address it came from"),
    ("host", "exact", "the host it came from or happened on"),
    ("port", "integer", "the port it came from"),
    ("agent", "words", "the user agent"),
    ("via", "exact", "proxies on the way"),
    ("service.name", "exact", "the application"),
    ("service.version", "exact", "the application's version"),
    ("endpoint", "words", "the route or function called"),
    ("correlation", "exact", "the id that links events of one undertaking"),
    ("trace", "exact", "the trace id"),
    ("span", "exact", "the span id"),
    ("request", "exact", "the request id"),
    ("duration_us", "integer", "how long it took, in microseconds"),
    ("message", "words", "the message"),
    ("changes", "words", "changed fields, their values before and after"),
    ("statement", "words", "the statement, such as SQL or a command line"),
    ("params", "words", "parameters of the statement"),
    ("source", "exact", "the declared sender of the record"),
    ("format", "exact", "the format the record was read as"),
    ("mapping", "integer", "the version of the mapping that read it"),
    ("identity", "exact", "how duplicates of it are known"),
    ("native_id", "exact", "the record's own id"),
    ("labels", "exact", "labels such as `missing:ip`"),
    ("quarantine", "words", "why the record could not be mapped"),
    ("redactions", "exact", "rules that replaced secrets in the record"),
    ("signature", "exact", "verdict on the source's own signature"),
)

_ALIASES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("actor", ("actor.id", "actor.name"), "who did it, by id or name"),
    ("user", ("actor.id", "actor.name"), "the same as actor"),
    ("on_behalf_of", ("actor.on_behalf_of",), "for whom the actor acted"),
    ("session", ("actor.session",), "the actor's session"),
    ("group", ("actor.groups",), "a group or role of the actor"),
    ("resource", ("resource.name", "resources"), "anything that was touched"),
    ("service", ("service.name",), "the application"),
)

_STATES: tuple[tuple[str, str], ...] = (
    ("_quarantined", "the record could not be mapped"),
    ("_conflict", "another record came with the same identity"),
    ("_redacted", "secrets in the record were replaced"),
    ("_erased", "the content was erased"),
    ("_amended", "the mapping was corrected later"),
)

_VALUES: dict[str, tuple[str, ...]] = {
    "actor.type": get_args(ActorType),
    "access": get_args(Access),
    "outcome": get_args(Outcome),
    "identity": IDENTITY_KINDS,
}

_NAME_CHARS_MAX = 64


def _search_fields() -> dict[str, Field]:
    table = [Field(name, kind, (name,), about) for name, kind, about in _TABLE]
    if {item.name for item in table} != set(FIELDS):
        raise AssertionError("query.fields and event.FIELDS differ")
    by_name = {item.name: item for item in table}
    kinds: dict[str, Kind] = {item.name: item.kind for item in table}
    by_name["time"] = Field("time", "time", ("time", "received"), by_name["time"].about)
    for name, columns, about in _ALIASES:
        by_name[name] = Field(name, kinds[columns[0]], columns, about)
    for name, about in _STATES:
        by_name[name] = Field(name, "state", (), about, ("true", "false"))
    for name, values in _VALUES.items():
        item = by_name[name]
        by_name[name] = Field(name, item.kind, item.columns, item.about, values)
    return by_name


SEARCH_FIELDS: dict[str, Field] = _search_fields()
"""Every name a search may use, in lower case, → what it means."""

STATES: frozenset[str] = frozenset(name for name, _ in _STATES)
"""The states. `_quarantined` and `_redacted` are seen in the Event, the others by the ledger."""

TEXT_COLUMNS: tuple[str, ...] = tuple(
    name for name, kind, _ in _TABLE if kind in {"exact", "words", "ip"}
)
"""The fields of the Event in which a bare word is looked for, besides the raw record."""

COLUMN_KINDS: frozenset[Kind] = frozenset({"exact", "integer", "time", "ip", "state"})
"""Kinds that can be answered from columns alone, without the opened row."""


def suggest(name: str) -> str | None:
    """Return the field that was probably meant by an unknown name, or None."""
    folded = name[:_NAME_CHARS_MAX].lower()
    if folded in FIELDS_ELSEWHERE:
        return FIELDS_ELSEWHERE[folded]
    return suggest_of(folded, SEARCH_FIELDS)


def suggest_of(word: str, known: "dict[str, Field] | tuple[str, ...]") -> str | None:
    """Return the known word that is closest to this one, or None when none is close."""
    close = difflib.get_close_matches(word[:_NAME_CHARS_MAX].lower(), known, n=1, cutoff=0.6)
    return close[0] if close else None
