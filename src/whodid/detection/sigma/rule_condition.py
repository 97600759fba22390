"""The condition of a temporal correlation in words (`a and not b`) → postfix: `a b not and`.

Spec: sigma-specification issue 198, approved for Sigma 2.2. `not` binds before `and`, that before
`or`; names are those of `rules`. Postfix is flat, so nothing that reads it can nest too deeply.
"""

import re
from collections.abc import Sequence

from whodid.detection.sigma.reading import FieldError
from whodid.limits import CORRELATION_RULES_MAX, RULE_CONDITION_CHARS_MAX, RULE_NESTING_MAX

_WORDS = re.compile(r"[()]|[^\s()]+").findall
_BINDS = {"or": 1, "and": 2, "not": 3}


def parse_condition(said: str) -> tuple[str, ...]:
    """Return the postfix of a condition. Raises FieldError for what is none, or too large."""
    if len(said) > RULE_CONDITION_CHARS_MAX:
        raise _error(f"has more than {RULE_CONDITION_CHARS_MAX:,} characters")
    made: list[str] = []
    open_: list[str] = []
    wants_name = True
    for word in _WORDS(said):
        if word in {"and", "or"} or word == ")":
            if wants_name:
                raise _error(f"has `{word}` where a rule must stand")
            _close(word, open_, made)
            wants_name = word != ")"
        elif not wants_name:
            raise _error(f"has `{word[:64]}` where `and` or `or` must stand")
        elif word in {"not", "("}:
            open_.append(word)
        else:
            made.append(word)
            wants_name = False
        if len(open_) > RULE_NESTING_MAX * 2:
            raise _error(f"is nested deeper than {RULE_NESTING_MAX}")
    if wants_name:
        raise _error("ends where a rule must stand")
    if "(" in open_:
        raise _error("has a bracket that is not closed")
    return (*made, *reversed(open_))


def rules_of(words: Sequence[str]) -> tuple[str, ...]:
    """Return the rules that a postfix names, in their order. Raises FieldError for too many."""
    found = tuple(dict.fromkeys(word for word in words if word not in _BINDS))
    if len(found) > CORRELATION_RULES_MAX:
        raise _error(f"names more than {CORRELATION_RULES_MAX} rules")
    return found


def _close(word: str, open_: list[str], made: list[str]) -> None:
    """Take what binds closer than `word`, up to the bracket that it closes."""
    while open_ and open_[-1] != "(" and _BINDS[open_[-1]] >= _BINDS.get(word, 0):
        made.append(open_.pop())
    if word != ")":
        open_.append(word)
    elif not open_:
        raise _error("closes a bracket that was not opened")
    else:
        open_.pop()


def _error(reason: str) -> FieldError:
    return FieldError(f"the condition {reason}", "condition")
