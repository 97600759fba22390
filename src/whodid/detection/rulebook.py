"""Which rules are used here: packs that come with whodid, DIR/rules, further folders; and changes.

What cannot be read is a fault; the rest is used. A folder is looked at by names, sizes and times of
its files, so that a rule that was saved takes effect without anybody being told.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from whodid.detection.packs import PACKS, is_on
from whodid.detection.reads import with_reads
from whodid.detection.rule import AnyRule, Correlation
from whodid.detection.sigma import Fault, load_rules
from whodid.detection.sigma.load import rule_files
from whodid.errors import InputError, WhodidError
from whodid.ledger.layout import RULES
from whodid.limits import RULE_FOLDER_FILES_MAX

ALL = "all"


class Choice(Struct, frozen=True):
    """Names of packs (`all`: each), further folders or files, ids or names of unused rules.

    `enabled` names rules of packs that are used although their status says that they are off.
    """

    packs: tuple[str, ...] = (ALL,)
    folders: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()


class Rulebook(Struct, frozen=True):
    """Rules as they were read; `stamp` is what their files looked like just before."""

    rules: tuple[AnyRule, ...]
    faults: tuple[Fault, ...]
    stamp: bytes

    @property
    def versions(self) -> dict[str, str]:
        """The version of each rule by its id."""
        return {rule.head.id: rule.head.version for rule in self.rules}


def packs() -> list[str]:
    """Return the names of the packs that come with whodid."""
    return sorted(path.name for path in PACKS.iterdir() if path.is_dir()) if PACKS.is_dir() else []


def read_rules(directory: Path, choice: Choice, cache: Path | None = None) -> Rulebook:
    """Read the rules of a ledger; `cache` as in `load_rules`. Raises nothing for bad ones."""
    seen = stamp(directory, choice)
    paths, faults = _paths(directory, choice)
    try:
        loaded = load_rules(paths, cache)
    except (WhodidError, OSError) as error:  # a file that went away meanwhile
        return Rulebook((), (*faults, Fault(str(directory / RULES), 0, str(error))), b"")
    used = _without(loaded.rules, {*choice.disabled, *_off(loaded.rules, choice.enabled)})
    rules = with_reads(used)
    unknown = [
        Fault(f"detection.{setting}", 0, f"there is no rule {name!r}", warning=True)
        for setting, names in (
            ("disabled_rules", choice.disabled), ("enabled_rules", choice.enabled)
        )
        for name in names
        if not any(name in _names(rule) for rule in loaded.rules)
    ]  # fmt: skip
    return Rulebook(rules, (*faults, *unknown, *loaded.faults), seen)


def stamp(directory: Path, choice: Choice) -> bytes:
    """Return bytes that change when a file of rules does; cheap enough for every second."""
    digest = hashlib.sha256(repr(choice).encode())
    paths, _ = _paths(directory, choice)
    left = RULE_FOLDER_FILES_MAX
    for path in paths:
        for file in _files(path):
            left -= 1
            if left < 0:
                return digest.digest()
            try:
                found = os.stat(file)  # noqa: PTH116 - of thousands, each second
            except OSError:
                continue
            told = f"{file}\0{found.st_size} {found.st_mtime_ns} {found.st_ino}\0"
            digest.update(told.encode("utf-8", "surrogateescape"))
    return digest.digest()


def with_needed(rules: Sequence[AnyRule], ids: frozenset[str]) -> tuple[AnyRule, ...]:
    """Return rules by id and what they are built on, in their order."""
    by_name = {name: rule for rule in rules for name in (rule.head.name, rule.head.id) if name}
    needed: set[str] = set()
    waiting = list(ids)
    while waiting:
        rule = by_name.get(waiting.pop())
        if rule is None or rule.head.id in needed:
            continue
        needed.add(rule.head.id)
        if isinstance(rule, Correlation):
            waiting += rule.rules
    return tuple(rule for rule in rules if rule.head.id in needed)


def _paths(directory: Path, choice: Choice) -> tuple[list[Path], list[Fault]]:
    """Return what there is to read, and a fault for what is missing."""
    names = packs()
    faults = [
        Fault("detection.packs", 0, f"there is no pack {name!r}; there are {', '.join(names)}")
        for name in choice.packs
        if name not in {ALL, *names}
    ]
    wanted = names if ALL in choice.packs else [name for name in names if name in choice.packs]
    found = [PACKS / name for name in wanted]
    own = directory / RULES
    found += [own] if own.is_dir() else []
    for name in choice.folders:
        path = directory / name  # an absolute one stays what it is
        if path.exists():
            found.append(path)
        else:
            faults.append(Fault(str(path), 0, "there is no such file or folder"))
    return found, faults


def _files(path: Path) -> Iterator[str]:
    with suppress(InputError):  # it went away meanwhile
        yield from rule_files(path, [])


def _names(rule: AnyRule) -> set[str]:
    return {rule.head.id, rule.head.name} - {""}


def _off(rules: Sequence[AnyRule], enabled: Sequence[str]) -> set[str]:
    """Return the ids of rules of packs that are off and that nobody switched on."""
    return {
        rule.head.id
        for rule in rules
        if not is_on(rule)
        and PACKS in Path(rule.head.path).parents
        and not _names(rule) & set(enabled)
    }


def _without(rules: Sequence[AnyRule], off: set[str]) -> tuple[AnyRule, ...]:
    """Leave out rules; one that others are built on stays, and raises nothing itself."""
    kept = [rule for rule in rules if not _names(rule) & off]
    while True:
        needed = {name for rule in kept if isinstance(rule, Correlation) for name in rule.rules} - {
            rule.head.id for rule in kept
        }
        again = [replace(rule, silent=True) for rule in rules if rule.head.id in needed]
        if not again:
            place = {rule.head.id: at for at, rule in enumerate(rules)}
            return tuple(sorted(kept, key=lambda rule: place[rule.head.id]))
        kept += again
