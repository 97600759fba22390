"""What the detector's process holds over millions of events that are all different.

All packs and learning, as in `live`, over days: each day a burst of one and a half minutes or so,
then quiet until the next, so that windows fill, are over, and days are learned. Of the events four
of ten are of applications, three calls to AWS that rules watch, three logins by ssh, most of them
failed. Half are of some 20,000 people and addresses, half of such as hardly come twice.
"""

import gc
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from benchmarks.backtest import watched_call
from benchmarks.events import make_block
from benchmarks.lab import Lab
from benchmarks.live import Groups, Looking, rules_of
from benchmarks.processes import memory_bytes
from benchmarks.report import Figure, Section, plain, say
from whodid.detection.rule import Correlation
from whodid.detection.rulebook import ALL
from whodid.event import encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name

_TOTAL, _SMALL_TOTAL = 2_000_000, 200_000
_RATE = 2_500
_DAYS = 10
_DAY_US = 86_400_000_000
_AT_ONCE = 20_000
_KNOWN, _ANY = 20_000, 50_000_000
_APPLICATION, _CALL = 0.4, 0.7
_SHOWN = 8


class Sample(Struct, frozen=True):
    """After `events`: memory of the process above that at the start, and state by looker (MiB)."""

    events: int
    memory_mib: float
    states_mib: dict[str, float]


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    gc.set_threshold(50_000, 20, 20)  # as in the detector's process
    total = _SMALL_TOTAL if lab.size.round_events < 100_000 else _TOTAL
    with tempfile.TemporaryDirectory() as folder:
        rules = rules_of((ALL,), Path(folder))
    looking = Looking(rules, _RATE, learning=True)
    source = different()
    before = memory_bytes(os.getpid())
    samples: list[Sample] = []
    counts: Counter[tuple[str, str]] = Counter()
    each = min(_AT_ONCE, total // (2 * _DAYS))
    for day in range(_DAYS):
        for _ in range(total // _DAYS // each):
            looking.look([next(source) for _ in range(each)])
        states = {name: len(it.snapshot()) / 2**20 for name, it in looking.lookers.items()}
        used = (memory_bytes(os.getpid()) - before) / 2**20
        samples.append(Sample((day + 1) * (total // _DAYS), used, states))
        for notice in looking.engine.notices():
            counts[notice.kind, notice.subject] += notice.count
        state = ", ".join(f"{name} {size:.1f}" for name, size in states.items())
        gone = sum(count for (kind, _), count in counts.items() if kind == "evicted")
        say(f"{samples[-1].events:,}: {used:.0f} MiB; state {state} MiB; given up {gone:,}")
        looking.pause(_DAY_US - total // _DAYS * 1_000_000 // _RATE)
    return _section(samples, counts, looking, sum(isinstance(it, Correlation) for it in rules))


def _section(
    samples: list[Sample], counts: Counter[tuple[str, str]], looking: Looking, correlations: int
) -> Section:
    quarter = max(len(samples) // 4, 1)
    early = median(it.memory_mib for it in samples[quarter : 2 * quarter])
    late = median(it.memory_mib for it in samples[-quarter:])
    total = samples[-1].events
    figures: list[Figure] = [
        plain(f"memory of detection after {total:,} events over {_DAYS} days, all packs", late,
              "MiB", f"{early:.0f} MiB in the second quarter"),
        *(
            plain(f"state of {name} as it is kept, before compression", size, "MiB",
                  f"{samples[len(samples) // 2].states_mib[name]:.1f} MiB at the half")
            for name, size in samples[-1].states_mib.items()
        ),
    ]  # fmt: skip
    given_up = {who: count for (kind, who), count in counts.items() if kind == "evicted"}
    figures.append(
        plain("events given up by correlations, and told", sum(given_up.values()), "",
              f"of {len(given_up)} of {correlations} correlations; {looking.findings:,} findings")
    )  # fmt: skip
    shown = samples[:: max(len(samples) // _SHOWN, 1)]
    course = "; ".join(f"{it.events:,}: {it.memory_mib:.0f}" for it in shown)
    others = Counter[str]()
    for (kind, _), count in counts.items():
        others[kind] += count
    notes = [
        f"Memory above that at the start, MiB after so many events: {course}.",
        f"Notices: {', '.join(f'{kind} {count:,}' for kind, count in sorted(others.items()))}.",
    ]
    return Section("Memory of detection", figures, notes)


# --- events --------------------------------------------------------------------------------------


def different() -> Iterator[Groups]:
    """Yield entries as doors store them, for ever; the same in each run."""
    chance = random.Random(7)
    number = 0
    lines: list[bytes] = []
    while True:
        number += 1
        kind = chance.random()
        if kind < _APPLICATION:
            lines = lines or make_block(number, 1_000_000)[0]
            yield _application(lines.pop(), chance)
        elif kind < _CALL:
            call = watched_call(chance, f"user{_one_of(chance)}", _address(chance), number)
            yield _stored(msgspec.json.encode(call), "cloudtrail", "trail")
        else:
            yield _stored(_login(chance, number), "authlog", f"host{chance.randrange(50)}")


def _application(line: bytes, chance: random.Random) -> Groups:
    row = msgspec.json.decode(line)
    row |= {"userId": f"p{_one_of(chance)}@example.com", "clientIp": _address(chance)}
    return _stored(msgspec.json.encode(row), "json", "app")


def _login(chance: random.Random, number: int) -> bytes:
    said = "Accepted" if chance.random() < 0.05 else "Failed"
    return (
        f"Nov 27 10:00:00 web{chance.randrange(50)} sshd[{number % 60_000}]: {said} password for "
        f"u{_one_of(chance)} from {_address(chance)} port {1024 + number % 60_000} ssh2"
    ).encode()


def _one_of(chance: random.Random) -> int:
    return chance.randrange(_KNOWN if chance.random() < 0.5 else _ANY)


def _address(chance: random.Random) -> str:
    number = _one_of(chance)
    return f"{11 + number // 2**24}.{number // 2**16 % 256}.{number // 256 % 256}.{number % 256}"


def _stored(raw: bytes, format_name: str, source: str) -> Groups:
    known = format_by_name(format_name)
    event = prepare(
        known.map(raw, 0), raw, event_id="", source=source, received_us=0,
        format_name=format_name, mapping=known.mapping,
    ).event  # fmt: skip
    return encode_groups(event)
