"""Probes of plain paths, asked in one walk over a record: what it does not have costs nothing.

A record has some twenty keys at its top and a few below; a thousand rules may ask for a hundred
paths. So the walk follows the keys that both have.
"""

from functools import partial
from typing import Any

from whodid.detection.compiled.path import flat
from whodid.detection.compiled.probes import Probe
from whodid.limits import NESTING_MAX
from whodid.native import native as compiled


class Branch:
    """The probe at a path, and the branches below it by their next key."""

    __slots__ = ("below", "probe")

    def __init__(self) -> None:
        self.probe: Probe | None = None
        self.below: dict[str, Branch] = {}


class Tree:
    """Probes by the steps of their paths."""

    def __init__(self) -> None:
        self._top: dict[str, Branch] = {}
        self._packed: dict[str, Any] | None = None
        """The same as `native.walk` takes it."""

    def __bool__(self) -> bool:
        return bool(self._top)

    def add(self, steps: tuple[str, ...], probe: Probe) -> None:
        """File a probe under its path."""
        below = self._top
        branch = Branch()
        for step in steps:
            branch = below.setdefault(step, Branch())
            below = branch.below
        branch.probe = probe
        self._packed = None

    def ask(self, native: dict[str, Any]) -> int:
        """Return the bits of all looks that the record's values pass."""
        if compiled is None:
            return _walk(native, self._top)
        return compiled.walk(native, self.packed())

    def packed(self) -> dict[str, Any]:
        """Return the branches as `native.walk` takes them."""
        if self._packed is None:
            self._packed = _packed(self._top)
        return self._packed


def _packed(branches: dict[str, Branch]) -> dict[str, Any]:
    """Return branches as `native.walk` takes them: tables, what finds bits, what is below."""
    found = {}
    for key, branch in branches.items():
        probe, below = branch.probe, branch.below
        found[key] = (
            None if probe is None else probe.texts,
            None if probe is None else partial(_any_bits, probe),
            _packed(below) if below else None,
            partial(_items_bits, below),
            None if probe is None else probe.flags,
        )
    return found


def _any_bits(probe: Probe, value: Any) -> int:
    return probe.bits_of_all(flat(value))


def _items_bits(below: dict[str, Branch], items: list[Any]) -> int:
    return _walk_items(items, below, 1)


def _walk(value: dict[str, Any], branches: dict[str, Branch]) -> int:
    found = 0
    for key in branches.keys() & value.keys():
        branch, inner = branches[key], value[key]
        if inner is None:
            continue
        probe = branch.probe
        if probe is not None:
            if inner.__class__ is str:
                found |= probe.texts[inner]
            else:
                found |= probe.bits_of_all(flat(inner))
        if branch.below:
            if inner.__class__ is dict:
                found |= _walk(inner, branch.below)
            elif inner.__class__ is list:
                found |= _walk_items(inner, branch.below, 1)
    return found


def _walk_items(items: list[Any], branches: dict[str, Branch], depth: int) -> int:
    """Walk the items of a list; lists that are nested too deeply are not looked at."""
    found = 0
    if depth > NESTING_MAX:
        return found
    for item in items:
        if item.__class__ is dict:
            found |= _walk(item, branches)
        elif item.__class__ is list:
            found |= _walk_items(item, branches, depth + 1)
    return found
