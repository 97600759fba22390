"""Files of older Sigma whose documents share keys: `action: global`, `reset`, `repeat`.

`global` gives its keys to the documents behind it, `reset` forgets them, `repeat` changes the
document before it. Left Sigma with 2.0; old folders of rules still have them. Never cached: what
a document says depends on those before it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import structs

from whodid.detection.sigma.document import Document, parse_document
from whodid.detection.sigma.parsed import Parsed, parse_rule

has_action = re.compile(r"^action[ \t]*:", re.MULTILINE).search


def parsed_actions(pieces: Iterable[tuple[int, str]]) -> Iterator[tuple[int, Parsed]]:
    """Yield the documents of such a file, each with the line where it begins."""
    shared: dict[Any, Any] = {}
    last: dict[Any, Any] = {}
    for line, piece in pieces:
        document = parse_document(line, piece)
        if not isinstance(document.value, dict):
            yield line, parse_rule(document)
            continue
        value = dict(document.value)
        action = value.pop("action", None)
        if action == "global":
            shared = value
        elif action == "reset":
            shared = {}
        elif action not in (None, "repeat"):
            fault = f"there is no action {str(action)[:40]!r}; global, reset or repeat"
            yield line, parse_rule(_faulty(document, fault))
        else:
            last = _joined(last if action == "repeat" else shared, value)
            shared.pop("id", None)  # it names one rule: the first
            yield line, parse_rule(structs.replace(document, value=last))


def _faulty(document: Document, fault: str) -> Document:
    at = document.lines.get(("action",), 1)
    return structs.replace(document, value=None, fault=fault, at=at)


def _joined(under: dict[Any, Any], over: dict[Any, Any]) -> dict[Any, Any]:
    """Return the keys of both, maps joined; `over` has the last word."""
    joined = dict(under)
    for key, value in over.items():
        below = joined.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            joined[key] = _joined(below, value)
        else:
            joined[key] = value
    return joined
