"""Which rules a command means: a file, a folder, or the id or name of a rule that is used here."""

import os
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from whodid.config.load import load
from whodid.config.settings import Settings
from whodid.detection.rule import AnyRule
from whodid.detection.rulebook import Choice, Rulebook, read_rules, with_needed
from whodid.detection.sigma import Fault
from whodid.errors import InputError, UsageError
from whodid.serve.detection_plan import plan_of


class Chosen(Struct, frozen=True):
    """Rules that were asked for (`wanted`: their ids), behind those that they are built on."""

    rules: tuple[AnyRule, ...]
    wanted: frozenset[str]
    faults: tuple[Fault, ...]


def settings_of(directory: Path) -> Settings:
    """Return the settings of a ledger's folder. Raises UsageError."""
    return load(directory, environment=os.environ).settings


def chosen(name: str, directory: Path, settings: Settings) -> Chosen:
    """Return the rules that NAME means, read with those that are used here.

    Raises UsageError when there are none, InputError when a file has no rule that can be used.
    """
    choice = plan_of(directory, settings.detection, live=False).choice
    book = read_rules(directory, choice)
    path = Path(name)
    if path.exists():
        return _of_path(path, directory, choice, book)
    ids = frozenset(r.head.id for r in book.rules if name in (r.head.id, r.head.name))
    if not ids:
        names = [rule.head.name or rule.head.id for rule in book.rules]
        near = get_close_matches(name, names, 1)
        hint = f"; did you mean {near[0]}?" if near else "; `whodid rules list` lists them"
        raise UsageError(f"there is no rule, file or folder {name!r}{hint}")
    return Chosen(with_needed(book.rules, ids), ids, ())


def _of_path(path: Path, directory: Path, choice: Choice, book: Rulebook) -> Chosen:
    """Return the rules of a file or folder, which may be built on those that are used here."""
    ids = _below(path, book)
    if not ids:
        more = (*choice.folders, str(path.resolve()))
        book = read_rules(directory, replace(choice, folders=more))
        ids = _below(path, book)
    faults = tuple(fault for fault in book.faults if _is_below(path, fault.path))
    if not ids:
        reasons = [fault.reason for fault in faults if not fault.warning]
        raise InputError(
            f"{path}: no rule can be used: {'; '.join(reasons[:3]) or 'none is there'}"
        )
    return Chosen(with_needed(book.rules, ids), ids, faults)


def _below(path: Path, book: Rulebook) -> frozenset[str]:
    return frozenset(rule.head.id for rule in book.rules if _is_below(path, rule.head.path))


def _is_below(path: Path, place: str) -> bool:
    return Path(place).resolve().is_relative_to(path.resolve())
