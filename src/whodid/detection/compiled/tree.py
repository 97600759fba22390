"""Probes of plain paths, asked in one walk over a record: what it does not have costs nothing.

A record has some twenty keys at its top and a few below; a thousand rules may ask for a hundred
paths. So the walk follows the keys that both have.
"""

from typing import Any

from whodid.detection.compiled.path import flat
from whodid.detection.compiled.probes import Hits, Probe
from whodid.limits import NESTING_MAX


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

    def ask(self, native: dict[str, Any], hits: Hits) -> None:
        """Add the numbers of the rules that the record's values leave possible."""
        _walk(native, self._top, hits)


def _walk(value: dict[str, Any], branches: dict[str, Branch], hits: Hits) -> None:
    for key in branches.keys() & value.keys():
        branch, inner = branches[key], value[key]
        if inner is None:
            continue
        probe = branch.probe
        if probe is not None:
            if inner.__class__ is str:
                probe.take(inner, hits)
            else:
                for item in flat(inner):
                    probe.take(item, hits)
        if branch.below:
            if inner.__class__ is dict:
                _walk(inner, branch.below, hits)
            elif inner.__class__ is list:
                _walk_items(inner, branch.below, hits, 1)


def _walk_items(items: list[Any], branches: dict[str, Branch], hits: Hits, depth: int) -> None:
    """Walk the items of a list; lists that are nested too deeply are not looked at."""
    if depth > NESTING_MAX:
        return
    for item in items:
        if item.__class__ is dict:
            _walk(item, branches, hits)
        elif item.__class__ is list:
            _walk_items(item, branches, hits, depth + 1)
