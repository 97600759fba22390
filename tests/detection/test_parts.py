"""A rule that was taken apart and indexed says what its whole condition says.

WHODID_SEED chooses the rules.
"""

import json
import random
from functools import partial

import random_rules
from chance import SEED
from rule_kit import record
from whodid.detection.compiled import probes
from whodid.detection.compiled.alternatives import alternatives_of
from whodid.detection.compiled.closures import Closures
from whodid.detection.compiled.fields import View
from whodid.detection.compiled.index import Fields, Index, asks_event_first
from whodid.detection.compiled.parts import parts_of
from whodid.detection.compiled.probes import Memory, Probe
from whodid.detection.rule import All, AnyOf, Head, LogSource, Not, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.taxonomy.kinds import KINDS
from whodid.limits import RULE_ALTERNATIVES_MAX, RULE_ASKED_CHARS_MAX, RULE_ASKED_VALUES_MAX

JSON = next(kind for kind in KINDS if kind.name == "json")
EVENT_FIELDS = ("action", "actor.name", "rows", "agent", "text", "list", "number", "gone")
WHOLE = (
    Look("flag", "equals", True), Look("flag", "equals", 1), Look("number", "equals", 5),
    Look("number", "equals", "5"), Look("number", "gte", 2.5), Look("ip", "cidr", "10.0.0.0/9"),
    Look("ip", "cidr", "::/0"), Look("text", "regex", "(?i)A(B|É)?"), Look("text", "exists", True),
    Look("when", "gte", 3, part="hour"), Look(None, "contains", "ab"),
    Look("list", "equals", "a", cased=True),
)  # fmt: skip


def some_node(chance, depth=3):
    roll = chance.random()
    if depth == 0 or roll < 0.35:
        if chance.random() < 0.4:
            return chance.choice(WHOLE)
        return random_rules.look(chance, EVENT_FIELDS)
    if roll < 0.5:
        return Not(some_node(chance, depth - 1))
    kind = All if roll < 0.8 else AnyOf
    return kind(tuple(some_node(chance, depth - 1) for _ in range(chance.randrange(1, 5))))


def some_record(chance, number):
    row = random_rules.values(chance) | {
        "flag": chance.choice([True, False, 1, "true", None]),
        "ip": chance.choice(["10.1.2.3", "10.200.0.1", "2001:db8::1", "x", None]),
        "when": chance.choice(["2026-03-02T02:15:00Z", "2026-03-02T22:15:00Z", 7, None]),
        "number": chance.choice([5, 5.0, "5", -3, 2.5, 10**30, None, {"a": 5}, [1, 5]]),
        "action": random_rules.text(chance), "rows": chance.choice([3, "4", None]),
        "userId": chance.choice(["a", "B", ""]), "agent": chance.choice(["ab", None, "x y"]),
    }  # fmt: skip
    kept = {key: value for key, value in row.items() if value is not None}
    return record(json.dumps(kept), "json", "app", entry=number)


def test_the_index_says_what_whole_conditions_say():
    print("seed", SEED)
    chance = random.Random(SEED)
    rules = [
        Rule(
            Head(f"r{number}", "t", "low", "1"),
            LogSource(product=chance.choice(["whodid", "app"])), some_node(chance),
        )
        for number in range(150)
    ]  # fmt: skip
    index = Index(JSON, rules, Memory())
    fields = Fields(JSON)
    wholes = [
        Closures(partial(fields.get, event_first=asks_event_first(it))).compile(it.node)
        for it in rules
    ]
    found = 0
    for number in range(120):
        one = some_record(chance, number)
        view = View(one, one.native)
        said = [it.head.id for it in index.matching(View(one, one.native))]
        wanted = [it.head.id for it, holds in zip(rules, wholes, strict=True) if holds(view)]
        assert said == wanted, (one.native, set(said) ^ set(wanted))
        found += len(said)
    assert 0 < found < 150 * 120


def test_most_conditions_leave_no_rest():
    name = Look("action", "equals", "x")
    plain = All((name, Not(AnyOf((Look("ip", "cidr", "10.0.0.0/8"), Look("rows", "gt", 5))))))
    assert parts_of(plain).rest is None
    assert parts_of(All((name, Look("gone", "null", None)))).bars == (Look("gone", "exists", True),)
    assert parts_of(Not(Look("gone", "null", None))).needs == ((Look("gone", "exists", True),),)
    referred = Look("a", "fieldref", "b")
    assert parts_of(All((name, referred))) == (((name,),), (), referred)
    mixed = Not(All((name, Look("rows", "gt", 5))))
    assert parts_of(mixed) == ((), (), mixed)


