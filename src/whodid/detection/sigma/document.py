"""YAML text → documents of plain values that know their lines.

The text is cut at `---` first, so that a document that is no YAML does not take those behind it
along. Read from YAML's events, never from Python objects: a key twice, a tag that is not plain
data, nesting, aliases that grow (billion laughs) or refer to themselves are faults. Scalars are
those of YAML 1.1, as SigmaHQ's tools read them, but dates stay text. Spec: yaml.org/spec/1.2.2.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any

from msgspec import Struct

from whodid.errors import InputError
from whodid.limits import RULE_FILE_DOCUMENTS_MAX, RULE_NESTING_MAX, RULE_NODES_MAX

Lines = dict[tuple[str, ...], int]
"""Path of keys → line (1-based); items of lists have the number as key."""

_LINE_DEPTH_MAX = 4
_MARK = re.compile(r"^---(?=[ \t]|\r?$)", re.MULTILINE)
_BARE_MARK = re.compile(r"---[ \t]*\r?\n").match
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "null", "bool")
)
_MERGE = "<<"


class Document(Struct, frozen=True):
    """One document: its value, where it begins, and where its keys stand (from its own line 1).

    `fault` is why it is none (with its line in `at`); then the value is None.
    """

    text: str
    line: int
    value: Any = None
    lines: Lines = {}
    fault: str | None = None
    at: int = 1

    def line_of(self, *path: str) -> int:
        """Return the line in the file where the nearest known part of `path` stands."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.line + self.lines.get(path, 1) - 1


def decode_text(content: bytes) -> str:
    """Return the text of a file. Raises InputError, with its `line`, for what is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _FaultError(line, f"not UTF-8 (byte {error.start})") from None


def split_documents(text: str) -> Iterator[tuple[int, str]]:
    """Cut a file at its `---`; yield the line (1-based) where each piece begins, and the piece.

    Pieces without anything but blanks and comments are left out. Raises InputError for too many.
    """
    marks = [match.start() for match in islice(_MARK.finditer(text), RULE_FILE_DOCUMENTS_MAX + 1)]
    if len(marks) > RULE_FILE_DOCUMENTS_MAX:
        raise InputError(f"a file of rules has at most {RULE_FILE_DOCUMENTS_MAX:,} documents")
    line, counted = 1, 0
    for start, end in pairwise([0, *marks, len(text)]):
        mark = _BARE_MARK(text, start, end)
        begin = start if mark is None else mark.end()
        piece = text[begin:end]
        if _says_something(piece):
            line += text.count("\n", counted, begin)
            counted = begin
            yield line, piece


def _says_something(piece: str) -> bool:
    return any(
        line.strip() and not line.lstrip().startswith("#")
        for line in piece.removeprefix("---").split("\n")
    )


def parse_document(line: int, text: str) -> Document:
    """Parse one piece of a file."""
    import yaml  # noqa: PLC0415 - slow to load

    try:
        value, lines = _Builder().build(text)
    except InputError as error:
        return Document(text, line, fault=str(error), at=getattr(error, "line", 1))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"not YAML: {error.problem or error.context}"
        last = len(text.splitlines())
        return Document(text, line, fault=reason, at=min(mark.line + 1, last) if mark else 1)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        return Document(text, line, fault=f"not YAML: {' '.join(str(error).split())[:200]}")
    return Document(text, line, value, lines)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _FaultError(InputError):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Builder:
    """Makes values of events, one document; a fresh one for each."""

    def __init__(self) -> None:
        self._nodes = 0
        self._lines: Lines = {}
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._next: Callable[[], Any] = lambda: None
        self._scalar: Callable[[Any], Any] = lambda event: event.value

    def build(self, text: str) -> tuple[Any, Lines]:
        """Return the value of a document, and the lines of its keys."""
        import yaml  # noqa: PLC0415 - slow to load

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        resolve: Any = yaml.resolver.Resolver().resolve
        constructor = yaml.constructor.SafeConstructor()
        plain = {
            "bool": constructor.construct_yaml_bool, "int": constructor.construct_yaml_int,
            "float": constructor.construct_yaml_float, "null": constructor.construct_yaml_null,
        }  # fmt: skip

        def scalar(event: Any) -> Any:
            tag = event.tag or resolve(yaml.ScalarNode, event.value, event.implicit)
            node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark)
            made = plain.get(tag.rpartition(":")[2])
            return event.value if made is None else made(node)

        self._scalar = scalar
        events = yaml.parse(text, loader)
        self._next = events.__next__
        value = None
        documents = 0
        for event in events:
            if event.__class__ is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _FaultError(_line(event), "a second document without ---")
                value = self._value(self._next(), (), 1)
        return value, self._lines

    def _value(self, event: Any, path: tuple[str, ...], depth: int) -> Any:
        line = _line(event)
        name = event.__class__.__name__
        if name == "AliasEvent":
            return self._alias(event.anchor, line)
        if depth > RULE_NESTING_MAX:
            raise _FaultError(line, f"nested deeper than {RULE_NESTING_MAX}")
        if event.tag and event.tag not in _PLAIN_TAGS:
            raise _FaultError(line, f"the tag {event.tag[:64]} is not plain data")
        self._count(1, line)
        before = self._nodes
        if event.anchor:
            self._anchors[event.anchor] = None
        if name == "ScalarEvent":
            value = self._scalar(event)
        elif name == "SequenceStartEvent":
            value = self._list(path, depth)
        else:
            value = self._map(path, depth)
        if event.anchor:
            self._anchors[event.anchor] = value, self._nodes - before + 1
        return value

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > RULE_NODES_MAX:
            raise _FaultError(line, f"more than {RULE_NODES_MAX:,} values, aliases counted")

    def _alias(self, anchor: str, line: int) -> Any:
        if anchor not in self._anchors:
            raise _FaultError(line, f"the alias *{anchor[:64]} stands for nothing before it")
        found = self._anchors[anchor]
        if found is None:
            raise _FaultError(line, f"the alias *{anchor[:64]} stands for itself")
        self._count(found[1], line)
        return found[0]

    def _list(self, path: tuple[str, ...], depth: int) -> list[Any]:
        items: list[Any] = []
        while (event := self._next()).__class__.__name__ != "SequenceEndEvent":
            inner = (*path, str(len(items)))
            self._remember(inner, event)
            items.append(self._value(event, inner, depth + 1))
        return items

    def _map(self, path: tuple[str, ...], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while (event := self._next()).__class__.__name__ != "MappingEndEvent":
            line = _line(event)
            key = self._key(event, path, depth)
            inner = (*path, key)
            self._remember(inner, event)
            value = self._value(self._next(), inner, depth + 1)
            if key == _MERGE:
                merged += value if isinstance(value, list) else [value]
                continue
            if key in found:
                raise _FaultError(line, f"the key {key[:64]!r} stands twice")
            found[key] = value
        for other in merged:
            if not isinstance(other, dict):
                raise _FaultError(1, "<< takes a map or a list of maps")
            for key, value in other.items():
                found.setdefault(key, value)
        return found

    def _key(self, event: Any, path: tuple[str, ...], depth: int) -> str:
        """Return a key: always the text that stands there, so that `on` and `1` are names."""
        if event.__class__.__name__ == "ScalarEvent" and not event.anchor:
            self._count(1, _line(event))
            return str(event.value)
        key = self._value(event, path, depth + 1)
        if isinstance(key, dict | list):
            raise _FaultError(_line(event), "a key is a list or a map")
        return str(key)

    def _remember(self, path: tuple[str, ...], event: Any) -> None:
        if len(path) <= _LINE_DEPTH_MAX:
            self._lines[path] = _line(event)
