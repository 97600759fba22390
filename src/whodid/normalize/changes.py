"""What changed, from the shapes in which applications write it, as (field, before, after) texts.

A list of {field, before|old|from, after|new|to}; an object of field → {old, new}, [old, new] or
the new value; two objects before and after. It does not compare beyond one level.
"""

from typing import Any

from whodid.event import Change
from whodid.limits import CHANGES_MAX
from whodid.normalize.json_record import compact

_FIELD = ("field", "name", "path", "attribute", "key", "property")
_BEFORE = ("before", "old", "from", "old_value", "oldValue")
_AFTER = ("after", "new", "to", "new_value", "newValue", "value")
_LOOKED_AT_MAX = CHANGES_MAX + 1  # one more than is kept, so that the cut is labelled


def changes_of(changes: Any, before: Any, after: Any) -> tuple[Change, ...]:
    """Return the changes that the three values tell, empty when they tell none."""
    if changes.__class__ is list:
        return tuple(filter(None, map(_item, changes[:_LOOKED_AT_MAX])))
    if changes.__class__ is dict:
        pairs = list(changes.items())[:_LOOKED_AT_MAX]
        return tuple(_member(field, value) for field, value in pairs)
    if before.__class__ is dict or after.__class__ is dict:
        return _compare(
            before if before.__class__ is dict else {}, after if after.__class__ is dict else {}
        )
    if before is not None or after is not None:
        return (Change("value", _text(before), _text(after)),)
    return ()


def _compare(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    fields = [field for field in (before | after) if before.get(field) != after.get(field)]
    return tuple(
        Change(field, _text(before.get(field)), _text(after.get(field)))
        for field in fields[:_LOOKED_AT_MAX]
    )


def _item(item: Any) -> Change | None:
    if item.__class__ is str:
        return Change(item)
    if item.__class__ is not dict:
        return None
    field = _first(item, _FIELD)
    if field.__class__ is not str:
        return None
    return Change(field, _text(_first(item, _BEFORE)), _text(_first(item, _AFTER)))


def _member(field: str, value: Any) -> Change:
    if value.__class__ is dict and any(name in value for name in (*_BEFORE, *_AFTER)):
        return Change(field, _text(_first(value, _BEFORE)), _text(_first(value, _AFTER)))
    if value.__class__ is list and len(value) == 2:
        return Change(field, _text(value[0]), _text(value[1]))
    return Change(field, None, _text(value))


def _first(item: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _text(value: Any) -> str | None:
    return None if value is None else compact(value)
