"""`GET /v1/complete`: what can stand at the caret of a search, values and people of the log too.

Values are counted as facets are: of rows that the caller may see, of fields that are not denied to
him, and recorded as `count`. Nothing else of the index is looked into, since its dictionaries hold
values of rows that he may not see. Names of fields are no secret and are recorded nowhere.
"""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from whodid.app.answer import Caller
from whodid.app.reads import Reading
from whodid.errors import AccessDeniedError, LeftError
from whodid.limits import FACET_VALUES_MAX
from whodid.query.completion import Choice, Completion, complete, value_text
from whodid.query.countable import SEVERAL
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.render import to_text
from whodid.query.rights import may_ask
from whodid.query.tree import Pattern, Term

Document = dict[str, Any]

_ITEMS_MAX = 12
_PEOPLE_MAX = 5
_VALUES_MAX = 8
_SECONDS_MAX = 1.0
_VALUE_CHARS_MAX = 200
_WITHIN_CHARS_MIN = 2


class Completing:
    """Answers completions. Values take a turn of reading, for a second at most."""

    def __init__(self, reading: Reading, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reading = reading
        self._monotonic = monotonic

    def answer(self, caller: Caller, text: str, at: int) -> Document:
        """Return the document of a completion.

        `whole` says that the log has no other value that fits, so that who types on need not ask.
        """
        found = complete(text, at)
        items = [
            _item(choice)
            for choice in found.choices
            if choice.field is None or may_ask(choice.field, caller.rights)
        ]
        whole = True
        if caller.rights.content:
            try:
                more, whole = self._of_the_log(_hurried(caller, self._monotonic), found)
            except (LeftError, AccessDeniedError):
                more, whole = [], False
            items = [*more, *items] if found.field else [*items, *more]
            if found.people:
                items = [*items[: _ITEMS_MAX - len(more)], *more] if more else items
        return {
            "start": found.start, "end": found.end, "typed": found.typed, "field": found.field,
            "items": items[:_ITEMS_MAX], "whole": whole,
        }  # fmt: skip

    def _of_the_log(self, caller: Caller, found: Completion) -> tuple[list[Document], bool]:
        if found.field is not None:
            return self._values(caller, found.field, found.typed, _VALUES_MAX, "")
        if found.people:
            return self._values(caller, "actor", found.typed, _PEOPLE_MAX, "actor:")
        return [], True

    def _values(
        self, caller: Caller, field: str, typed: str, most: int, before: str
    ) -> tuple[list[Document], bool]:
        """Return values that hold what is typed, the most frequent first; and whether all."""
        if not may_ask(field, caller.rights) or len(typed) > _VALUE_CHARS_MAX:
            return [], True
        narrowed = _narrowed(field, typed)
        answer = self._reading.facets(caller, narrowed or "", (field,), values=FACET_VALUES_MAX)
        facet = next(iter(answer.facets), None)
        if facet is None:
            return [], True
        folded = typed.casefold()
        sifted = not narrowed or field in SEVERAL
        fitting = [
            (str(value), count)
            for value, count in facet.values
            if not sifted or folded in str(value).casefold()
        ]
        fitting.sort(key=lambda pair: not pair[0].casefold().startswith(folded))
        items = [
            {
                "text": before + value_text(field, value), "shown": value, "kind": "value",
                "about": "", "field": field, "count": count,
            }
            for value, count in fitting
            if value != typed and value.isprintable() and len(value) <= _VALUE_CHARS_MAX
        ]  # fmt: skip
        whole = facet.exact and facet.distinct <= len(facet.values) and len(items) <= most
        return items[:most], whole


def _narrowed(field: str, typed: str) -> str | None:
    """Return the search for values that hold what is typed; None where values cannot be so asked.

    Of texts that are found by words, and of addresses, the most frequent ones are looked through.
    """
    if not typed or SEARCH_FIELDS[field].kind != "exact" or "\0" in typed:
        return None
    first = ("",) if len(typed) >= _WITHIN_CHARS_MIN else ()
    return to_text(Term(field, "has", Pattern((*first, typed, ""))))


def _item(choice: Choice) -> Document:
    return {
        "text": choice.text, "shown": choice.text, "kind": choice.kind, "about": choice.about,
        "field": choice.field, "count": None,
    }  # fmt: skip


def _hurried(caller: Caller, monotonic: Callable[[], float]) -> Caller:
    """Return the caller as one who goes away after a second."""
    end_s, left = monotonic() + _SECONDS_MAX, caller.left
    return msgspec.structs.replace(caller, left=lambda: left() or monotonic() > end_s)
