"""One document, parsed: a rule, a correlation or a filter, before it knows of others."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct, structs

from whodid.detection.rule import LEVELS, Head, Level, LogSource, Node
from whodid.detection.sigma.correlation import Draft, parse_correlation
from whodid.detection.sigma.document import Document
from whodid.detection.sigma.reading import FieldError, texts
from whodid.detection.sigma.selections import SelectionError, parse_detection

_SECTIONS = ("correlation", "detection", "filter")
_LEVEL: Level = "medium"
_OF_RULES = frozenset(("title", "logsource", *_SECTIONS))
_NO_HEAD = Head("", "", _LEVEL, "")
_encode = msgspec.json.Encoder(order="deterministic").encode


class Note(Struct, frozen=True):
    """A doubt about a document, with the line in it."""

    line: int
    reason: str


class Parsed(Struct, frozen=True):
    """A document that says something; `fault` (at `line`) when it cannot be used.

    Exactly one of `node` (with `rules` a filter), `draft` and `fault` is there. Lines count from
    the document's first. `uuid` and `name` are what others call it. `foreign` tells that nothing in
    it is of a rule.
    """

    head: Head
    uuid: str = ""
    name: str = ""
    source: LogSource = LogSource()
    node: Node | None = None
    rules: tuple[str, ...] | None = None
    draft: Draft | None = None
    fault: str | None = None
    line: int = 1
    notes: tuple[Note, ...] = ()
    foreign: bool = False


def parse_rule(document: Document) -> Parsed:
    """Parse a document. Never raises for what it may hold."""
    if document.fault is not None:
        return Parsed(_NO_HEAD, fault=document.fault, line=document.at)
    if isinstance(document.value, dict) and not _OF_RULES.intersection(document.value):
        keys = ", ".join(str(key)[:40] for key in list(document.value)[:3])
        return Parsed(_NO_HEAD, fault=f"it is no rule, it has {keys or 'nothing'}", foreign=True)
    head = _NO_HEAD
    kind = ""
    try:
        kind = _kind(document.value)
        head, uuid, notes = _head(document)
        return _SAID[kind](document, Parsed(head, uuid, head.name, notes=notes))
    except SelectionError as error:
        return _faulty(document, head, error, error.path)
    except FieldError as error:
        top = head is _NO_HEAD or error.path[:1] == ("logsource",)
        return _faulty(document, head, error, error.path if top else (kind, *error.path))


def _faulty(document: Document, head: Head, error: Exception, path: tuple[str, ...]) -> Parsed:
    if head is _NO_HEAD and isinstance(document.value, dict):
        head = structs.replace(head, title=_text(document.value, "title"))
    return Parsed(head, fault=str(error), line=document.line_of(*path) - document.line + 1)


def _kind(value: Any) -> str:
    """Return the section that says what a document is. Raises FieldError."""
    if not isinstance(value, dict):
        raise FieldError("a rule is a map with `title` and `detection`")
    kinds = [key for key in _SECTIONS if key in value]
    if len(kinds) != 1:
        said = " and ".join(f"`{key}`" for key in kinds) or "neither `detection` nor `correlation`"
        raise FieldError(f"it has {said}; a document is one of them")
    return kinds[0]


def _rule(document: Document, parsed: Parsed) -> Parsed:
    source = _source(document.value.get("logsource"))
    node = parse_detection(document, "detection")
    notes = parsed.notes
    if "timeframe" in document.value["detection"]:
        reason = "`timeframe` belongs to aggregations, which left Sigma; ignored"
        notes += (_note(document, reason, "detection", "timeframe"),)
    return structs.replace(parsed, source=source, node=node, notes=notes)


def _correlation(document: Document, parsed: Parsed) -> Parsed:
    return structs.replace(parsed, draft=parse_correlation(document.value["correlation"]))


def _filter(document: Document, parsed: Parsed) -> Parsed:
    source = _source(document.value.get("logsource"))
    section = document.value["filter"]
    if not isinstance(section, dict):
        raise FieldError("`filter` is a map of rules, selections and a condition")
    if "rules" not in section:
        raise FieldError("`rules` names rules by name or id, or is `any`", "rules")
    rules = texts(section, "rules")
    node = parse_detection(document, "filter", frozenset(("rules",)))
    notes = parsed.notes
    condition = section.get("condition")
    if isinstance(condition, str) and "not" not in condition.split():
        reason = "the filter keeps only what it selects; to leave that out: `not …`"
        notes += (_note(document, reason, "filter", "condition"),)
    everything = not rules or rules == ("any",)
    return structs.replace(
        parsed, source=source, node=node, rules=() if everything else rules, notes=notes
    )


_SAID: dict[str, Callable[[Document, Parsed], Parsed]] = {
    "correlation": _correlation, "detection": _rule, "filter": _filter,
}  # fmt: skip


def _note(document: Document, reason: str, *path: str) -> Note:
    return Note(document.lines.get(path, 1), reason)


def _head(document: Document) -> tuple[Head, str, tuple[Note, ...]]:
    """Return the head (its id is set when all rules are known), the UUID ("": none) and doubts."""
    value = document.value
    title = value.get("title")
    if not isinstance(title, str) or not title.strip():
        raise FieldError("it has no `title`", "title")
    uuid = value.get("id")
    level = value.get("level", _LEVEL)
    notes: tuple[Note, ...] = ()
    level = level.lower() if isinstance(level, str) else level
    if level not in LEVELS:
        notes = (_note(document, f"there is no level {level!r}; taken as {_LEVEL}", "level"),)
        level = _LEVEL
    head = Head(
        "", title.strip(), level, _version(value), _text(value, "name"),
        _text(value, "description"), _text(value, "status"), _text(value, "author"),
        _list(value, "tags"), _list(value, "references"), _list(value, "falsepositives"),
        _list(value, "fields"),
    )  # fmt: skip
    return head, uuid.strip().lower() if isinstance(uuid, str) else "", notes


def _version(value: Any) -> str:
    """Return the SHA-256 of what a document says; layout and comments do not count."""
    return hashlib.sha256(_encode(_plain(value))).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value that JSON knows: numbers are texts with their type, they may be any."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{type(value).__name__}:{value}"
    return value


def _text(value: dict[Any, Any], key: str) -> str:
    said = value.get(key)
    return said.strip() if isinstance(said, str) else ""


def _list(value: dict[Any, Any], key: str) -> tuple[str, ...]:
    said = value.get(key)
    items = said if isinstance(said, list) else [said]
    return tuple(it for it in items if isinstance(it, str) and it)


def _source(said: Any) -> LogSource:
    if not isinstance(said, dict):
        raise FieldError("`logsource` is a map of category, product and service", "logsource")
    found = {key: said.get(key) for key in ("category", "product", "service")}
    if wrong := [key for key, it in found.items() if it is not None and not isinstance(it, str)]:
        raise FieldError(f"`{wrong[0]}` is a text", "logsource", wrong[0])
    if not any(found.values()):
        raise FieldError("it names neither category, product nor service", "logsource")
    return LogSource(**{key: value.lower() if value else None for key, value in found.items()})
