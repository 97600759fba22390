"""Whether rules can match here: by their own words, by the declared sources, by what came."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from whodid.app.local import LocalLedger
from whodid.app.own import Act
from whodid.app.rule_survey import RuleSurvey, declared, unusable_ones
from whodid.detection.compiled import Blind, compile_rules, unmatchable
from whodid.detection.packs import PACKS
from whodid.detection.rule import AnyRule
from whodid.detection.rulebook import Choice, read_rules
from whodid.detection.sigma import Fault, load_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Engine
from whodid.detection.windows import Settings as WindowSettings
from whodid.ledger.layout import DETECTION
from whodid.ledger.reader import LedgerReader


class Checked(Struct, frozen=True):
    """Rules, what could not be read of them, and which are blind.

    `records` were looked at for their fields; None: there was no ledger to look at.
    """

    rules: tuple[AnyRule, ...]
    faults: tuple[Fault, ...]
    blind: tuple[Blind, ...]
    records: int | None = None


def read_for(directory: Path | None, paths: Sequence[Path], choice: Choice) -> Checked:
    """Read rules: those of `paths`, else those that a server over `directory` would use.

    Raises InputError for a path that is not there.
    """
    cache = None if directory is None else directory / DETECTION / "cache"
    if paths or directory is None:
        loaded = load_rules(list(paths) or [PACKS], cache)
        return Checked(loaded.rules, loaded.faults, ())
    book = read_rules(directory, choice, cache)
    return Checked(book.rules, book.faults, ())


def check_rules(
    read: Checked, ledger: LocalLedger | None = None, windows: WindowSettings | None = None
) -> Checked:
    """Find the blind rules; with a ledger, among its sources and in what came last.

    That somebody looked is an event of the log before he is told. Raises LedgerError.
    """
    if ledger is None:
        blind = unmatchable(read.rules)
        return Checked(read.rules, read.faults, (*blind, *_unusable(read.rules, blind, windows)))
    ledger.own().write(
        ledger.caller(), Act("check rules", "read", "rules", f"{len(read.rules)} rules")
    )
    survey = _surveyed(ledger, read.rules)
    blind = unmatchable(read.rules, declared(ledger.port), survey.observed)
    blind += _unusable(read.rules, blind, windows)
    return Checked(read.rules, read.faults, tuple(blind), survey.records)


def _unusable(
    rules: Sequence[AnyRule], blind: Sequence[Blind], windows: WindowSettings | None
) -> list[Blind]:
    """Return the correlations that the engine would not run, such as for want of a file."""
    lost = Engine(rules, compile_rules(rules), windows).unusable
    return unusable_ones(rules, blind, lost)


def _surveyed(ledger: LocalLedger, rules: Sequence[AnyRule]) -> RuleSurvey:
    """Look at entries spread over the log, the newest among them."""
    reader = LedgerReader(ledger.directory, ledger.keys)
    try:
        survey = RuleSurvey(reader, rules, native_of)
        while survey.step():
            pass
        return survey
    finally:
        reader.close()