def test_alternatives_hold_when_the_whole_does():
    print("seed", SEED)
    chance = random.Random(SEED)
    fields = Fields(JSON)
    closures = Closures(partial(fields.get, event_first=False))
    records = [some_record(chance, number) for number in range(25)]
    several = 0
    for _ in range(200):
        node = some_node(chance)
        some = alternatives_of(node)
        assert 0 < len(some) <= RULE_ALTERNATIVES_MAX
        several += len(some) > 1
        whole, holds = closures.compile(node), [closures.compile(it) for it in some]
        for one in records:
            view = View(one, one.native)
            assert whole(view) == any(it(view) for it in holds), (node, one.native)
    assert several


def test_two_sets_of_looks_are_two_alternatives_without_a_rest():
    a, b, c, d = (Look(name, "equals", "x") for name in "abcd")
    two = AnyOf((All((a, b)), All((c, Not(d)))))
    assert alternatives_of(two) == (All((a, b)), All((c, Not(d))))
    assert alternatives_of(All((a, two))) == (All((a, All((a, b)))), All((a, All((c, Not(d))))))
    assert alternatives_of(All((a, Not(All((b, c)))))) == (All((a, Not(b))), All((a, Not(c))))
    for plain in (a, Not(a), All((a, b)), AnyOf((a, b)), Not(AnyOf((a, b))), AnyOf(())):
        assert alternatives_of(plain) == (plain,)
    assert all(parts_of(it).rest is None for it in alternatives_of(All((a, two))))
    one, true = (Look("flag", "equals", value) for value in (1, True))
    assert parts_of(All((one, one, true))).needs == ((one,), (true,))
    many = All(tuple(AnyOf((All((a, b)), c)) for _ in range(9)))
    assert alternatives_of(many) == (many,)


def test_true_one_and_its_text_are_not_the_same():
    chosen = AnyOf((Look("flag", "equals", True), Look("flag", "equals", 1)))
    rules = [Rule(Head("r", "t", "low", "1"), LogSource(product="app"), chosen)]
    for value, holds in ((True, True), (1, True), (1.0, True), ("1", True), (2, False)):
        one = record(json.dumps({"flag": value}), "json", "app")
        assert bool(Index(JSON, rules, Memory()).matching(View(one, one.native))) == holds, value


def test_what_is_remembered_is_bounded_and_what_is_asked_again_stays():
    asked = []

    def look(value):
        asked.append(value)
        return len(asked)

    known = Memory().of(look)
    first = known["often"]
    for number in range(3 * RULE_ASKED_VALUES_MAX):
        known[str(number)]
        if not number % 100:
            assert known["often"] == first
    assert len(known) + len(known._old) <= RULE_ASKED_VALUES_MAX
    assert asked.count("often") == 1
    long = "x" * (RULE_ASKED_CHARS_MAX + 1)
    assert known[long] != known[long]


def test_all_that_is_remembered_together_is_bounded(monkeypatch):
    monkeypatch.setattr(probes, "RULE_ASKED_BYTES_MAX", 100_000)
    memory = Memory()
    some = [memory.of(len) for _ in range(4)]
    for number in range(4000):
        text = "x" * (number % 200) + str(number)
        assert some[number % 4][text] == len(text)
        assert sum(len(key) for known in some for key in known) < 100_000
    assert any(some)


def test_one_regex_for_many_finds_what_each_finds():
    patterns = ["(?i)^AB", "b$", "(?s)a.b", "[0-9]{3}", "é|x", "(?m)^two$"]
    probe = Probe([(Look("f", "regex", it), 1 << at) for at, it in enumerate(patterns)], Memory())
    alone = [Probe([(Look("f", "regex", it), 1)], Memory()) for it in patterns]
    for text in ("abc", "AB", "cab", "a\nb", "12 345", "É", "é", "one\ntwo\n", "", "zzz"):
        said = [bool(probe.texts[text] >> at & 1) for at in range(len(patterns))]
        assert said == [bool(it.texts[text]) for it in alone], text
