"""Native records with what rules can look at, and nothing else: most of a record nobody asks for.

While it is read, the looks at plain paths are decided: most values came before. The tree of paths
grows with the fields that are asked for. Where the compiled part is not here, or a record is not
plain, it is parsed as a whole, and rules see the same.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from whodid.detection.compiled.fields import View, view_of
from whodid.detection.compiled.path import steps_of
from whodid.detection.record import Record
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.native import is_json, native_of
from whodid.native import native as compiled

Tree = dict[str, "Tree | None"]
_STEPS_MAX = 8
_RAW = 6
_decode = msgspec.json.Decoder().decode
_UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


class Pruning:
    """Which parts of the records of one kind are asked for."""

    def __init__(self, kind: Kind) -> None:
        self._dotted = kind.dotted
        self._all = compiled is None or kind.folds
        """Whether whole records are wanted."""
        self._tree: Tree = {}
        self._planted: object | None = None
        self._probes: dict[str, Any] | None = None

    def probe(self, branches: dict[str, Any] | None) -> None:
        """Decide looks while records are read: the branches as `native.walk` takes them."""
        self._probes = branches
        self._planted = None

    def add(self, paths: Iterable[str]) -> bool:
        """Take note that rules look at these paths; tell whether records have more parts by it."""
        changed = False
        for path in paths:
            steps = steps_of(path)
            keys = tuple(step for step in steps if isinstance(step, str))
            if not keys:
                self._all = changed = True
                continue
            for begin in _heads(keys) if self._dotted else [_plain(steps)]:
                changed |= self._grow(begin)
        if changed:
            self._planted = None
        return changed

    def view(self, record: Record) -> View:
        """Return a record with its native form, or as much of it as is asked for."""
        if self._all or record.is_parsed(native_of) or not is_json(record.sender[0]):
            return view_of(record, record.native)
        assert compiled is not None
        try:
            if self._planted is None:
                self._planted = compiled.plant(self._tree, self._probes)
            found = compiled.pruned(record.groups[_RAW], self._planted, _decode)
        except _UNREADABLE:
            found = None
        if found is None:
            return view_of(record, record.native)
        native, passed = found
        return View(record, native, passed)

    def _grow(self, keys: tuple[str, ...]) -> bool:
        """Add keys that lead to what is wanted, all of it; tell whether it was not wanted yet."""
        tree = self._tree
        for key in keys[:-1]:
            below = tree.setdefault(key, {})
            if below is None:
                return False
            tree = below
        if tree.get(keys[-1], tree) is None:
            return False
        tree[keys[-1]] = None
        return True


def _plain(steps: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys before the first index; what is behind it, or deep, is wanted as a whole."""
    keys: list[str] = []
    for step in steps[:_STEPS_MAX]:
        if not isinstance(step, str):
            break
        keys.append(step)
    return tuple(keys)


def _heads(keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the keys at the top under which a path may begin where keys may hold dots."""
    return [(".".join(keys[:end]),) for end in range(1, len(keys) + 1)]
