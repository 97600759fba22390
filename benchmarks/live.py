"""How fast the detector looks: rules, correlations and learning at once.

From the stored bytes of an entry to what is found, as the detector's process does it between
reading and telling. CPU time of one process (the machine is shared), parts in turns, medians. Times
are made anew, one event after the other at a fixed rate, so that windows, days and what waits are
those of a server to which they come now.

A server runs for months, so the first events are not in the figures: as many as come until those
that waited for earlier ones are taken (`_WARM_US`). Events of many applications are then such as
did not come before, with new values in most fields; those of CloudTrail and of the demo are the
same again, as there are few.
"""

import gc
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks import detect
from benchmarks.events import make_block
from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, at_least, say
from whodid.cli.demo_command import make_demo
from whodid.detection.baseline import Scorer
from whodid.detection.compiled import compile_rules
from whodid.detection.entries import portions
from whodid.detection.lookers import Correlating, Heedless, Learning
from whodid.detection.record import Record
from whodid.detection.rule import AnyRule, Correlation
from whodid.detection.rulebook import ALL, Choice, read_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Engine
from whodid.event import When, encode_groups
from whodid.ledger.opening import keys_of
from whodid.ledger.reader import LedgerReader
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name

Groups = tuple[bytes, ...]
Parts = dict[str, float]
"""CPU seconds by what took them."""

_BEGIN_US = 1_790_000_000_000_000
_LATE_US = 200_000
_AT_ONCE = 2048
_ROUNDS = 3
_SLOW = 500
_WARM_US = 100_000_000
"""Longer than hits wait (`Settings.lateness_us`), so that as many are taken as come."""

_STORY = 20_000


class Looking:
    """The lookers of a detector over made-up time: `look` at records, `rate` of them a second."""

    def __init__(self, rules: Sequence[AnyRule], rate: int, *, learning: bool) -> None:
        self._rate = rate
        self._next = 0
        self._paused_us = 0
        self.engine = Engine(rules, Heedless(compile_rules(rules)))
        self.lookers: dict[str, Correlating | Learning] = {"rules": Correlating(self.engine)}
        if learning:
            self.lookers["learning"] = Learning(Scorer())
        self.findings = 0

    def warm(self, entries: Sequence[Groups]) -> None:
        """Look at entries again and again, until as many hits are taken as come."""
        while self._next * 1_000_000 // self._rate < _WARM_US:
            self.look(entries)

    def look(self, entries: Sequence[Groups]) -> Parts:
        """Look at entries as if they came now; return what it took."""
        spent: Parts = {"decoding": 0.0, **dict.fromkeys(self.lookers, 0.0)}
        for some in _pieces(list(self._dated(entries))):
            begun = time.process_time()
            records = [record for record in some if record.readable]
            spent["decoding"] += time.process_time() - begun
            for name, looker in self.lookers.items():
                begun = time.process_time()
                self.findings += len(looker.feed(records))
                spent[name] += time.process_time() - begun
        return spent

    def pause(self, us: int) -> None:
        """Let so much time pass in which nothing comes."""
        self._paused_us += us

    def _dated(self, entries: Sequence[Groups]) -> Iterator[Record]:
        for groups in entries:
            when = _BEGIN_US + self._paused_us + self._next * 1_000_000 // self._rate
            dated = msgspec.json.encode(When(f"{self._next:032x}", when + _LATE_US, when))
            yield Record(self._next, (dated, *groups[1:]), native_of)
            self._next += 1


def _pieces(records: list[Record]) -> Iterator[list[Record]]:
    for first in range(0, len(records), _AT_ONCE):
        yield records[first : first + _AT_ONCE]


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    gc.set_threshold(50_000, 20, 20)  # as in the detector's process
    small = lab.size.round_events < 100_000
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        every = rules_of((ALL,), Path(folder))
        aws = rules_of(("aws",), Path(folder))
        trail = [detect.stored(raw) for raw in detect.records(small)]
        if trail:
            again = [trail * 3] * _ROUNDS
            figures += _speed("CloudTrail, the rules for AWS", aws, trail, again, 60_000)
        made = made_up(4 * (_ROUNDS + 1) if small else 12 * (_ROUNDS + 1))
        each = len(made) // (_ROUNDS + 1)
        first, *new = (made[at : at + each] for at in range(0, len(made), each))
        name = "new events of many applications, all packs"
        figures += _speed(name, every, first, new, 15_000)
        say("the story of the demo")
        story = story_of(Path(folder) / "ledger", 4_000 if small else _STORY)
        name = "the month of the demo, 11 sources, all packs"
        figures += _speed(name, every, story, [story] * _ROUNDS, 15_000)
    notes = [
        f"All packs: {_counted(every)}; for AWS: {_counted(aws)}.",
        "Reading and decrypting the ledger is not in it, nor is telling what was found.",
        f"Steady state: after {_WARM_US // 1_000_000} s of made-up time at {_SLOW} a second.",
    ]
    return Section("Detection live: rules, correlations, learning", figures, notes)


def _counted(rules: Sequence[AnyRule]) -> str:
    correlations = sum(isinstance(rule, Correlation) for rule in rules)
    return f"{len(rules):,} rules, {correlations:,} of them correlations"


def rules_of(packs: tuple[str, ...], directory: Path) -> tuple[AnyRule, ...]:
    """Return the rules of packs as a server uses them."""
    return read_rules(directory, Choice(packs=packs)).rules


def made_up(blocks: int) -> list[Groups]:
    """Return so many thousand events of `benchmarks.events`, as a door stores them."""
    known = format_by_name("json")
    made = []
    for block in range(blocks):
        for line in make_block(block, 1_000_000)[0]:
            raw = line.rstrip()
            event = prepare(
                known.map(raw, 0), raw, event_id="", source="app", received_us=0,
                format_name="json", mapping=known.mapping,
            ).event  # fmt: skip
            made.append(encode_groups(event))
    return made


def story_of(directory: Path, events: int) -> list[Groups]:
    """Return the entries of a demo's ledger by the time of their events."""
    make_demo(directory, events)
    reader = LedgerReader(directory, keys_of(directory))
    try:
        found = [
            record
            for portion in portions(reader, 0, reader.refresh(), native_of)
            for record in portion.records
        ]
    finally:
        reader.close()
    return [record.groups for record in sorted(found, key=lambda it: (it.time_us, it.entry))]


def _speed(
    what: str, rules: Sequence[AnyRule], first: Sequence[Groups],
    rounds: Sequence[Sequence[Groups]], bar: float,
) -> list[Figure]:  # fmt: skip
    """Look at the first entries until it is warm, then at each round, without and with learning."""
    say(what)
    both = {learning: Looking(rules, _SLOW, learning=learning) for learning in (False, True)}
    for looking in both.values():
        looking.warm(first)
    spent: dict[bool, list[Parts]] = {False: [], True: []}
    for entries in rounds:
        for learning, looking in both.items():
            parts = looking.look(entries)
            spent[learning].append({name: it / len(entries) for name, it in parts.items()})

    def rate(learning: bool) -> float:
        return median(1 / sum(parts.values()) for parts in spent[learning])

    def each(name: str) -> str:
        return f"{name} {median(parts[name] for parts in spent[True]) * 1e6:.1f} µs"

    detail = ", ".join(map(each, spent[True][0]))
    return [
        at_least(f"{what}: rules and correlations", rate(False), bar, "events/s"),
        at_least(f"{what}: with learning, too", rate(True), bar, "events/s", detail),
    ]
