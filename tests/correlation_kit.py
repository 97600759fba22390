"""Records, rules and a matcher for tests of correlation, without a rule language."""

from typing import Any

import msgspec

from whodid.detection.record import Record
from whodid.detection.rule import All, Compare, Correlation, Head, LogSource, Rule
from whodid.detection.sigma.rule_condition import parse_condition
from whodid.detection.windows import OWN_KINDS, Engine, Settings, own_options

S = 1_000_000
DAY = 86_400 * S
END_US = (1_767_225_600 + 3650 * 86_400) * 1_000_000
START = 1_767_225_600 * S  # 2026-01-01T00:00:00Z, a Thursday


def head(place: str, **more) -> Head:
    return Head(**({"id": place, "title": place, "level": "medium", "version": "1"} | more))


def rule(place: str, *, silent: bool = True, **more) -> Rule:
    return Rule(head(place, **more), LogSource(), All(()), silent=silent)


def correlation(
    kind, rules, span_s, *, name="found", by=("user",), fields=(), silent=False, aliases=None,
    percent=50, options=None, version="1", words="", **compare,
) -> Correlation:  # fmt: skip
    return Correlation(
        head(name, version=version), kind, tuple(rules), int(span_s * S), tuple(by), aliases or {},
        tuple(Compare(op, bound) for op, bound in compare.items()), tuple(fields), percent, silent,
        own_options(kind, options or {}) if kind in OWN_KINDS else {},
        tuple(str(rules.index(it)) if it in rules else it for it in parse_condition(words))
        if words else (),
    )  # fmt: skip


def record(
    entry: int, at_s: float, rules="a", *, number: int | None = None, source="app",
    received_s: float | None = None, **fields,
) -> Record:  # fmt: skip
    """A record that `rules` (their names) match; `number` makes its id, whatever its place."""
    number = entry if number is None else number
    time = START + round(at_s * S)
    received = END_US if received_s is None else START + round(received_s * S)
    when = {"id": f"{number:032x}", "received": received, "time": time}
    who = {"actor.id": fields.get("user")} if isinstance(fields.get("user"), str) else {}
    if "groups" in fields:
        who["actor.groups"] = fields["groups"]
    raw = fields | {"rules": rules.split() if isinstance(rules, str) else rules}
    groups = (
        msgspec.json.encode(when), msgspec.json.encode(who), b"", b"", b"", b"",
        msgspec.json.encode(raw), msgspec.json.encode({"source": source, "format": "json"}),
    )  # fmt: skip
    return Record(entry, groups, lambda raw, _: msgspec.json.decode(raw))


class Names:
    """A matcher: a record says itself which rules match it."""

    def __init__(self, rules) -> None:
        self.rules = [item for item in rules if isinstance(item, Rule)]

    def matching(self, record: Record) -> list[Rule]:
        named = record.native["rules"]
        return [item for item in self.rules if item.head.id in named]

    def values(self, record: Record, rule: Rule, field: str) -> tuple[Any, ...]:
        found = record.native.get(field)
        if found is None:
            return ()
        return tuple(found) if isinstance(found, list) else (found,)


def engine(rules, *, lateness_s=60.0, idle_s=10**9, **more) -> Engine:
    more.setdefault("early", False)
    settings = Settings(
        lateness_us=round(lateness_s * S), idle_us=round(idle_s * S),
        lateness_by_source={k: round(v * S) for k, v in more.pop("slow", {}).items()}, **more,
    )  # fmt: skip
    return Engine(rules, Names(rules), settings)


def told(finding) -> tuple:
    """A finding in short: which, when, about whom, of which events."""
    return (
        finding.rule.id, (finding.time_us - START) / S, tuple(v for _, v in finding.key),
        tuple(int(m.id, 16) for m in finding.matches), finding.stage,
    )  # fmt: skip


def run(eng: Engine, records, *, close=True) -> list:
    """All findings of records, the end included."""
    found = eng.feed(records)
    return found + eng.close(END_US) if close else found
