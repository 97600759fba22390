"""What rules see of a record that was read in part is what they see of all of it.

WHODID_SEED chooses the records.
"""

import json
import random

import msgspec
import pytest

import random_rules
from chance import SEED
from rule_kit import record
from whodid.detection.compiled import compile_rules, probes, pruned, tree
from whodid.detection.compiled.fields import Load, loader, paths_of, view_of
from whodid.detection.compiled.pruned import Pruning
from whodid.detection.rule import All, AnyOf, Head, LogSource, Not, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.taxonomy.kinds import KINDS
from whodid.native import native

BY_NAME = {kind.name: kind for kind in KINDS}
KEYS = ("a", "b", "c", "a.b", "b.c", "é", "", "long" * 9)
NAMES = ("a", "b", "a.b", "a.b.c", "b.c", "a[0].b", "a[].c", "c[1]", "é.a", "long" * 9, "x.y.z")

PATHS = ("a", "b", "a.b", "a.b.c", "b.c", "é.a", "long" * 9, "c.a.b")
CLOUDTRAIL = msgspec.structs.replace(BY_NAME["cloudtrail"], top=None)

compiled = pytest.mark.skipif(native is None, reason="there is no compiled part")


def some_value(chance: random.Random, depth: int = 0) -> object:
    roll = chance.random()
    if depth < 4 and roll < 0.35:
        return {
            chance.choice(KEYS): some_value(chance, depth + 1) for _ in range(chance.randrange(5))
        }
    if depth < 4 and roll < 0.5:
        return [some_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return chance.choice(
        ["", "x", "ü", 'a"b', "a\\b", "\x7f", "😀", 0, -0.0, -7, 12, 10**17, 10**18, 10**30, 1.5,
         1e300, True, False, None, "y" * 300]
    )  # fmt: skip


def some_text(chance: random.Random) -> bytes:
    """Return a JSON record, now and then with blanks, a key that comes twice, or a fault."""
    value = {chance.choice(KEYS): some_value(chance) for _ in range(chance.randrange(7))}
    text = json.dumps(
        value, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, None, 1))
    ).encode()
    if chance.random() < 0.2 and len(text) > 2:
        text = text[:-1] + b',"a":{"b":"again"}}'
    if chance.random() < 0.3:
        at = chance.randrange(len(text))
        fault = chance.choice((b"", b'"', b"\\", b"\xff", b"\xc3", b"{", b"]", b",", b"1", b"\x00",
                               b"\\u00e9", b"\\ud83d", b" ", b"e5", b"-", b"\\u0061"))  # fmt: skip
        text = text[:at] + fault + text[at + chance.randrange(2) :]
    return text


@compiled
@pytest.mark.parametrize("kind", ["cloudtrail", "kubernetes", "okta", "json"])
def test_a_part_has_the_same_values(kind):
    print("seed", SEED)
    chance = random.Random(SEED)
    known = msgspec.structs.replace(BY_NAME[kind], top=None)
    apart = 0
    for number in range(1500):
        pruning = Pruning(known)
        names = chance.sample(NAMES, chance.randrange(1, 5))
        loads: dict[str, Load] = {}
        for name in names:
            pruning.add(paths_of(known, name))
            loads[name] = loader(known, name, event_first=False)
        text = some_text(chance)
        one, other = (record(text, "cloudtrail", "aws", entry=number) for _ in range(2))
        assert one.groups == other.groups
        part = pruning.view(one).native
        apart += part != other.native
        for name, load in loads.items():
            mine, whole = load(view_of(one, part)), load(view_of(other, other.native))
            assert list(map(repr, mine)) == list(map(repr, whole)), (name, text)
    assert apart or known.folds


@compiled
def test_looks_are_decided_while_a_record_is_read():
    print("seed", SEED)
    chance = random.Random(SEED)
    decided = 0
    for number in range(300):
        pruning, looks = Pruning(CLOUDTRAIL), tree.Tree()
        for path in chance.sample(PATHS, chance.randrange(1, len(PATHS))):
            pruning.add([path])
            if chance.random() < 0.8:
                some = [(random_rules.look(chance, (path,)), 1 << bit) for bit in range(3)]
                some.append((Look(path, "exists", True), 8))
                looks.add(tuple(path.split(".")), probes.Probe(some, probes.Memory()))
        pruning.probe(looks.packed() if looks else None)
        texts = [some_text(chance) for _ in range(8)]
        for text in (*texts, *texts):  # the second time values are remembered
            one = record(text, "cloudtrail", "aws", entry=number)
            view = pruning.view(one)
            part, passed = view.native, view.passed
            if passed is not None:
                decided += passed != 0
                assert passed == tree._walk(part, looks._top), text
                assert passed == tree._walk(one.native, looks._top), text
    assert decided > 100


