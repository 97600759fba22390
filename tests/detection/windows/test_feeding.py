"""What is remembered of the texts of events changes no hit. WHODID_SEED chooses the events."""

import random

import msgspec
import pytest

from chance import SEED
from correlation_kit import END_US, correlation, engine, record, rule
from rule_kit import record as native_record
from whodid.detection.asked import Asked
from whodid.detection.compiled import compile_rules
from whodid.detection.compiled.path import leaves, plain_steps
from whodid.detection.rule import All, Head, LogSource, Rule
from whodid.detection.windows.feeding import Sources
from whodid.native import native

VALUES = (
    "", "x", "X", "ü", "Ü", 0, 1, 1.0, True, False, None, ["x"], ["x", "y"], [], [1, "x"],
    "z" * 256, "z" * 257, "z" * 300, 2**63, -(2**63), 2**63 - 1, {"a": "x"},
)  # fmt: skip


def some_rules():
    return [
        *map(rule, "abc"),
        correlation("event_count", ["a", "b"], 20, name="count", by=("user", "v"), gte=2),
        correlation("event_count", ["b"], 20, name="all", by=(), gte=3),
        correlation("value_count", ["a"], 40, name="values", fields=["v"], gte=2),
        correlation("value_count", ["a", "c"], 40, name="pairs", fields=["v", "w"], gte=2),
        correlation("value_sum", ["b"], 40, name="sum", fields=["w"], gt=1),
        correlation("new_value", ["a", "b"], 60, name="new", fields=["w"]),
        correlation(
            "temporal", ["a", "c"], 60, name="both", by=("who",),
            aliases={"who": {"a": "user", "c": "v"}},
        ),
    ]  # fmt: skip


def test_hits_are_the_same_with_nothing_remembered(monkeypatch):
    print("seed", SEED)
    chance = random.Random(SEED)
    records = [
        record(
            number, number / 2, [*chance.choice(("a", "b", "c", "ab", "ac", "abc"))],
            user=chance.choice(("u", "U", *VALUES[:-1])), v=chance.choice(VALUES[:-1]),
            w=chance.choice((*VALUES[:-1], 3, "5", "-2")),
        )
        for number in range(600)
    ]  # fmt: skip

    def found():
        one = engine(some_rules(), early=True)
        return one.feed(records), one.snapshot(), one.close(END_US)

    kept = []
    keep = Sources.keep
    monkeypatch.setattr(Sources, "keep", lambda *told: (kept.append(1), keep(*told)))
    remembered = found()
    assert 0 < len(kept) < 600
    monkeypatch.setattr(Sources, "keep", lambda *_: None)
    assert found() == remembered
    assert len({it.rule.id for it in remembered[0] + remembered[2]}) == 7


def some_native(chance, depth=0):
    keys = ("a", "b", "c", "a.b")
    below = [some_native, lambda it, _: [some_native(it, 3)], lambda it, _: it.choice(VALUES)]
    return {
        key: chance.choice(below[: 1 if depth == 0 else 3] if depth < 3 else below[2:])(
            chance, depth + 1
        )
        for key in chance.sample(keys, chance.randrange(len(keys)))
    }


@pytest.mark.parametrize("product", [None, "whodid", "aws"])
@pytest.mark.parametrize("kind", ["json", "cloudtrail"])
@pytest.mark.parametrize("with_compiled", [True, False])
def test_texts_are_the_values_that_rules_see(monkeypatch, product, kind, with_compiled):
    print("seed", SEED)
    if not with_compiled:
        monkeypatch.setattr("whodid.detection.compiled.index.compiled", None)
    chance = random.Random(SEED)
    names = ["requestParameters", "requestParameters.a", "requestParameters.a.b", "actor.id",
             "requestParameters.b[].a", "awsRegion", "errorCode.c", "ip"]  # fmt: skip
    some = Rule(Head("r", "R", "high", "1"), LogSource("", product or "", ""), All(()))
    matcher = compile_rules([some])
    told = 0
    for number in range(300):
        asked = Asked(number, [(some, it) for it in chance.sample(names, 3)], 256)
        native_form = {
            "requestParameters": some_native(chance), "awsRegion": chance.choice(VALUES),
            "errorCode": some_native(chance, 2),
        }  # fmt: skip
        one = native_record(native_form, format_name=kind)
        for _ in range(2):
            texts = matcher.texts(one, asked)
            values = [matcher.values(one, some, name) for _, name in asked.fields]
            if texts is not None:  # else there is a list, or more than a short text
                told += 1
                assert texts[0] == number
                assert [() if it is None else (it,) for it in texts[1:]] == values
    assert told > 50


@pytest.mark.skipif(native is None, reason="there is no compiled part")
def test_leaves_are_the_same_compiled():
    print("seed", SEED)
    chance = random.Random(SEED)
    paths = ["a", "a.b", "a.b.c", "c", "b.a", "b.a.a.a"]
    told = 0
    for _ in range(2000):
        given = some_native(chance)
        some = tuple(plain_steps(it) for it in chance.sample(paths, chance.randrange(4)))
        expected = leaves(given, 7, some, 256)
        assert native.leaves(given, 7, some, 256) == expected, (given, some)
        told += expected is not None and len(expected) > 1
    assert 0 < told < 2000
    with pytest.raises(TypeError):
        native.leaves({}, 1, (["a"],), 5)
    assert msgspec.json.encode(leaves({"a": "ü"}, 1, (("a",),), 1)) == '[1,"ü"]'.encode()
