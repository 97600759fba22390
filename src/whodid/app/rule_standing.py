"""What the detector keeps of its rules: which it uses, which are blind, how their exercise went.

It stands in DIR/detection/book, under the keys of the ledger (`state_file`): the faces show what is
used, not what they would read. It holds what rules say and nothing of events.
"""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.detection.compiled import Blind
from whodid.detection.packs import pack_of
from whodid.detection.rule import AnyRule, Head, Rule
from whodid.detection.sigma import Fault
from whodid.detection.state_file import StateFile
from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder

_VERSION = 1
_NAME = "book"
BUILT_IN = "built-in"


class UsedRule(Struct, frozen=True):
    """A rule as it is used. `kind` is `rule`, that of a correlation, or `built-in`: no file has it.

    `about` is its kind of log.

    `pack` is that of a rule that comes with whodid, empty for others. `rules` are the ids of those
    that a correlation is about; `silent`: it raises nothing itself.
    """

    head: Head
    kind: str
    about: str
    pack: str = ""
    silent: bool = False
    rules: tuple[str, ...] = ()

    @property
    def is_built_in(self) -> bool:
        """Tell whether it is part of whodid: there is no text of it, and no look over history."""
        return self.kind == BUILT_IN


class Sightless(Struct, frozen=True):
    """Why a rule can never match here, in a word and in a sentence (`compiled.Blind`)."""

    why: str
    reason: str


class ExerciseResult(Struct, frozen=True):
    """How the exercise of a rule went: its cases, and of those that failed the first, in words.

    `version` is that of the rule that was tried. No cases: it has no fixture.
    """

    version: str
    at_us: int
    cases: int = 0
    failed: int = 0
    reason: str = ""


class RulesStanding(Struct, frozen=True):
    """The rules that are used since `used_us` (µs UTC), and what is known of them.

    `blind` was found at `surveyed_us` (0: not yet) among `records` records; `exercises` are by the
    id of the rule.
    """

    used_us: int
    rules: tuple[UsedRule, ...]
    faults: tuple[Fault, ...] = ()
    learning: bool = True
    surveyed_us: int = 0
    records: int = 0
    blind: dict[str, Sightless] = {}
    exercises: dict[str, ExerciseResult] = {}
    version: int = _VERSION

    def rule(self, name: str) -> UsedRule | None:
        """Return the rule of an id, or of a name."""
        return next((it for it in self.rules if it.head.id == name), None) or next(
            (it for it in self.rules if name and it.head.name == name), None
        )


class RulesFile:
    """The file. One process writes it; any may read it, over and over, from several threads."""

    def __init__(self, directory: Path, keys: KeyFolder) -> None:
        self._file = StateFile(directory, keys, _NAME)
        self._read: tuple[tuple[int, int, int], RulesStanding] | None = None

    def write(self, standing: RulesStanding) -> None:
        """Keep it. Raises OSError, IntegrityError."""
        self._file.write(msgspec.msgpack.encode(standing))

    def read(self) -> RulesStanding | None:
        """Return what was kept last; None when there is nothing, or nothing that can be read."""
        try:
            found = self._file.path.stat()
        except OSError:
            return None
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        known = self._read
        if known is not None and known[0] == stamp:
            return known[1]
        with contextlib.suppress(LedgerError, msgspec.DecodeError):
            standing = msgspec.msgpack.decode(self._file.read() or b"", type=RulesStanding)
            if standing.version == _VERSION:
                self._read = (stamp, standing)
                return standing
        return None


def used_rules(rules: Iterable[AnyRule]) -> tuple[UsedRule, ...]:
    """Return what is told of rules."""
    return tuple(
        UsedRule(
            rule.head, kind_of(rule), about_of(rule), pack_of(rule), rule.silent,
            () if isinstance(rule, Rule) else rule.rules,
        )
        for rule in rules
    )  # fmt: skip


def sightless(blind: Iterable[Blind]) -> dict[str, Sightless]:
    """Return why rules are blind, by their ids."""
    return {one.rule.id: Sightless(one.why, one.reason) for one in blind}


def still_true(
    results: Mapping[str, ExerciseResult], rules: Iterable[AnyRule]
) -> dict[str, ExerciseResult]:
    """Return the results of rules that still say what they said when they were tried."""
    versions = {rule.head.id: rule.head.version for rule in rules}
    return {name: one for name, one in results.items() if versions.get(name) == one.version}


def kind_of(rule: AnyRule) -> str:
    """Return in a word what a rule is."""
    return "rule" if isinstance(rule, Rule) else rule.kind


def about_of(rule: AnyRule) -> str:
    """Return the logsource of a rule, the number of rules of a correlation."""
    if isinstance(rule, Rule):
        said = (rule.source.category, rule.source.product, rule.source.service)
        return "/".join(it for it in said if it)
    return f"{len(rule.rules)} rule{'s' if len(rule.rules) > 1 else ''}"
