"""Values at a path of a native record: `userIdentity.arn`, through lists on the way.

A list on the way stands for each of its items; `name[]`, `name[*]` and `name[2]` say so or pick
one. A key that holds dots itself is found where the kind of log has such keys.
"""

import re
from collections.abc import Callable
from typing import Any

from whodid.detection.asked import Texts, is_told
from whodid.limits import NESTING_MAX

Values = tuple[Any, ...]
Step = str | int
Get = Callable[[dict[str, Any]], Values]
"""Native record → the values at a path: texts, numbers, truth values, maps; no None, no list."""

_INDEX = re.compile(r"([^\[\]{}]*)(?:\[(\*|[0-9]{1,6})?\]|\{\})").fullmatch


def plain_steps(path: str) -> tuple[str, ...] | None:
    """Return the keys of a path that is nothing else, None for one with indexes or too long."""
    steps = steps_of(path)
    if len(steps) > NESTING_MAX // 2:
        return None
    plain = tuple(step for step in steps if isinstance(step, str))
    return plain if len(plain) == len(steps) > 0 else None


def getter(path: str, *, folds: bool = False, dotted: bool = False) -> Get:
    """Return what gets the values at `path`."""
    steps = steps_of(path)
    plain = all(step.__class__ is str for step in steps)
    if plain and len(steps) == 1 and not folds:
        return _top(path)

    def walk(native: dict[str, Any]) -> Values:
        found: list[Any] = []
        _walk(native, steps, 0, found, _Ways(folds, dotted), 0)
        return tuple(found)

    if dotted and plain and not folds and len(steps) > 1:
        return _unless_absent(walk, steps)
    if not plain or folds or dotted:
        return walk

    def get(native: dict[str, Any]) -> Values:
        value: Any = native
        for step in steps:
            if value.__class__ is not dict:
                return walk(native) if value.__class__ is list else ()
            value = value.get(step)
            if value is None:
                return ()
        return (value,) if value.__class__ is str else flat(value)

    return get


def heads_of(path: str, *, folds: bool, dotted: bool) -> frozenset[str] | None:
    """Return the keys at the top of a record of which one is there when anything is at `path`.

    None when they cannot be told.
    """
    steps = steps_of(path)
    if folds or not steps or not isinstance(steps[0], str):
        return None
    return frozenset(_heads(steps) if dotted else steps[:1])  # type: ignore[arg-type]


def _heads(steps: tuple[Step, ...]) -> list[str]:
    return [".".join(map(str, steps[:end])) for end in range(1, len(steps) + 1)]


def _unless_absent(walk: Get, steps: tuple[Step, ...]) -> Get:
    """Return a getter of two steps or more that looks first whether the path can begin at all."""
    first, *joined = _heads(steps)

    def get(native: dict[str, Any]) -> Values:
        value = native.get(first)
        if value.__class__ is dict or value.__class__ is list:
            return walk(native)
        for head in joined:
            if head in native:
                return walk(native)
        return ()

    return get


def _top(key: str) -> Get:
    def get(native: dict[str, Any]) -> Values:
        value = native.get(key)
        if value.__class__ is str:
            return (value,)
        return () if value is None else flat(value)

    return get


def flat(value: Any) -> Values:
    """Return the values in a value that may be a list."""
    if value.__class__ is not list:
        return () if value is None else (value,)
    found: list[Any] = []
    _walk(value, (), 0, found, _PLAIN, 0)
    return tuple(found)


def leaves(
    native: dict[str, Any], head: int, paths: tuple[tuple[str, ...], ...], longest: int
) -> Texts | None:
    """Return the head and what is at each path, None where nothing is.

    None for all when there is a list on a path, or at its end what is not told.
    """
    found: list[int | str | None] = [head]
    for path in paths:
        value: Any = native
        for step in path:
            if value.__class__ is list:
                return None
            value = value.get(step) if value.__class__ is dict else None
        if value is not None and not is_told(value, longest):
            return None
        found.append(value)
    return tuple(found)


class _Ways:
    __slots__ = ("dotted", "folds")

    def __init__(self, folds: bool, dotted: bool) -> None:
        self.folds = folds
        self.dotted = dotted


_PLAIN = _Ways(folds=False, dotted=False)


def steps_of(path: str) -> tuple[Step, ...]:
    """Return the steps of a path; an index is an int.

    An index of all items is left out: a list stands for all.
    """
    steps: list[Step] = []
    for part in path.split("."):
        match = _INDEX(part)
        if match is None:
            steps.append(part)
            continue
        steps += [match[1]] if match[1] else []
        if match[2] and match[2] != "*":
            steps.append(int(match[2]))
    return tuple(steps)


def _walk(
    value: Any, steps: tuple[Step, ...], at: int, found: list[Any], ways: _Ways, depth: int
) -> None:
    """Add the values at `steps[at:]` of `value`; what is nested too deeply is not looked at."""
    if depth > NESTING_MAX or value is None:
        return
    if value.__class__ is list:
        step = steps[at] if at < len(steps) else None
        if step.__class__ is int:
            if step < len(value):
                _walk(value[step], steps, at + 1, found, ways, depth + 1)
            return
        for item in value:
            _walk(item, steps, at, found, ways, depth + 1)
    elif at == len(steps):
        found.append(value)
    elif value.__class__ is dict:
        _step(value, steps, at, found, ways, depth)


def _step(
    value: dict[str, Any], steps: tuple[Step, ...], at: int, found: list[Any], ways: _Ways,
    depth: int,
) -> None:  # fmt: skip
    step = steps[at]
    if step.__class__ is int:
        return
    inner = _item(value, step, ways)  # type: ignore[arg-type]
    if inner is not None:
        before = len(found)
        _walk(inner, steps, at + 1, found, ways, depth + 1)
        if len(found) > before:
            return
    if not ways.dotted:
        return
    for end in range(at + 2, len(steps) + 1):
        joined = ".".join(map(str, steps[at:end]))
        inner = _item(value, joined, ways)
        if inner is not None:
            _walk(inner, steps, end, found, ways, depth + 1)


def _item(value: dict[str, Any], key: str, ways: _Ways) -> Any:
    inner = value.get(key)
    if inner is None and ways.folds:
        lowered = key.lower()
        for name, item in value.items():
            if name.lower() == lowered:
                return item
    return inner
