r"""Paths of a mapping file into a decoded record: `user.id`, `items[].sku`, `items[0].sku`.

A dot goes into an object, `[]` takes every element of a list, `[N]` one of them (from 0). `\.` is a
dot within a key. A key that is the whole path is found first: many logs have dots in flat keys.
"""

import re
from typing import Any, NamedTuple

from whodid.limits import LIST_ITEMS_MAX, NESTING_MAX

_STEP = re.compile(r"((?:[^.\\\[\]]|\\.)+)((?:\[[0-9]{0,6}\])*)(?:\.|\Z)")
_INDEX = re.compile(r"\[([0-9]*)\]")


class Path(NamedTuple):
    """A path: its text, and the keys, indexes (int) and `None` (every element) on the way."""

    text: str
    steps: tuple[str | int | None, ...]

    def find(self, record: dict[str, Any]) -> list[Any]:
        """Return what stands there, in order; nulls, empty texts and empty lists are nothing."""
        if self.text in record and len(self.steps) > 1:
            found = [record[self.text]]
        else:
            found = [record]
            for step in self.steps:
                found = _go(found, step)
        return [value for value in found if value is not None and value not in ("", [], {})]


def parse_path(text: str) -> Path | None:
    """Return the path that a text is, None when it is none."""
    steps: list[str | int | None] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            return None
        steps.append(re.sub(r"\\(.)", r"\1", step[1]))
        steps += [int(index) if index else None for index in _INDEX.findall(step[2])]
        at = step.end()
    cut_off = text.endswith(".") and not text.endswith("\\.")
    if not steps or cut_off or len(steps) > NESTING_MAX:
        return None
    return Path(text, tuple(steps))


def _go(values: list[Any], step: str | int | None) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if step.__class__ is str:
            if value.__class__ is dict and step in value:
                found.append(value[step])
        elif value.__class__ is list:
            if step is None:
                found += value[: LIST_ITEMS_MAX + 1]
            elif isinstance(step, int) and step < len(value):
                found.append(value[step])
        if len(found) > LIST_ITEMS_MAX:
            break
    return found[: LIST_ITEMS_MAX + 1]
