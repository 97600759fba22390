"""What columns and words say of rules never leaves out a record that a rule matches.

Our own packs and random rules over real logs. WHODID_SEED chooses the rules.
"""

import gzip
import json
import random
from pathlib import Path

import pytest
import yaml

from chance import SEED
from plain_rules import holds
from whodid.detection.backtest.bounds import GUARD
from whodid.detection.backtest.rule_bounds import bound_of, looks_of
from whodid.detection.compiled import compile_rules
from whodid.detection.record import Record
from whodid.detection.rule import Rule
from whodid.detection.rulebook import PACKS
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy.native import native_of
from whodid.event import FIELDS, encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import detect, format_by_name
from whodid.query.match import matcher

DATA = Path(__file__).parents[3] / "shared/data"
_CUT = {"cut:field", "cut:list", "unreadable:errorCode"}


def raws():
    """Yield (format, raw record) of every kind that is here."""
    for path in sorted(DATA.glob("cloudtrail/stratus/*.json")):
        document = json.loads(path.read_text())
        for native in document["Records"] if isinstance(document, dict) else document:
            yield "cloudtrail", json.dumps(native).encode()
            yield "json", json.dumps(native).encode()
    with gzip.open(DATA / "panther-tests.jsonl.gz", "rt") as lines:
        for line in lines:
            yield "json", json.dumps(json.loads(line)["event"]).encode()
    with gzip.open(DATA / "linux/auth.log.gz", "rb") as lines:
        for _, line in zip(range(500), lines, strict=False):
            yield "authlog", line.rstrip(b"\n")


def record(number, name, raw):
    known = format_by_name(name) if name else detect(raw)
    event = prepare(
        known.map(raw, 0), raw, event_id=f"id-{number}", source=f"prod-{name}",
        format_name=known.name, mapping=known.mapping, received_us=0,
    ).event  # fmt: skip
    return Record(number, encode_groups(event), native_of)


@pytest.fixture(scope="module")
def records():
    if not DATA.is_dir():
        pytest.skip("the real logs of ../shared/data are not here")
    return [record(number, *found) for number, found in enumerate(raws())]


def row_of(event):
    row = {}
    for name in FIELDS:
        value = event.field(name)
        row[name] = list(value) if isinstance(value, tuple) else value
    odd = (
        set(event.envelope.labels) & _CUT
        or event.envelope.redactions
        or event.envelope.quarantine is not None
    )
    row[GUARD] = True if odd else None
    return row


def check(records, rules):
    """Hold every rule's looks against what the closures say; return how often one matched."""
    asked = compile_rules(rules)
    looks = {rule.head.id: looks_of([rule]) for rule in rules}
    columns = {rule.head.id: bound_of(rule) for rule in rules}
    searches = {
        name: [matcher(node, lambda _: frozenset()) for _, node in found.searches]
        for name, found in looks.items()
    }
    matched = 0
    for one in records:
        for rule in asked.matching(one):
            matched += 1
            name, row = rule.head.id, row_of(one.event)
            bound, whole = looks[name].bound, columns[name]
            assert whole is True or holds(whole, row), (rule, one.event)
            found = bound is True or (bound is not False and holds(bound, row))
            assert found or any(asks(one.event) for asks in searches[name]), (rule, one.event)
            assert found or any(holds(where, row) for where, _ in looks[name].searches)
    return matched


def test_our_own_rules_over_real_logs(records):
    rules = [rule for rule in load_rules([PACKS]).rules if isinstance(rule, Rule)]
    assert check(records, rules) > 200
    told = [rule for rule in rules if looks_of([rule]).bound is not True]
    assert len(told) > 0.9 * len(rules)


def test_random_rules_over_real_logs(records, tmp_path):
    chance = random.Random(SEED)
    seen = [one.native for one in records if isinstance(one.native, dict)]
    documents = [rule(chance, number, chance.choice(seen)) for number in range(400)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump_all(documents, allow_unicode=True))
    rules = [rule for rule in load_rules([path]).rules if isinstance(rule, Rule)]
    assert len(rules) > 300
    assert check(records, rules) > 1000


def rule(chance, number, native):
    source = chance.choice((
        {"product": "aws", "service": "cloudtrail"}, {"product": "whodid"}, {"product": "okta"},
        {"product": "json"}, {"product": "linux"}, {"product": "github"},
    ))  # fmt: skip
    parts = {}
    for name in ("one", "two"):
        parts[name] = dict(look(chance, native) for _ in range(chance.choice((1, 1, 2))))
    condition = chance.choice(("one", "one or two", "one and not two", "not (one and two)"))
    return {
        "title": f"rule {number}", "id": f"00000000-0000-4000-8000-{number:012d}", "level": "low",
        "logsource": source, "detection": {**parts, "condition": condition},
    }  # fmt: skip


def look(chance, native):
    if chance.random() < 0.3:
        name = chance.choice(("action", "actor.id", "outcome", "ip", "service.name", "reason"))
        return f"{name}|exists", chance.random() < 0.8
    path, value = [], native
    while isinstance(value, dict) and value:
        key = chance.choice(list(value))
        path.append(str(key))
        value = value[key]
    name = ".".join(path) or "gone"
    if not isinstance(value, str) or not value or "\n" in value:
        return f"{name}|exists", chance.random() < 0.8
    text = value.replace("*", "\\*").replace("?", "\\?")
    how = chance.choice(("", "", "|contains", "|startswith", "|endswith"))
    if how in {"|contains", "|startswith"}:
        text = text[: chance.choice((3, 200))]
    return name + how, text
