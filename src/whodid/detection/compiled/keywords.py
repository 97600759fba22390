"""All texts of a record, for keywords: every value of the native record, else the line itself.

Names of fields are not looked at. Between two values stands a NUL, which no keyword holds, so that
one that is found lies within one value.
"""

from typing import Any

from whodid.detection.compiled.fields import GROUP_NUMBER, View, text_of
from whodid.event import FIELDS

GAP = "\x00"
_RAW = 6


def all_texts(view: View) -> str:
    """Return all texts of a record in one, as they are written."""
    if view.texts is None:
        view.texts = GAP.join(_texts(view))
    return view.texts


def _texts(view: View) -> list[str]:
    native = view.record.native  # what rules look at may be a part of it
    if native and native.__class__ is dict:
        return _leaves(native)
    raw = view.record.groups[_RAW]
    if raw:
        return [raw.decode("utf-8", "replace")]
    found: list[str] = []
    for group, attribute in FIELDS.values():
        value = getattr(view.record.group(GROUP_NUMBER[group]), attribute)
        values = value if value.__class__ is tuple else (value,)
        found += [it for it in values if it.__class__ is str]
    return found


def _leaves(native: Any) -> list[str]:
    """Return the values of a nested record; a stack, since a sender may nest as he likes."""
    found: list[str] = []
    stack = [native]
    while stack:
        value = stack.pop()
        if value.__class__ is dict:
            stack.extend(reversed(value.values()))
        elif value.__class__ is list:
            stack.extend(reversed(value))
        elif value.__class__ is str:
            found.append(value)
        elif value is not None:
            found.append(text_of(value))
    return found
