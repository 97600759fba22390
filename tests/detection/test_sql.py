"""Rules as SQL, and the wider ones over columns. WHODID_SEED chooses the rules."""

import random

import duckdb
import pyarrow as pa
import pytest
from benchmarks.rules_as_sql import FOLDED, SqlColumn, SqlWriter, literal

from chance import SEED
from plain_rules import fold, holds
from random_rules import node, values
from whodid.detection.backtest.bounds import GUARD, Known, may
from whodid.detection.rule import All, AnyOf, Not
from whodid.detection.rule import Test as Look

ROWS, RULES = 200, 150
COLUMNS = {
    "text": SqlColumn("text"),
    "other": SqlColumn("other"),
    "list": SqlColumn("list", "texts"),
    "number": SqlColumn("number", "number"),
    GUARD: SqlColumn(GUARD, "state"),
}


@pytest.fixture
def chance():
    return random.Random(SEED)


def engine(rows):
    texts = {name: [row[name] for row in rows] for name in ("text", "other", "list", "number")}
    for name in ("text", "other"):
        texts[name + FOLDED] = [None if v is None else fold(v) for v in texts[name]]
    texts["list" + FOLDED] = [[fold(v) for v in found] for found in texts["list"]]
    texts[GUARD] = [row.get(GUARD, False) for row in rows]
    table = pa.table({"row": list(range(len(rows))), **texts})
    found = duckdb.connect()
    found.register("events", table)
    return found


def asked(found, expressions):
    said = ", ".join(expressions)
    return list(
        zip(*found.execute(f"SELECT {said} FROM events ORDER BY row").fetchall(), strict=True)
    )


def test_a_condition_is_the_same_in_sql(chance):
    rows = [values(chance) for _ in range(ROWS)]
    rules = [node(chance) for _ in range(RULES)]
    writer = SqlWriter(COLUMNS.get)
    answers = asked(engine(rows), map(writer.expression, rules))
    for rule, answer in zip(rules, answers, strict=True):
        assert list(answer) == [holds(rule, row) for row in rows], rule
    some = [rule for rule in rules if any(holds(rule, row) for row in rows)]
    assert len(some) > RULES / 10
    assert not writer.lookups


def test_any_of_very_many_is_not_too_deep(chance):
    rows = [values(chance) for _ in range(20)]
    rules = [Look("text", "contains", f"{number}") for number in range(400)]
    writer = SqlWriter(COLUMNS.get)
    [answer] = asked(engine(rows), [writer.any_of(rules)])
    assert list(answer) == [any(holds(rule, row) for rule in rules) for row in rows]
    nested = AnyOf(tuple(All((rule, Not(rule))) for rule in rules))
    [answer] = asked(engine(rows), [writer.expression(nested)])
    assert not any(answer)


def test_what_sql_cannot_say_is_looked_up_and_once():
    writer = SqlWriter(COLUMNS.get)
    network = Look("text", "cidr", "10.0.0.0/8")
    assert writer.expression(network) == writer.expression(network)
    assert writer.expression(Not(network)) == "coalesce(NOT coalesce(lookup_0, false), false)"
    writer.expression(Look("other", "equals", 7, part="hour"))
    assert [(lookup.column.name, name) for lookup, name in writer.lookups.items()] == [
        ("text", "lookup_0"), ("other", "lookup_1"),
    ]  # fmt: skip


def test_texts_are_texts_whatever_stands_in_them():
    for text in ("it's", "a\0b", "\0", "", "';drop table events;--", "{0}", "É\n"):
        assert duckdb.sql(f"SELECT {literal(text)}").fetchall() == [(text,)]


def test_a_wider_condition_misses_no_row(chance):
    """Of `text` and `list` the columns say all only where there is something, and no guard."""
    known = {
        "text": Known("other", always=False, native=True), "number": Known("number"),
        "list": Known("list", always=False), "other": None, "gone": None,
    }  # fmt: skip
    telling = 0
    for _ in range(3000):
        rule = node(chance)
        bound = may(rule, known.get)
        telling += bound is not True
        row = values(chance)
        guarded = chance.random() < 0.2
        other = None if chance.random() < 0.2 else row["text"]
        shown = {
            "other": "cut" if guarded else other, "number": row["number"],
            "list": [] if chance.random() < 0.2 else row["list"], GUARD: True if guarded else None,
        }  # fmt: skip
        if holds(rule, row):
            assert bound is True or (bound is not False and holds(bound, shown)), (rule, row)
    assert 300 < telling < 2700


def test_what_every_row_may_match_says_nothing():
    def known(name):
        return Known(name) if name == "text" else None

    here, elsewhere = Look("text", "equals", "a"), Look("other", "equals", "b")
    assert may(All((here, elsewhere)), known) == here
    assert may(AnyOf((here, elsewhere)), known) is True
    assert may(Not(All((here, elsewhere))), known) is True
    assert may(Not(AnyOf((here, elsewhere))), known) == Not(here)
    assert may(Not(here), known) == Not(here)
    assert may(All(()), known) is True
    assert may(AnyOf(()), known) is False
