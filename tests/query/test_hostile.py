"""Hostile searches cost no more than their bounds: counted in calls and bytes, not in seconds."""

import random
import sys
import tracemalloc

import pytest

from whodid.errors import QueryError
from whodid.limits import QUERY_CHARS_MAX, QUERY_ERRORS_MAX, REGEX_STEPS_MAX
from whodid.query.match import matcher
from whodid.query.parse import parse
from whodid.query.regex import Automaton, compile_regex
from whodid.query.render_pipes import query_text
from whodid.query.times import resolve, time_text

CALLS_FIRST, CALLS_EACH = 20_000, 40
BYTES_FIRST, BYTES_EACH = 512 * 1024, 256


def cost(work):
    """(calls of functions, most bytes held) of some work, which may be refused."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in {"call", "c_call"}

    error = None
    tracemalloc.start()
    sys.setprofile(count)
    try:
        work()
    except QueryError as found:
        error = found
    finally:
        sys.setprofile(None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return calls, peak, error


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(["a"] * 20_000),
        " OR ".join(["a"] * 3000),
        "a " * 8000,
        "(" * 10_000,
        "(" * 10_000 + "a" + ")" * 10_000,
        "(" * 8000 + ")" * 8000,
        ")" * 16_000,
        "-" * 16_000,
        "NOT " * 4000,
        "AND " * 4000,
        "actor:(" * 2000,
        "actr:x " * 2000,
        "actr:(" * 2000,
        "rows:[" * 2000,
        "rows:[1 TO " * 1400,
        '"' * 16_001,
        '"\\' * 8000,
        'a"' * 8000,
        'foo:"' + "\\" * 16_000,
        "*" * 16_000,
        "a*" * 8000,
        "*:* " * 4000,
        "|" * 16_000,
        "| stats " * 2000,
        "| sort " + "rows," * 3000,
        "| stats by (" + "actor," * 2500,
        "| stats " + "count() " * 2000,
        "| sequence by actor " + "[a] -> " * 2000,
        "| sequence by actor " + "[" * 16_000,
        "action:~" + "(" * 16_000,
        "action:~" + "(a*)*" * 50,
        "action:~(a{200}){200}",
        "action:~((((a{9}){9}){9}){9}){9}",
        "rows:" + "9" * 16_000,
        "time:" + "9" * 16_000,
        "time:now" + "-9w" * 5000,
        "ip:" + "f:" * 8000,
        "x" * 16_000 + ":a",
        "\u0130" * 16_000,
        "é:" * 8000,
        "\t\v\f\x1c\x85\u2028 " * 2000,
        "a\ud800",
        "\udfff" * 16_000,
        "\0" * 16_000,
    ],
)
def test_any_text_costs_as_much_as_it_is_long(text):
    calls, peak, error = cost(lambda: parse(text))
    long = min(len(text), QUERY_CHARS_MAX)
    assert calls <= CALLS_FIRST + CALLS_EACH * long
    assert peak <= BYTES_FIRST + BYTES_EACH * long
    if error is not None:
        mistakes = (error, *error.others)
        assert len(mistakes) <= QUERY_ERRORS_MAX
        assert all(0 <= one.position <= len(text) and len(str(one)) < 400 for one in mistakes)


@pytest.mark.parametrize("text", ["time:9999", "time:9999-12-31T23:59:59.999999Z", "time:0001"])
def test_the_ends_of_time(text):
    query = resolve(parse(text), 0)
    assert time_text(query.filter.value) in text
    assert matcher(query.filter)


@pytest.mark.parametrize(
    "text",
    ["time:9999-12-31T23:30-01:00", "time:0000", "time:10000", "time:99999999999999999999",
     "time:>now+9999999w", "rows:" + "9" * 30, "rows:-9223372036854775809", "rows:1e9",
     "rows:٣", "rows:0x10", "rows:NaN", "rows:>∞"],
)  # fmt: skip
def test_beyond_them_is_refused(text):
    with pytest.raises(QueryError, match="needs a"):
        parse(text)


def test_control_characters_and_marks_are_plain_text():
    text = "\x01\x1b[2J\u202egnp\u2066\ufeff\U000e0041"
    assert parse(f'"{text}"').filter.value == text
    assert parse(query_text(parse(f'actor:"{text}"'))) == parse(f'actor:"{text}"')


EVIL = ("(a*)*$", "(a|a)*c", "(a+)+$", "(.*a){80}c", "(a?){100}a{100}", "(a|b)*a(a|b){60}c",
        "([a-z]+)*[A-Z]", "(x+x+)+y", ".*.*.*.*.*=.*")  # fmt: skip


@pytest.mark.parametrize("pattern", EVIL)
def test_no_pattern_backtracks(pattern):
    draw = random.Random(7)
    text = "".join(draw.choice("ab") for _ in range(2048))
    found = compile_regex(pattern)
    calls, peak, error = cost(lambda: found(text))
    assert error is None
    assert calls <= 1000 * len(text)
    assert peak <= 64 * 1024 * 1024


def test_a_pattern_that_takes_too_many_steps_is_given_up(monkeypatch):
    monkeypatch.setattr("whodid.query.regex.REGEX_STEPS_MAX", 100_000)
    assert REGEX_STEPS_MAX > 100_000
    draw = random.Random(7)
    matches = matcher(parse("actor:bob OR message:~[ab]*a[ab]{100}c").filter)
    text = "".join(draw.choice("ab") for _ in range(8192))
    found = compile_regex("[ab]*a[ab]{100}c", 20)
    calls, _, error = cost(lambda: [found(text[i:]) for i in range(100)])
    assert error is not None
    assert error.position == 20
    assert "too many steps at 20 (make it simpler" in str(error)
    assert calls < 2_000_000
    assert matches


def test_steps_that_were_met_before_cost_nothing():
    automaton = compile_regex("(a|b|ab)*c").__self__
    assert isinstance(automaton, Automaton)
    for _ in range(50):
        assert not automaton.found("ab" * 4000)
    assert automaton._work < 1000


# --- more mistakes than one ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("actr:a rows:x", [(0, "unknown field"), (12, "whole number")]),
        ("actr:(a OR b) outcome:sucess", [(0, "unknown field"), (22, "is never")]),
        ("a OR | stat x | limit 0", [(5, "missing"), (7, "no stage"), (22, "needs a number")]),
        ("a) OR b) c", [(1, "not opened"), (7, "not opened")]),
        ("(a -status:x", [(4, "unknown field"), (0, "not closed")]),
        ("rows:[5 TO x] ip:1.2 time:y", [(11, "whole"), (17, "address"), (26, "a time")]),
        ("| stats by (actr) | sort nothing | limit 3", [(12, "unknown field")]),
        ("| stats sum(actor) | limit x", [(12, "not a number"), (27, "needs a number")]),
        ("actor:(a resource:b c) rows:x", [(9, "a field within"), (28, "whole number")]),
        ('- - a:"x y" b', [(0, "exclude"), (2, "exclude"), (4, "unknown field")]),
        ('a OR "b', [(5, "quote is not closed")]),
    ],
)  # fmt: skip
def test_all_mistakes_are_told(text, mistakes):
    with pytest.raises(QueryError) as caught:
        parse(text)
    found = (caught.value, *caught.value.others)
    assert [one.position for one in found] == [place for place, _ in mistakes]
    for one, (_, words) in zip(found, mistakes, strict=True):
        assert words in str(one)
        assert one.others == () or one is caught.value


def test_no_more_mistakes_than_the_bound_are_told():
    with pytest.raises(QueryError) as caught:
        parse("rows:x " * 200)
    assert len(caught.value.others) == QUERY_ERRORS_MAX - 1


def test_what_passes_a_bound_ends_the_parse():
    with pytest.raises(QueryError) as caught:
        parse("rows:x " + "(" * 100 + "ip:y")
    assert [one.position for one in caught.value.others] == [7 + 32]
