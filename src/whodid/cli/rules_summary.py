"""What `whodid rules check` says last: how much of a folder can be used, and why not the rest."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from whodid.app.rule_checking import Checked
from whodid.detection.packs import OFF_STATUS
from whodid.detection.rule import AnyRule, Rule

_FEW = 10
_SHOWN = 5
_PARTICULAR = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"|%[^%\s]+%|(?<![\w-])[0-9][0-9,]*\b")
_REASON_CHARS = 60
_OLD = OFF_STATUS - {"experimental"}


def summary(found: Checked) -> Iterator[str]:
    """Yield the lines of it; the last one counts everything, those before it are for many."""
    bad = [fault for fault in found.faults if not fault.warning]
    foreign = sum(fault.foreign for fault in found.faults)
    if len(bad) > _FEW:
        yield f"could not be read: {_most(map(_general, (fault.reason for fault in bad)))}"
    if len(found.blind) > _FEW:
        yield f"can never match: {_most(_why(found))}"
    old = sum(rule.head.status in _OLD for rule in found.rules)
    looked = "" if found.records is None else f"; {found.records:,} records were looked at"
    none = f"; {foreign:,} documents are no rules" if foreign else ""
    past = f"; {old:,} are deprecated or unsupported by their status" if old else ""
    yield (
        f"{len(found.rules):,} rules can be used, {len(found.blind):,} of them can never match "
        f"here; {len(bad):,} could not be read{none}{past}{looked}"
    )


def _most(reasons: Iterable[str]) -> str:
    """Return the most frequent of these with their numbers."""
    counts = Counter(reasons)
    shown = [f"{count:,} {reason}" for reason, count in counts.most_common(_SHOWN)]
    left = counts.total() - sum(count for _, count in counts.most_common(_SHOWN))
    return "; ".join([*shown, *([f"{left:,} for other reasons"] if left else [])])


def _general(reason: str) -> str:
    """Return a reason without what it names, so that the same reasons are counted together."""
    return " ".join(_PARTICULAR.sub("…", reason).split())[:_REASON_CHARS]


def _why(found: Checked) -> Iterator[str]:
    sources = _sources(found.rules)
    for blind in found.blind:
        source = sources.get(blind.rule.id, "")
        yield f"{blind.why} {source}" if blind.why == "logsource" and source else blind.why


def _sources(rules: Sequence[AnyRule]) -> dict[str, str]:
    """Return the logsource of each rule, as product/category/service, by its id."""
    return {
        rule.head.id: "/".join(
            it for it in (rule.source.product, rule.source.category, rule.source.service) if it
        )
        for rule in rules
        if isinstance(rule, Rule)
    }
