"""Correlations and filters: what they name is found, what they cannot mean is a fault."""

from pathlib import Path

import pytest

from rule_kit import LOGIN_RULE, loaded_of
from whodid.detection.rule import All, Compare, Correlation, Not
from whodid.detection.rule import Test as Look
from whodid.detection.sigma import load_rules


def test_correlations_are_linked(tmp_path: Path) -> None:
    text = (
        LOGIN_RULE
        + """---
title: Many
name: many
correlation:
  type: value_count
  rules: login
  group-by: [who]
  timespan: 10m
  aliases: {who: {login: userIdentity.arn}}
  condition: {gt: 5, lte: 9, field: [a, b]}
---
title: Upon it
correlation:
  type: temporal_ordered
  rules: [many, 11111111-1111-4111-8111-111111111111]
  timespan: 1h
"""
    )
    login, many, upon = loaded_of(tmp_path, text).rules
    assert isinstance(many, Correlation)
    assert many.rules == (login.head.id,)
    assert many.aliases == {"who": {login.head.id: "userIdentity.arn"}}
    assert many.span_us == 600_000_000
    assert set(many.compare) == {Compare("gt", 5.0), Compare("lte", 9.0)}
    assert many.fields == ("a", "b")
    assert upon.rules == ("many", login.head.id)
    assert (login.silent, many.silent, upon.silent) == (True, True, False)


def test_generate_and_versions(tmp_path: Path) -> None:
    def one(field: str, generate: str) -> str:
        return f"""---
title: Many
name: many
correlation:
  type: event_count
  rules: login
  timespan: 10m
  generate: {generate}
  condition: {{gte: {field}}}
"""

    login, many = loaded_of(tmp_path, LOGIN_RULE + one("5", "true")).rules
    assert not login.silent
    silent, other = loaded_of(tmp_path, LOGIN_RULE + one("6", "false")).rules
    assert silent.silent
    assert silent.head.version == login.head.version
    assert other.head.version != many.head.version
    spaced = LOGIN_RULE.replace("level: low", "# only a comment\nlevel:   low")
    assert loaded_of(tmp_path, spaced).rules[0].head.version == login.head.version
    changed = LOGIN_RULE.replace("ConsoleLogin", "Login") + one("5", "true")
    assert loaded_of(tmp_path, changed).rules[1].head.version != many.head.version


@pytest.mark.parametrize(
    ("correlation", "said"),
    [
        ("type: event_count; rules: [x]; timespan: 1h; condition: {gte: 1}", "not loaded"),
        ("type: event_count; rules: [me]; timespan: 1h; condition: {gte: 1}", "about it again"),
        ("type: count; rules: [login]", "no type 'count'"),
        ("type: event_count; rules: [login]; condition: {gte: 1}", "no `timespan`"),
        ("type: event_count; rules: [login]; timespan: 1x; condition: {gte: 1}", "`timespan` is"),
        ("type: event_count; rules: [login]; timespan: 1h", "needs a `condition`"),
        ("type: event_count; rules: [login]; timespan: 1h; condition: {}", "compares with nothing"),
        ("type: value_count; rules: [login]; timespan: 1h; condition: {gte: 1}", "in `field`"),
        ("type: temporal; rules: [login]; timespan: 1h; condition: login and not x", "'x' does"),
        ("type: temporal; rules: [login, x]; timespan: 1h; condition: login", "the condition"),
        ("type: temporal; rules: [login]; timespan: 1h; condition: not login", "nothing matched"),
        ("type: temporal; timespan: 1h; condition: login or not login", "nothing matched"),
        ("type: temporal; timespan: 1h; condition: login and", "ends where a rule"),
        ("type: temporal; timespan: 1h; condition: login login", "where `and` or `or`"),
        ("type: temporal; timespan: 1h; condition: login and or", "has `or` where a rule"),
        ("type: temporal; timespan: 1h; condition: (login", "not closed"),
        ("type: temporal; timespan: 1h; condition: login)", "not opened"),
        (f"type: temporal; timespan: 1h; condition: {'(' * 99}login", "nested deeper"),
        ("type: temporal; timespan: 1h; condition: nobody", "nobody"),
        ("type: temporal_ordered; rules: [login]; timespan: 1h; condition: login", "no condition"),
        ("type: event_count; rules: [login]; timespan: 1h; condition: login", "no condition"),
        ("type: temporal; rules: [login]; timespan: 1h; grop-by: x", "did you mean `group-by`"),
        ("type: temporal; rules: [login]; timespan: 1h; aliases: {a: {b: c}}", "not in `rules`"),
        ("type: ratio; rules: [login]; timespan: 1h; condition: {gte: 1}", "two rules"),
        ("type: new_value; rules: [login]; timespan: 1h", "which value must be new"),
        ("type: new_value; rules: [login]; timespan: 1h; field: f; as: town", "correlation.as"),
        ("type: outside_hours; rules: [login]; timespan: 1d; person: 5", "correlation.person"),
        ("type: impossible_travel; rules: [login]; timespan: 1h; allow: [here]", "networks"),
        ("type: absence; rules: [login, login]; timespan: 1h", "names a rule twice"),
        ("type: absence; rules: [a, b, c]; timespan: 1h", "an event and what is expected"),
        ("type: absence; rules: [login]; timespan: 1h; learn: 1d", "no key `learn`"),
        ("type: event_count; rules: [login]; timespan: 999d; condition: {gte: 1}", "at most"),
    ],
)  # fmt: skip
def test_bad_correlations(tmp_path: Path, correlation: str, said: str) -> None:
    keys = correlation.replace("; ", "\n  ")
    text = f"{LOGIN_RULE}---\ntitle: C\nname: me\ncorrelation:\n  {keys}\n"
    loaded = loaded_of(tmp_path, text)
    assert len(loaded.rules) == 1
    assert not loaded.rules[0].silent
    [fault] = loaded.faults
    assert said in fault.reason
    assert fault.line >= 11


