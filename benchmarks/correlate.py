"""`python -m benchmarks.correlate [EVENTS]`: events a second that correlations take, on one core.

Every event matches the rule that the correlation is about, the worst case; what rules cost that do
not match is measured with the matcher. Times are those of the processor (`process_time`), so that
what else runs on the machine matters little. The order is disturbed by up to a minute, and what is
found must be what is found in order, or there is no figure.
"""

import random
import sys
import time
from typing import Any

import msgspec

from whodid.detection.finding import Finding
from whodid.detection.record import Record
from whodid.detection.rule import All, Compare, Correlation, Head, LogSource, Rule
from whodid.detection.windows import OWN_KINDS, Engine, Settings, own_options
from whodid.event import What, When, Where, Who

S = 1_000_000
START = 1_767_225_600 * S
LATENESS_S = 90
DISORDER_S = 60
RULE = Rule(Head("login", "Login", "low", "1"), LogSource(), All(()), silent=True)

CASES: dict[str, dict[str, Any]] = {
    "event_count": {"compare": (Compare("gte", 8),)},
    "value_count": {"compare": (Compare("gte", 6),), "fields": ("ip",)},
    "value_sum": {"compare": (Compare("gte", 60_000),), "fields": ("rows",)},
    "value_percentile": {"compare": (Compare("gte", 9_300),), "fields": ("rows",), "percent": 95},
    "temporal": {"rules": ("login", "login2")},
    "temporal_ordered": {"rules": ("login", "login2")},
    "new_value": {"fields": ("ip",), "span_us": 30 * 86_400 * S},
    "absence": {"span_us": 600 * S},
    "ratio": {"rules": ("login2", "login"), "compare": (Compare("lte", 0.5),)},
}


class Values:
    """A matcher that costs next to nothing: every event matches one rule, a tenth the other."""

    def __init__(self) -> None:
        self._other = Rule(Head("login2", "Other", "low", "1"), LogSource(), All(()), silent=True)
        self._some = [self._other] + [RULE] * 9
        self.rules = [RULE, self._other]

    def matching(self, record: Record) -> list[Rule]:
        return [self._some[record.group(2).rows % 10]]

    def values(self, record: Record, rule: Rule, field: str) -> tuple[str | int | float, ...]:  # noqa: ARG002
        if field == "actor.id":
            return (record.group(1).actor_id,)
        if field == "ip":
            return (record.group(3).ip,)
        return (record.group(2).rows,)


def stream(count: int, seed: int) -> list[tuple[int, int, str, str, int]]:
    """(time, received, actor, ip, rows): 500 actors, a hundred events a second."""
    dice = random.Random(seed)
    made = []
    for number in range(count):
        when = START + number * 10_000
        delay = int(dice.random() * DISORDER_S * S)
        actor = f"user{int(dice.paretovariate(1.2)) % 500}@example.com"
        made.append((when, when + delay, actor, f"10.0.0.{dice.randrange(40)}",
                     dice.randrange(10_000)))  # fmt: skip
    return made


def records(made: list[tuple[int, int, str, str, int]], *, ordered: bool) -> list[Record]:
    """Records, decoded: decoding is measured elsewhere."""
    ids = {event: f"{number:032x}" for number, event in enumerate(made)}
    order = made if ordered else sorted(made, key=lambda event: event[1])
    encode = msgspec.json.encode
    envelope = encode({"source": "app", "format": "json"})
    taken = []
    for entry, event in enumerate(order):
        when, received, actor, ip, rows = event
        groups = (
            encode(When(ids[event], received, when)), encode(Who(actor_id=actor)),
            encode(What(rows=rows)), encode(Where(ip=ip)), b"", b"", b"", envelope,
        )  # fmt: skip
        record = Record(entry, groups, lambda *_: None)
        for number in (0, 1, 2, 3, 7):
            record.group(number)
        taken.append(record)
    return taken


def rule_of(kind: str) -> Correlation:
    """Return the correlation that a case is about."""
    said = {"rules": ("login",), "span_us": 300 * S} | CASES[kind]
    options = own_options(kind, {}) if kind in OWN_KINDS else {}
    head = Head(kind, kind, "low", "1")
    return Correlation(head, kind, group_by=("actor.id",), options=options, **said)  # type: ignore[arg-type]


def run(kinds: list[str], taken: list[Record]) -> tuple[list[Finding], float]:
    """Return the findings and the seconds of processor."""
    matcher = Values()
    settings = Settings(lateness_us=LATENESS_S * S, early=False)
    engine = Engine([*matcher.rules, *map(rule_of, kinds)], matcher, settings)
    begun = time.process_time()
    found = engine.feed(taken)
    found += engine.close(START + 10**6 * S)
    return found, time.process_time() - begun


def shown(found: list[Finding]) -> list[tuple[object, ...]]:
    """Return findings without their places in the log."""
    return [(f.rule.id, f.time_us, f.key, f.count, f.stage, f.why) for f in found]


def main() -> int:
    """Measure each kind alone and all together."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    made = stream(count, 7)
    disturbed, ordered = records(made, ordered=False), records(made, ordered=True)
    print(f"{count:,} events, of {DISORDER_S} s disorder, {LATENESS_S} s lateness; findings equal")
    for kinds in (*([kind] for kind in CASES), list(CASES)):
        wanted, in_order_s = run(kinds, ordered)
        found, seconds = run(kinds, disturbed)
        name = kinds[0] if len(kinds) == 1 else f"all {len(kinds)} together"
        if shown(found) != shown(wanted):
            print(f"{name}: not the same findings as in order")
            return 1
        print(f"{name:20} {count / seconds:>10,.0f} events/s disturbed"
              f" {count / in_order_s:>10,.0f} in order {len(found):>8,} findings")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
