"""The screen of a backtest over a real index: exactly the rows that match where columns tell all.

WHODID_SEED chooses the rules.
"""

import ipaddress
import random

import numpy as np

from chance import SEED
from plain_rules import holds
from random_rules import node
from whodid.detection.backtest.bounds import Known, may
from whodid.detection.backtest.rule_bounds import Looks
from whodid.detection.backtest.screen import Screen
from whodid.detection.rule import Not
from whodid.detection.rule import Test as Look
from whodid.event import FIELDS
from whodid.index.analyst import Analyst, Extraction
from whodid.index.extract import INDEX
from whodid.query.parse import parse

TEXTS = ("actor.id", "action", "resource.name", "source", "agent")
LISTS = ("actor.groups", "labels", "via")
WORDS = ("alice", "Alice", "bob", "groß", "über", "a*b", "", "x\0y", 'quote"s', "日本", "ice")


def in_network(test, text):
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(test.value)
    except ValueError:
        return False


def scan(log, bounds, monkeypatch):
    """Return the entries that some of these conditions leave, and how many tables were asked."""
    monkeypatch.setattr(
        "whodid.detection.backtest.screen.looks_of", lambda rules: Looks(rules[0], ())
    )
    monkeypatch.setattr("whodid.detection.backtest.screen.BACKTEST_OPENED_SHARE", 1.0)
    screen = Screen(bounds)
    fields = tuple(dict.fromkeys((INDEX, *screen.fields)))
    left = []

    def take(_rows, columns):
        by_field = dict(zip(fields, columns, strict=True))
        left.append(screen.table(by_field[INDEX][0], by_field))

    taken = Extraction(fields, (), take, 10_000, "less")
    Analyst(log.searcher()).extracted(parse(""), taken, durable=log.size, own=True)
    assert len(left) > 1, "tables of several kinds"
    found = [entries for table in left for entries in table.few.values()]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *found])).tolist()


def row_of(event):
    row = {}
    for name in FIELDS:
        value = event.field(name)
        row[name] = list(value) if isinstance(value, tuple) else value
    return row


def expected(log, rule):
    return sorted(index for index, event in log.events.items() if holds(rule, row_of(event)))


def test_what_columns_tell_is_found_and_nothing_else(mixed_log, monkeypatch):
    chance = random.Random(SEED)
    monkeypatch.setattr("random_rules.PIECES", WORDS)
    monkeypatch.setattr("random_rules.text", lambda chance: chance.choice(WORDS))
    rules = [node(chance, fields=(*TEXTS, *LISTS)) for _ in range(100)]
    hits = 0
    for rule in rules:
        if may(rule, Known) is True or may(rule, Known) is False:
            continue
        found = expected(mixed_log, rule)
        hits += 0 < len(found) < len(mixed_log.events)
        if _refers(rule):
            continue
        assert scan(mixed_log, [may(rule, Known)], monkeypatch) == found, rule
    assert hits > 20


def _refers(rule):
    if isinstance(rule, Look):
        return rule.op == "fieldref"
    return any(map(_refers, [rule.item] if isinstance(rule, Not) else rule.items))


def test_many_rules_are_asked_at_once(mixed_log, monkeypatch):
    rules = [
        Look("actor.id", "equals", "alice"), Look("ip", "cidr", "10.0.0.128/25"),
        Look("rows", "gte", 1000), Look("labels", "contains", "über"),
        Look("via", "exists", False),
    ]  # fmt: skip
    for some in (rules[:1], rules[1:2], rules[2:3], rules[:4]):
        found = scan(mixed_log, some, monkeypatch)
        assert found == [
            index
            for index, event in mixed_log.events.items()
            if any(_plain(rule, row_of(event)) for rule in some)
        ]
        assert 0 < len(found) < len(mixed_log.events)


def _plain(rule, row):
    if rule.op == "cidr":
        return row["ip"] is not None and in_network(rule, row["ip"])
    return holds(rule, row)


def test_a_native_field_is_not_told_where_the_event_may_differ(mixed_log, monkeypatch):
    def known(name):
        return Known("action", always=False, native=True) if name == "eventName" else None

    rule = may(Look("eventName", "equals", "bob"), known)
    events = mixed_log.events.items()
    assert scan(mixed_log, [rule], monkeypatch) == [
        index
        for index, event in events
        if event.what.action in {None, "bob"}
        or event.envelope.redactions or event.envelope.quarantine is not None
    ]  # fmt: skip


def test_what_has_no_column_is_not_ruled_out(mixed_log, monkeypatch):
    assert scan(mixed_log, [Look("statement", "equals", "bob")], monkeypatch) == sorted(
        mixed_log.events
    )
    assert scan(mixed_log, [], monkeypatch) == []
