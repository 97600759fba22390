"""Whether rules can match here: by their own words, by the declared sources, by what came."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from whodid.app.local import LocalLedger
from whodid.app.own import Act
from whodid.detection.compiled import Blind, Observed, compile_rules, unmatchable
from whodid.detection.entries import portions
from whodid.detection.packs import PACKS
from whodid.detection.rule import AnyRule
from whodid.detection.rulebook import Choice, read_rules
from whodid.detection.sigma import Fault, load_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Engine
from whodid.detection.windows import Settings as WindowSettings
from whodid.ledger.layout import DETECTION
from whodid.ledger.reader import LedgerReader
from whodid.limits import RULE_CHECK_ENTRIES, RULE_CHECK_PARTS


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
    observed = Observed(read.rules)
    records = _look(ledger, observed)
    sources = [(name, source.format) for name, source in ledger.port.sources().items()]
    blind = unmatchable(read.rules, sources, observed)
    blind += _unusable(read.rules, blind, windows)
    return Checked(read.rules, read.faults, tuple(blind), records)


def _unusable(
    rules: Sequence[AnyRule], blind: Sequence[Blind], windows: WindowSettings | None
) -> list[Blind]:
    """Return the correlations that the engine would not run, such as for want of a file."""
    told = {it.rule.id for it in blind}
    heads = {rule.head.id: rule.head for rule in rules}
    lost = Engine(rules, compile_rules(rules), windows).unusable
    return [
        Blind(heads[it.rule], "needs", it.reason)
        for it in lost
        if it.rule in heads and it.rule not in told
    ]


def _look(ledger: LocalLedger, observed: Observed) -> int:
    """Look at entries spread over the log, the newest among them; return how many were records."""
    reader = LedgerReader(ledger.directory, ledger.keys)
    try:
        size = reader.refresh()
        part = RULE_CHECK_ENTRIES // RULE_CHECK_PARTS
        step = max(size // RULE_CHECK_PARTS, part)
        count = 0
        for end in range(size, 0, -step):
            for portion in portions(reader, max(end - part, 0), end, native_of):
                for record in portion.records:
                    observed.look(record)
                count += len(portion.records)
        return count
    finally:
        reader.close()
