import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import QueryError
from whodid.query.regex import Automaton, compile_regex
from whodid.query.regex_syntax import compile_states, parse_regex


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        ("abc", ["abc", "xabcx"], ["ABC", "ab"]),
        ("(?i)abc", ["aBc"], ["ab"]),
        ("^a", ["ab"], ["ba", ""]),
        ("a$", ["ba"], ["ab", "a\n"]),
        ("^$", [""], ["a", "\n"]),
        ("a.c", ["abc"], ["a\nc", "ac"]),
        ("[a-c]+x", ["bcx"], ["x", "dx"]),
        ("[^a-c]", ["d"], ["abc", ""]),
        (r"[\d_-]{3}", ["1_-"], ["1_"]),
        (r"\w\s\W", ["a !"], ["a b"]),
        (r"\x41\u00e9\.\\", ["Aé.\\"], ["Aé.!"]),
        ("(GET|POST) /", ["GET /", "POST /"], ["PUT /"]),
        ("a{2,3}b", ["aab", "aaab", "aaaab"], ["ab"]),
        ("^a{2,}$", ["aaa"], ["a"]),
        ("a{0}b", ["b"], ["a"]),
        ("", ["", "a"], []),
        ("a|", ["b"], []),
        ("(a*)*b", ["aab", "b"], ["aa"]),
        ("colou?r??", ["color", "colou"], ["coor"]),
        ("[.]", ["."], ["a"]),
        ("(^)*a(?:$)+", ["ba"], ["ab"]),
        (r"[\]\\a-]", ["]", "\\", "-", "a"], ["b"]),
    ],
)
def test_finds(pattern, found, not_found):
    regex = compile_regex(pattern)
    assert [text for text in found if not regex(text)] == []
    assert [text for text in not_found if regex(text)] == []


@pytest.mark.parametrize(
    ("pattern", "position", "reason"),
    [
        ("a(b", 1, "not closed"),
        ("ab)", 2, "not opened"),
        ("[ab", 3, "not closed"),
        ("[]", 0, "empty"),
        ("[z-a]", 0, "wrong way round"),
        (r"[\d-z]", 0, "wrong way round"),
        ("*a", 0, "nothing to repeat"),
        ("a{x}", 1, "nothing to repeat"),
        ("a**", 2, "quantifier follows"),
        ("a*+", 2, "quantifier follows"),
        ("a{3,2}", 1, "wrong way round"),
        ("a{999}", 1, "more than 200"),
        (r"(a)\1", 3, "not supported"),
        (r"\bfoo", 0, "not supported"),
        ("(?=a)", 0, "look-around"),
        ("(?<!a)", 0, "look-around"),
        ("(?P<n>a)", 0, "look-around"),
        ("a(?i)b", 1, "no flags"),
        ("a\\", 1, "backslash"),
        ("((a{200}){200}){200}", 0, "states"),
        ("((((){200}){200}){200}){200}", 0, "states"),
        ("(" * 100 + ")" * 100, 32, "deep"),
    ],
)
def test_refuses_what_it_does_not_support(pattern, position, reason):
    with pytest.raises(QueryError, match=reason) as caught:
        compile_regex(pattern, 10)
    assert abs(caught.value.position - 10 - position) <= 1


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*$", "(a*)*b", "(a|aa)+$", ".*a.*a.*a.*a.*b", "(.*)*x", "a*a*a*a*a*a*a*b",
     "(a?){50}a{50}b", "([a-z]+)*!"],
)  # fmt: skip
def test_catastrophic_patterns_are_linear(pattern):
    regex = compile_regex(pattern)
    began = time.process_time()
    regex("a" * 20_000 + "c")
    assert time.process_time() - began < 1.0


def test_the_cache_of_sets_is_bounded():
    states = compile_states(parse_regex("[^x].{10}x", 0).part, 0)
    automaton = Automaton(states, re.RegexFlag(0))
    text = "".join(chr(0x4E00 + i * 7919 % 20_000) for i in range(60_000))
    assert not automaton.found(text)
    assert automaton._steps <= 50_000
    assert automaton.found(text + "x")


PIECES = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "é", "^", "$", "(a|b)", r"\.", ""])
PATTERNS = st.recursive(
    PIECES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)


@given(PATTERNS, st.text("ab.é\n", max_size=8), st.booleans())
def test_means_the_same_as_re(pattern, text, ignore_case):
    pattern = ("(?i)" if ignore_case else "") + pattern
    oracle = re.search(pattern.replace("$", r"\Z"), text) is not None
    assert compile_regex(pattern)(text) is oracle
    syntax = parse_regex(pattern, 0)
    flags = re.IGNORECASE if ignore_case else re.RegexFlag(0)
    assert Automaton(compile_states(syntax.part, 0), flags).found(text) is oracle


@given(st.text(st.sampled_from("ab(){}[]*+?|^$\\.-,19dxu:iP<"), max_size=30))
def test_garbage_is_a_query_error_or_works(pattern):
    try:
        regex = compile_regex(pattern)
    except QueryError:
        return
    assert regex("ab") in (True, False)
