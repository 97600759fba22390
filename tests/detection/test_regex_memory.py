"""A regular expression remembers what it decided, and is never wrong by it."""

from whodid.detection.compiled import compile_rules
from whodid.detection.record import Record
from whodid.detection.rule import Head, LogSource, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.taxonomy import native_of
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    EMPTY_WHERE,
    EMPTY_WHO,
    Envelope,
    Event,
    What,
    When,
    encode_groups,
)
from whodid.limits import REGEX_KEPT_CHARS_MAX, REGEX_KEPT_TEXTS_MAX


def record(action):
    event = Event(
        When("0", 1), EMPTY_WHO, What(action=action), EMPTY_WHERE, EMPTY_CONTEXT, EMPTY_CONTENT,
        b"", Envelope("app", "json"),
    )  # fmt: skip
    return Record(0, encode_groups(event), native_of)


def test_more_texts_than_are_kept_twice_over():
    rule = Rule(
        Head("r", "r", "low", "1"), LogSource(product="whodid"), Look("action", "regex", "[02468]$")
    )
    matcher = compile_rules([rule])
    for turn in range(2):
        for number in range(REGEX_KEPT_TEXTS_MAX + 100):
            found = bool(matcher.matching(record(f"a{number}")))
            assert found is (number % 2 == 0), (turn, number)


def test_long_texts_are_looked_at_each_time():
    rule = Rule(
        Head("r", "r", "low", "1"), LogSource(product="whodid"), Look("action", "regex", "b")
    )
    matcher = compile_rules([rule])
    long = "a" * (REGEX_KEPT_CHARS_MAX + 1)
    for text, found in ((long, False), (f"{long}b", True), (long, False)):
        assert bool(matcher.matching(record(text))) is found