def test_circles_and_towers_of_correlations(tmp_path: Path) -> None:
    def one(name: str, rules: str) -> str:
        return (
            f"---\ntitle: {name}\nname: {name}\ncorrelation:\n  type: event_count\n"
            f"  rules: {rules}\n  timespan: 1h\n  condition: {{gte: 1}}\n"
        )

    circle = loaded_of(tmp_path, LOGIN_RULE + one("a", "[b]") + one("b", "[c]") + one("c", "[a]"))
    assert len(circle.rules) == 1
    assert len(circle.faults) == 3
    below = ["login", *(f"c{number}" for number in range(3000))]
    tower = LOGIN_RULE + "".join(
        one(below[it + 1], f"[{below[it]}]") for it in reversed(range(3000))
    )
    loaded = loaded_of(tmp_path, tower)
    assert len(loaded.rules) == 1 + 10
    assert "stand upon each other" in loaded.faults[-1].reason


def test_own_kinds_have_their_options(tmp_path: Path) -> None:
    text = (
        LOGIN_RULE
        + """---
title: new
correlation: {type: new_value, rules: login, timespan: 90d, learn: 7d, field: ip, as: network}
---
title: share
correlation: {type: ratio, rules: [login, two], timespan: 1h, condition: {gte: 0.5}, minimum: 20}
---
title: far
correlation: {type: impossible_travel, rules: login, timespan: 1d, allow: 198.51.100.7/24}
---
title: two
name: two
logsource: {product: aws}
detection: {s: {eventName: x}, condition: s}
"""
    )
    loaded = loaded_of(tmp_path, text)
    assert not loaded.faults
    made = {rule.head.title: rule for rule in loaded.rules if isinstance(rule, Correlation)}
    week_us = 7 * 24 * 3600 * 1_000_000
    assert made["new"].options == {"learn": week_us, "as": "network"}
    assert made["new"].fields == ("ip",)
    assert made["share"].options == {"minimum": 20}
    assert made["far"].options == {"distance": 100, "allow": ("198.51.100.0/24",)}
    assert made["far"].fields == ("ip",)
    cache = tmp_path / "cache"
    assert load_rules([tmp_path], cache) == load_rules([tmp_path], cache) == loaded


def test_filters_are_joined_as_they_are_written(tmp_path: Path) -> None:
    text = (
        LOGIN_RULE
        + """---
title: Not the robots
logsource: {product: aws}
filter:
  rules: [login]
  robots: {userIdentity.userName|startswith: robot-}
  condition: not robots
---
title: For others
logsource: {product: azure}
filter:
  rules: any
  s: {x: 1}
  condition: s
"""
    )
    loaded = loaded_of(tmp_path, text)
    [rule] = loaded.rules
    robots = Look("userIdentity.userName", "startswith", "robot-")
    assert rule.node == All((Look("eventName", "equals", "ConsoleLogin"), Not(robots)))
    assert rule.head.version != loaded_of(tmp_path, LOGIN_RULE).rules[0].head.version
    [doubt] = loaded.faults
    assert doubt.warning
    assert "keeps only" in doubt.reason


@pytest.mark.parametrize(
    ("said", "words", "rules"),
    [
        ("a and not b", "0 1 not and", "ab"),
        ("a or b and c", "0 1 2 and or", "abc"),
        ("(a or b) and c", "0 1 or 2 and", "abc"),
        ("not not a and b", "0 not not 1 and", "ab"),
        ("a and b or c and not a", "0 1 and 2 0 not and or", "abc"),
        ("b and not ( a or c )", "0 1 2 or not and", "bac"),
        ("a", "0", "a"),
    ],
)
def test_conditions_in_words(tmp_path: Path, said: str, words: str, rules: str) -> None:
    text = "".join(
        f"title: {it}\nname: {it}\nid: {it * 8}\nlogsource: {{product: whodid}}\n"
        f"detection: {{s: {{action: {it}}}, condition: s}}\n---\n"
        for it in "abc"
    )
    for extra in ("type: temporal", "type: temporal_extended"):
        last = f"title: T\ncorrelation:\n  {extra}\n  timespan: 1h\n  condition: {said}\n"
        loaded = loaded_of(tmp_path, text + last)
        assert not loaded.faults
        [found] = [it for it in loaded.rules if isinstance(it, Correlation)]
        assert found.kind == "temporal"
        assert " ".join(found.words) == words
        assert found.rules == tuple(it * 8 for it in rules)