@compiled
def test_values_take_the_place_of_others_that_are_remembered():
    pruning, looks = Pruning(CLOUDTRAIL), tree.Tree()
    pruning.add(["a"])
    some = [(Look("a", "endswith", "7"), 1), (Look("a", "startswith", "v1"), 2)]
    looks.add(("a",), probes.Probe(some, probes.Memory()))
    pruning.probe(looks.packed())
    for _ in range(2):
        for number in range(5000):  # more than are remembered
            text = f"v{number}"
            view = pruning.view(record(json.dumps({"a": text}), "cloudtrail", "aws"))
            assert view.native == {"a": text}
            assert view.passed == (number % 10 == 7) + 2 * text.startswith("v1")


@compiled
def test_of_a_key_that_comes_twice_the_later_value_is_looked_at():
    pruning, looks = Pruning(CLOUDTRAIL), tree.Tree()
    pruning.add(["a.b"])
    some = [(Look("a.b", "equals", it), 1 << bit) for bit, it in enumerate("xyz")]
    looks.add(("a", "b"), probes.Probe(some, probes.Memory()))
    pruning.probe(looks.packed())
    for text, bits in (
        ('{"a":{"b":"x"},"a":{"b":"y"}}', 2), ('{"a":{"b":"x","b":"z"}}', 4),
        ('{"a":{"b":"x"},"a":[{"b":"y"},{"b":"z"}]}', 6), ('{"a":{"b":"x"},"a":null}', 0),
    ):  # fmt: skip
        assert pruning.view(record(text, "cloudtrail", "aws")).passed == bits


@compiled
def test_a_record_that_is_not_plain_is_read_as_a_whole():
    pruning = Pruning(BY_NAME["cloudtrail"])
    pruning.add(["eventName"])
    for text in (
        rb'{"event\u004eame":"x"}',
        rb'{"eventName":"\ud800"}',
        b'{"eventName":1e3,"b":1}',
    ):
        one = record(text, "cloudtrail", "aws")
        assert pruning.view(one).native == (one.native or {})


@compiled
def test_most_of_a_record_is_not_made(monkeypatch):
    text = b'{"eventName":"GetObject","requestParameters":{"a":{"b":[1]},"c":2},"resources":[{}]}'
    pruning = Pruning(BY_NAME["cloudtrail"])
    assert pruning.add(["eventName", "requestParameters.c", "requestParameters.c.d"])
    assert not pruning.add(["requestParameters.c.e"])
    small = {"eventName": "GetObject", "requestParameters": {"c": 2}}
    assert pruning.view(record(text, "cloudtrail", "aws")).native == small
    other = record(text, "syslog", "aws")
    assert pruning.view(other).native == other.native
    parsed = record(text, "cloudtrail", "aws")
    assert parsed.native is pruning.view(parsed).native
    monkeypatch.setattr(pruned, "compiled", None)
    whole = Pruning(BY_NAME["cloudtrail"])
    whole.add(["eventName"])
    assert whole.view(record(text, "cloudtrail", "aws")).native == parsed.native


def test_a_field_that_is_asked_for_later_is_there():
    rule = Rule(
        Head("r", "t", "low", "1"), LogSource(product="aws"), Look("eventName", "equals", "x")
    )
    matcher = compile_rules([rule])
    one = record('{"eventName":"x","requestParameters":{"key":"k"}}', "cloudtrail", "aws")
    assert matcher.matching(one) == [rule]
    assert matcher.values(one, rule, "requestParameters.key") == ("k",)
    two = record('{"eventName":"x","requestParameters":{"key":"l"}}', "cloudtrail", "aws")
    assert matcher.values(two, rule, "requestParameters.key") == ("l",)


def some_rules(chance: random.Random) -> list[Rule]:
    made = []
    for number in range(80):
        looks = [random_rules.look(chance, ("action", "rows", "agent", "a.b")) for _ in range(3)]
        node = All((AnyOf(tuple(looks[:2])), Not(looks[2])))
        source = LogSource(product=chance.choice(["whodid", "aws"]))
        made.append(Rule(Head(f"r{number}", "t", "low", "1"), source, node))
    return made


@compiled
def test_compiled_looks_find_what_python_finds(monkeypatch):
    print("seed", SEED)
    chance = random.Random(SEED)
    rules = some_rules(chance)
    texts = [
        json.dumps(
            {name: it for name, it in random_rules.values(chance).items() if it is not None}
            | {"action": random_rules.text(chance), "a": some_value(chance)}
        )
        for _ in range(300)
    ]  # fmt: skip

    def said() -> list[list[str]]:
        matcher = compile_rules(rules)
        records = [record(text, "cloudtrail", "aws") for text in texts]
        return [[it.head.id for it in matcher.matching(one)] for one in records]

    fast = said()
    for module in (probes, tree, pruned):
        monkeypatch.setattr(module, "compiled", None)
    assert said() == fast
    assert any(fast)
