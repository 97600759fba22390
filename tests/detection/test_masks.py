"""Conditions over columns against what they mean, row by row. WHODID_SEED chooses them."""

import random

import numpy as np

from chance import SEED
from plain_rules import holds
from random_rules import FIELDS, node, values
from whodid.detection.backtest.distinct import Distinct
from whodid.detection.backtest.masks import Asker, CodedColumn, ListColumn, column_of
from whodid.detection.rule import All, AnyOf, Not
from whodid.detection.rule import Test as Look

OPS = (
    "equals", "contains", "startswith", "endswith", "pattern", "regex",
    "lt", "lte", "gt", "gte", "exists", "null",
)  # fmt: skip


def coded(given, *, untold=()):
    """Return a column of values, of which those in the rows `untold` are not known."""
    first = 2 if untold else 1
    distinct = list(dict.fromkeys(value for value in given if value is not None))
    codes = [0 if value is None else distinct.index(value) + first for value in given]
    for row in untold:
        codes[row] = 1
    values = Distinct([(value,) for value in distinct])
    return CodedColumn(np.array(codes, dtype=np.uint8), values, untold=bool(untold))


def listed(given):
    distinct = list(dict.fromkeys(value for some in given for value in some))
    places = [distinct.index(value) for some in given for value in some]
    offsets = np.cumsum([0, *map(len, given)])
    return ListColumn(
        offsets, np.array(places, dtype=np.uint32), Distinct([(value,) for value in distinct])
    )


def columns(rows, untold=()):
    return {
        "text": coded([row["text"] for row in rows], untold=untold),
        "other": coded([row["other"] for row in rows]),
        "number": coded([row["number"] for row in rows]),
        "list": listed([row["list"] for row in rows]),
        "gone": coded([None] * len(rows)),
    }


def told(mask, rows):
    return np.broadcast_to(mask, rows).tolist()


def test_random_conditions_hold_where_they_do():
    chance = random.Random(SEED)
    rows = [values(chance) for _ in range(60)]
    asker = Asker(columns(rows).get)
    hits = 0
    for _ in range(1500):
        rule = node(chance, fields=FIELDS, ops=OPS)
        found = asker.of(rule)
        expected = [holds(rule, row) for row in rows]
        assert told(found.sure, 60) == told(found.maybe, 60) == expected, rule
        hits += 0 < sum(expected) < 60
    assert hits > 300


def test_what_is_not_known_holds_maybe_and_not_surely():
    chance = random.Random(SEED + 1)
    rows = [values(chance) for _ in range(60)]
    untold = sorted(chance.sample(range(60), 20))
    asker = Asker({**columns(rows, untold), "other": None}.get)
    open_ones = 0
    for _ in range(800):
        rule = node(chance, fields=FIELDS, ops=OPS)
        sure, maybe = (told(mask, 60) for mask in asker.of(rule))
        for row, must, may in zip(rows, sure, maybe, strict=True):
            assert must <= holds(rule, row) <= may, rule
        open_ones += sure != maybe
    assert open_ones > 100


def test_references_and_keywords_are_never_told():
    rows = [{"text": "a", "other": "a"}, {"text": "a", "other": "b"}]
    asker = Asker({name: coded([row[name] for row in rows]) for name in ("text", "other")}.get)
    for rule in (Look("text", "fieldref", "other"), Look(None, "contains", "a")):
        for node_ in (rule, Not(rule), All((rule, Look("text", "equals", "A")))):
            sure, maybe = asker.of(node_)
            assert not sure.any()
            assert maybe.all()
    both = AnyOf((Look("text", "fieldref", "other"), Look("other", "equals", "b")))
    assert told(asker.of(both).sure, 2) == [False, True]
    assert told(asker.of(both).maybe, 2) == [True, True]


def test_a_column_without_values_holds_what_holds_of_nothing():
    asker = Asker({"field": column_of([])}.get)
    for op, value, holds_ in (
        ("equals", "a", False), ("contains", "", False), ("null", None, True),
        ("exists", False, True), ("exists", True, False), ("lt", 5, False),
    ):  # fmt: skip
        found = asker.of(Look("field", op, value))
        assert (found.sure, found.maybe) == (holds_, holds_), op


def test_a_number_is_not_a_truth_value():
    """In Python 1 is True, and remembered looks must not be mixed up."""
    column = CodedColumn(np.array([1, 2, 3], np.uint8), Distinct([(1,), (True,), ("true",)]))
    asker = Asker({"field": column}.get)
    assert told(asker.of(Look("field", "equals", 1)).sure, 3) == [True, False, False]
    assert told(asker.of(Look("field", "equals", value=True)).sure, 3) == [False, True, True]
    assert told(asker.of(Look("field", "equals", 1)).sure, 3) == [True, False, False]


def test_many_values_that_pass_are_looked_up():
    given = [f"v{number % 50}" for number in range(500)]
    asker = Asker({"field": coded(given)}.get)
    rule = AnyOf(tuple(Look("field", "equals", f"V{number}") for number in range(0, 50, 2)))
    assert told(asker.of(rule).sure, 500) == [int(value[1:]) % 2 == 0 for value in given]
    assert told(asker.of(Not(rule)).sure, 500) == [int(value[1:]) % 2 == 1 for value in given]
    few = Not(AnyOf(tuple(Look("field", "equals", f"v{number}") for number in range(47))))
    assert told(asker.of(few).sure, 500) == [int(value[1:]) >= 47 for value in given]


def test_texts_that_differ_in_case_alone_are_all_found():
    rows = ["Ann", "bob", "ANN", None, "annie"]
    for given, expected in ((rows, [1, 0, 1, 0, 0]), (["bob", "Ann"], [0, 1]), (["bob"], [0])):
        asker = Asker({"text": coded(given)}.get)
        for item in (Look("text", "equals", "aNN"), AnyOf((Look("text", "equals", "aNN"),))):
            assert told(asker.of(item).sure, len(given)) == list(map(bool, expected))
