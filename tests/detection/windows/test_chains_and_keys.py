"""Who belongs together: keys, aliases, correlations of correlations, and what is told of them."""

import pytest

from correlation_kit import correlation, engine, record, rule, run, told
from whodid.detection.rule import Correlation
from whodid.detection.windows.extract import number_of


def test_what_has_no_key_is_nobodys():
    rules = [rule("a"), correlation("event_count", ["a"], 60, gte=2)]
    nobody = [record(n, n, user=user) for n, user in enumerate([None, "", [], None, ["", ""]])]
    assert run(engine(rules), nobody) == []
    # one of several fields is enough to be nobody's
    both = [rule("a"), correlation("event_count", ["a"], 60, by=("user", "ip"), gte=2)]
    assert run(engine(both), [record(n, n, user="ann") for n in range(3)]) == []


def test_a_rule_without_group_by_takes_all_together():
    rules = [rule("a"), correlation("event_count", ["a"], 60, by=(), gte=2)]
    found = run(engine(rules), [record(0, 0, user="ann"), record(1, 1)])
    assert [told(f)[2:4] for f in found] == [((), (0, 1))]


def test_keys_match_in_any_case_and_are_told_as_they_came_first():
    rules = [rule("a"), correlation("event_count", ["a"], 60, gte=3)]
    records = [record(n, n, user=user) for n, user in enumerate(["Ann", "ANN", "ann"])]
    assert [f.key for f in run(engine(rules), records)] == [(("user", "Ann"),)]


def test_each_item_of_a_list_is_a_key_and_too_many_are_cut():
    rules = [rule("a"), correlation("event_count", ["a"], 60, by=("roles",), gte=2)]
    records = [record(0, 0, roles=["x", "y"]), record(1, 1, roles=["y", "z", "y"])]
    assert [told(f)[2:4] for f in run(engine(rules), records)] == [(("y",), (0, 1))]
    many = [record(n, n, roles=[f"r{i}" for i in range(100)]) for n in range(2)]
    assert len(run(engine(rules), many)) == 16


def test_numbers_and_texts_that_look_alike_are_the_same_key():
    rules = [rule("a"), correlation("event_count", ["a"], 60, by=("port",), gte=2)]
    found = run(engine(rules), [record(0, 0, port=22), record(1, 1, port="22")])
    assert [told(f)[2] for f in found] == [("22",)]


def test_aliases_join_fields_of_different_names():
    rules = [
        rule("a"), rule("b", name="bee"),
        correlation(
            "temporal", ["a", "b"], 60, by=("who",),
            aliases={"who": {"a": "user", "bee": "principal"}},
        ),
    ]  # fmt: skip
    records = [
        record(0, 0, "a", user="ann"), record(1, 1, "b", principal="ann"),
        record(2, 2, "b", user="bob"), record(3, 3, "a", user="bob"),
    ]  # fmt: skip
    found = run(engine(rules), records)
    assert [(f.key, told(f)[3]) for f in found] == [((("who", "ann"),), (0, 1))]


def chain(**more):
    return [
        rule("a"), rule("b"),
        correlation("event_count", ["a"], 10, name="burst", gte=2, **more),
        correlation(
            "temporal_ordered", ["burst", "b"], 60, name="then", by=("account",),
            aliases={"account": {"burst": "user", "b": "login"}},
        ),
    ]  # fmt: skip


def test_correlations_stand_on_correlations():
    records = [
        record(0, 0, "a", user="ann"), record(1, 1, "a", user="ann"),
        record(2, 20, "b", login="ann"), record(3, 21, "b", login="bob"),
    ]  # fmt: skip
    found = run(engine(chain()), records)
    assert [told(f)[:4] for f in found] == [
        ("burst", 1, ("ann",), (0, 1)), ("then", 20, ("ann",), (0, 1, 2)),
    ]  # fmt: skip
    then = found[1]
    assert then.first_us == found[0].first_us
    assert [m.entry for m in then.matches] == [0, 1, 2]
    # the order of the rules in their files does not matter
    backwards = list(reversed(chain()))
    assert [told(f) for f in run(engine(backwards), records)] == [told(f) for f in found]


def test_a_silent_correlation_is_only_heard_above():
    records = [record(n, n, "a b", user="ann", login="ann") for n in range(2)]
    assert [f.rule.id for f in run(engine(chain(silent=True)), records)] == ["then"]


def test_rules_about_single_events_find_at_once_unless_silent():
    rules = [rule("loud", silent=False, fields=("ip",)), rule("a")]
    (found,) = engine(rules).feed([record(0, 5, "loud a", user="ann", ip=["1.2.3.4", "::1"])])
    assert (told(found)[:4], found.stage) == (("loud", 5, ("ann",), (0,)), "final")
    assert found.key == (("actor.id", "ann"),)
    assert found.values == (("ip", "1.2.3.4, ::1"),)


