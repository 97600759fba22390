"""Which fields a rule looks at: its own, those of what it stands on, or everything."""

from whodid.detection.reads import EVERYTHING, with_reads
from whodid.detection.rule import (
    All,
    AnyOf,
    Correlation,
    Head,
    LogSource,
    Not,
    Rule,
)
from whodid.detection.rule import (
    Test as Look,
)


def head(name):
    return Head(name, name, "low", "v")


def rule(name, *fields):
    tests = tuple(Look(field, "equals", "x") for field in fields)
    return Rule(head(name), LogSource(), All((tests[0], Not(AnyOf(tests[1:])))))


def reads(*rules):
    return {one.head.id: set(one.head.reads) for one in with_reads(rules)}


def test_a_rule_and_a_correlation():
    one, two = rule("one", "action", "ip"), rule("two", "userIdentity.arn", "action")
    burst = Correlation(
        head("burst"), "value_count", ("one", "two"), 60, ("who",),
        {"who": {"one": "actor.id", "two": "userName"}}, fields=("resource",),
    )  # fmt: skip
    chain = Correlation(head("chain"), "temporal", ("burst",), 60, ("host",))
    found = reads(one, two, burst, chain)
    assert found["one"] == {"action", "ip"}
    assert found["burst"] == {
        "action", "ip", "userIdentity.arn", "actor.id", "userName", "resource",
    }  # fmt: skip
    assert found["chain"] == found["burst"] | {"host"}


def test_what_looks_at_everything_or_is_not_known():
    assert EVERYTHING in reads(rule("words", "action", None))["words"]
    lost = Correlation(head("lost"), "event_count", ("nowhere",), 60, ("ip",))
    assert reads(lost)["lost"] == {EVERYTHING, "ip"}
    travel = Correlation(head("travel"), "impossible_travel", (), 60, ("actor.id",))
    assert reads(travel)["travel"] == {"ip", "actor.id"}
    ring = Correlation(head("ring"), "temporal", ("ring",), 60, ("ip",))
    assert EVERYTHING in reads(ring)["ring"]


def test_a_field_that_is_compared_with_another():
    node = Look("actor.id", "fieldref", "resource.name")
    assert reads(Rule(head("same"), LogSource(), node))["same"] == {"actor.id", "resource.name"}


def test_nothing_else_of_a_rule_changes():
    [found] = with_reads([rule("one", "action")])
    assert found.node == rule("one", "action").node
    assert found.head.version == "v"
