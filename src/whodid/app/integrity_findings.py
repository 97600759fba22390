"""What is wrong with the ledger and its sources, as findings: they become alerts like any other.

Built-in rules, each with a head of its own. What stands is found anew every six hours, so that its
alert goes on as long as it does; within these hours it is the same finding. Faults of one file are
one finding: a damaged file is one alert, however many of its entries cannot be read.
"""

from collections.abc import Iterable
from hashlib import sha256

from msgspec.structs import replace

from whodid.app.integrity_answer import Integrity, KnownFault
from whodid.app.source_state import SourceState
from whodid.detection.finding import Finding
from whodid.detection.rule import Head, Level
from whodid.ledger.state_db import OWN_SOURCE

_MINUTE_US = 60_000_000
_AGAIN_US = 6 * 60 * _MINUTE_US
_MINUTES_OF_DAY = 24 * 60
_FAULTS_TOLD = 5


def _head(name: str, title: str, level: Level, description: str) -> Head:
    version = sha256(f"{name}\0{title}\0{level}\0{description}".encode()).hexdigest()
    return Head(
        f"whodid-{name}", title, level, version, name=name, description=description,
        author="whodid", tags=("whodid.integrity",), reads=("source",),
    )  # fmt: skip


FAULT = _head(
    "ledger-fault", "The ledger does not verify", "critical",
    "Continuous validation found a file of the ledger that is not what was signed.",
)  # fmt: skip
UNVERIFIED = _head(
    "ledger-unverified", "The ledger is not verified", "high",
    "No verification of the whole ledger ended in time, or it is turned off.",
)  # fmt: skip
SILENT = _head(
    "silent-source", "A source fell silent", "medium",
    "Nothing came from it for longer than its longest pause of the last 7 days.",
)  # fmt: skip
MISSING = _head(
    "missing-events", "Events of a source are missing", "high",
    "A source numbers its events, and some numbers of the last 24 hours never came.",
)  # fmt: skip
CLOCK = _head(
    "clock-skew", "The clock of a source is wrong", "low",
    "Events came before their own time, or all come late by about as much.",
)  # fmt: skip
BUILT_IN = (FAULT, UNVERIFIED, SILENT, MISSING, CLOCK)


def integrity_findings(found: Integrity, now_us: int) -> list[Finding]:
    """Return faults of the ledger that nobody acknowledged, and what keeps it from being known."""
    findings = fault_findings(found, now_us)
    told = [alarm for alarm in found.alarms if "fault" not in alarm]
    if told:
        key = (("ledger", "verification"),)
        findings.append(_finding(UNVERIFIED, 0, now_us, key, " ".join(told)))
    return findings


def fault_findings(found: Integrity, now_us: int) -> list[Finding]:
    """Return the faults of the ledger that nobody acknowledged, those of a file in one.

    A further fault of a file is a new finding of it, at the time when it was found.
    """
    by_file: dict[str, list[KnownFault]] = {}
    for fault in found.open_faults:
        by_file.setdefault(fault.where, []).append(fault)
    return [_of_file(where, faults, now_us) for where, faults in by_file.items()]


def source_findings(states: Iterable[SourceState], now_us: int) -> list[Finding]:
    """Return sources that are silent, have gaps in their numbers, or a wrong clock."""
    return [
        finding
        for state in states
        if state.info.name != OWN_SOURCE
        for finding in _of_source(state, now_us)
    ]


def _of_file(where: str, faults: list[KnownFault], now_us: int) -> Finding:
    whole_first = sorted(faults, key=lambda fault: -1 if fault.entry is None else fault.entry)
    problems = [
        ("" if fault.entry is None else f"entry {fault.entry}: ") + fault.problem
        for fault in whole_first[:_FAULTS_TOLD]
    ]
    if len(faults) > _FAULTS_TOLD:
        problems.append(f"and {len(faults) - _FAULTS_TOLD:,} more")
    many = f"{len(faults):,} faults: " if len(faults) > 1 else ""
    remedies = " ".join(dict.fromkeys(fault.remedy for fault in whole_first))
    finding = _finding(
        FAULT, max(fault.first_seen_us for fault in faults), now_us, (("file", where),),
        f"{where}: {many}{'; '.join(problems)}. {remedies}",
    )  # fmt: skip
    return replace(
        finding, first_us=min(fault.first_seen_us for fault in faults),
        values=(("faults", str(len(faults))),),
    )  # fmt: skip


def _of_source(state: SourceState, now_us: int) -> list[Finding]:
    name, findings = state.info.name, list[Finding]()
    key = (("source", name),)
    rhythm = state.rhythm
    if state.silent and rhythm is not None and rhythm.since_minutes is not None:
        why = (
            f"{name} is silent for {_lasting(rhythm.since_minutes)}; its longest pause of the "
            f"last 7 days was {_lasting(rhythm.pause_minutes or 0)}."
        )
        findings.append(_finding(SILENT, state.heard_us or 0, now_us, key, why))
    if state.gaps is not None and state.gaps.missing:
        gaps = state.gaps
        why = (
            f"{gaps.missing:,} of {gaps.numbers + gaps.missing:,} events of {name} did not come in "
            f"the last 24 hours: {gaps.gaps:,} gap{'s' * (gaps.gaps > 1)} in its numbers."
        )
        findings.append(_finding(MISSING, 0, now_us, key, why))
    way = state.way
    if way is not None and state.clock_is_wrong:
        why = (
            f"{way.ahead:,} of {way.events:,} events of {name} came before their own time."
            if state.clock == "ahead"
            else f"No event of {name} came sooner than {_lasting(way.least_us // _MINUTE_US)} "
            "after its time."
        )
        findings.append(_finding(CLOCK, 0, now_us, key, why))
    return findings


def _finding(
    head: Head, since_us: int, now_us: int, key: tuple[tuple[str, str], ...], why: str
) -> Finding:
    """Return a finding of something that stands since then; the same for six hours."""
    time_us = max(since_us, now_us // _AGAIN_US * _AGAIN_US)
    return Finding(head, time_us, since_us or time_us, 0, (), key, (), why)


def _lasting(minutes: int) -> str:
    if minutes < 60:
        return f"{minutes} min"
    if minutes < _MINUTES_OF_DAY:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // _MINUTES_OF_DAY} d {minutes % _MINUTES_OF_DAY // 60} h"