def test_an_event_that_two_rules_match_counts_once():
    rules = [rule("a"), rule("b"), correlation("event_count", ["a", "b"], 60, gte=2)]
    assert run(engine(rules), [record(0, 0, "a b", user="ann")]) == []


CANNOT = [
    ([correlation("event_count", ["nobody"], 60, gte=1)], "no rule 'nobody' is loaded"),
    ([correlation("event_count", ["found"], 60, gte=1)], "needs itself"),
    ([correlation("event_count", ["y"], 60, name="x", gte=1),
      correlation("event_count", ["x"], 60, name="y", gte=1)], "cannot run"),
    ([correlation("ratio", ["a"], 60, gte=1)], "two rules"),
    ([correlation("absence", ["a"], 60, options={"expect": "before"})], "two rules"),
    ([correlation("value_count", ["a"], 60, gte=1)], "needs a field"),
    ([correlation("temporal_ordered", ["a", "b"], 60, gte=1)], "all of its rules"),
    ([correlation("impossible_travel", ["a"], 60, fields=["ip"])], "detection.geo"),
    ([correlation("new_value", ["a"], 60, fields=["ip"], options={"as": "country"})],
     "detection.geo"),
    ([correlation("new_value", ["a"], 60, fields=["ip", "v"], options={"as": "network"})],
     "one field"),
    ([correlation("outside_hours", ["a"], 60)], "detection.calendars"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "reason"), CANNOT, ids=lambda v: str(v)[:12])
def test_what_cannot_run_is_told_and_the_others_run(rules, reason):
    good = correlation("event_count", ["a"], 60, name="good", gte=1)
    eng = engine([rule("a"), rule("b"), *rules, good])
    assert {item.rule for item in eng.unusable} == {item.head.id for item in rules}
    assert any(reason in item.reason for item in eng.unusable)
    assert [f.rule.id for f in run(eng, [record(0, 0, user="ann", v="x", ip="::1")])] == ["good"]


def test_a_tower_of_correlations_is_bounded():
    def tower(height):
        rules: list = [rule("a")]
        for floor in range(height):
            below = f"floor{floor - 1}" if floor else "a"
            rules.append(correlation("event_count", [below], 60, name=f"floor{floor}", gte=1))
        return rules

    top = run(engine(tower(10)), [record(0, 0, user="ann")])
    assert [f.rule.id for f in top] == [f"floor{n}" for n in range(10)]
    (fault,) = engine(tower(11)).unusable
    assert fault.rule == "floor10"
    assert "10 correlations" in fault.reason
    assert isinstance(tower(1)[1], Correlation)


WHY = [
    ("event_count", {"rules": ["failed"], "by": ("user", "ip"), "gte": 3},
     "12 events “failed” of alice from 10.0.0.7 within 55 seconds; 3 is the bound in 5 minutes"),
    ("value_count", {"rules": ["failed"], "by": ("ip",), "fields": ["v"], "gte": 3},
     ("12 different values of v in 12 events “failed” from 10.0.0.7 within 55 seconds; "
      "3 is the bound in 5 minutes")),
    ("value_sum", {"rules": ["failed"], "fields": ["n"], "gte": 1000},
     "the sum of n is 12,000 in 12 events “failed” of alice within 5 minutes; 1,000 is the bound"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said", "why"), WHY, ids=lambda v: str(v)[:12])
def test_a_finding_says_why_with_the_numbers(kind, said, why):
    said = dict(said)
    rules = [rule("failed"), correlation(kind, said.pop("rules"), 300, **said)]
    records = [
        record(n, n * 5, "failed", user="alice", ip="10.0.0.7", v=f"v{n}", n=1000)
        for n in range(12)
    ]
    assert run(engine(rules), records)[-1].why == why


def test_a_finding_names_the_newest_matches_and_counts_all():
    rules = [rule("a"), correlation("event_count", ["a"], 600, gte=250)]
    (found,) = run(engine(rules), [record(n, 0, user="ann") for n in range(250)])
    assert (found.count, len(found.matches), found.matches[-1].entry) == (250, 100, 249)


def test_long_keys_are_cut_and_still_told_apart():
    rules = [rule("a"), correlation("event_count", ["a"], 60, gte=2)]
    users = ["x" * 100_000, "x" * 100_000 + "y", "x" * 100_000]
    (found,) = run(engine(rules), [record(n, n, user=user) for n, user in enumerate(users)])
    assert told(found)[3] == (0, 2)
    assert len(found.key[0][1]) == 256


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), ("3", 3), ("-2.5", -2.5), ("1e3", 1000.0), (2**70, None), ("1" * 20, None),
     (float("nan"), None), (float("inf"), None), ("1e999", None), ("", None), ("0x10", None),
     ("٣", None), ("1_000", None)],
)  # fmt: skip
def test_what_is_a_number(value, number):
    assert number_of(value) == number
