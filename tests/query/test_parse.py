import time

import pytest

from whodid.errors import QueryError
from whodid.limits import QUERY_CHARS_MAX, QUERY_DEPTH_MAX, QUERY_TERMS_MAX, REGEX_CHARS_MAX
from whodid.query.parse import parse
from whodid.query.times import DAY_US
from whodid.query.tree import (
    And,
    Everything,
    Network,
    Not,
    Or,
    Pattern,
    Range,
    Relative,
    Term,
    Text,
    all_of,
    any_of,
)
from whodid.query.values import one_address


def tree(text):
    return parse(text).filter


def has(field, value):
    return Term(field, "has", value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("*", Everything()),
        ("-*", Not(Everything())),
        ("alice", Text("alice")),
        ('"two words"', Text("two words")),
        (r'"a \"b\" \\ \n C:\temp"', Text('a "b" \\ \\n C:\\temp')),
        ("fail*", Text(Pattern(("fail", "")))),
        ("*a**b*", Text(Pattern(("", "a", "b", "")))),
        ('"my file"*.csv', Text(Pattern(("my file", ".csv")))),
        ('"a*b"', Text("a*b")),
        ("actor:alice", has("actor", "alice")),
        ("ACTOR:Alice", has("actor", "Alice")),
        ('actor:"Alice B"', has("actor", "Alice B")),
        ("actor:=Alice", Term("actor", "is", "Alice")),
        ("actor:=a*", Term("actor", "is", "a*")),
        ("actor:*", Term("actor", "exists")),
        ("actor:al*", has("actor", Pattern(("al", "")))),
        ("resource:/api/v1/users?x=1", has("resource", "/api/v1/users?x=1")),
        ("resource:/a[0]/b(c)", has("resource", "/a[0]/b(c)")),
        ("actor:CORP\\alice", has("actor", "CORP\\alice")),
        ("labels:missing:ip", has("labels", "missing:ip")),
        ("statement:count(*)", has("statement", Pattern(("count(", ")")))),
        ("action:~^(GET|POST)$", Term("action", "regex", "^(GET|POST)$")),
        ('action:~"^a b|c*"', Term("action", "regex", "^a b|c*")),
        ("ip:10.1.2.3", has("ip", Network("10.1.2.3"))),
        ("ip:10.1.2.3/8", has("ip", Network("10.0.0.0/8"))),
        ("ip:2001:DB8::/32", has("ip", Network("2001:db8::/32"))),
        ("ip:::1", has("ip", Network("::1"))),
        ("ip:::ffff:10.1.2.3", has("ip", Network("10.1.2.3"))),
        ("ip:::ffff:10.1.2.3/104", has("ip", Network("10.0.0.0/8"))),
        ("ip:::ffff:10.1.2.3/95", has("ip", Network("::fffe:0:0/95"))),
        (
            "ip:[::ffff:10.0.0.1 TO 10.0.0.9]",
            Term("ip", "range", Range(Network("10.0.0.1"), Network("10.0.0.9"))),
        ),
        ("ip:10.1.*", has("ip", Pattern(("10.1.", "")))),
        ("ip:[10.0.0.1 TO *]", Term("ip", "range", Range(Network("10.0.0.1"), None))),
        ("2001:db8::1", Text("2001:db8::1")),
        ("fe80::1", Text("fe80::1")),
        ("https://x.org/a?b=c:d", Text("https://x.org/a?b=c:d")),
        ("arn:aws:s3:::bucket", Text("arn:aws:s3:::bucket")),
        ("rows:1_000", has("rows", 1000)),
        ("rows:>-5", Term("rows", ">", -5)),
        ("rows:>=5", Term("rows", ">=", 5)),
        ("rows:<5", Term("rows", "<", 5)),
        ("rows:<=5", Term("rows", "<=", 5)),
        ("rows:[1 TO 5]", Term("rows", "range", Range(1, 5))),
        ("rows:[ 1  TO  * ]", Term("rows", "range", Range(1, None))),
        ("rows:[* TO *]", Term("rows", "exists")),
        (
            "time:[now-7d TO now]",
            Term("time", "range", Range(Relative(-7 * DAY_US), Relative())),
        ),
        ("_erased:true", has("_erased", True)),
        ("_Quarantined:FALSE", has("_quarantined", False)),
        ("a b", And((Text("a"), Text("b")))),
        ("a AND b", And((Text("a"), Text("b")))),
        ("a OR b c", Or((Text("a"), And((Text("b"), Text("c")))))),
        ("(a OR b) c", And((Or((Text("a"), Text("b"))), Text("c")))),
        ("((a b) (c))", And((Text("a"), Text("b"), Text("c")))),
        ("(a)(b)", And((Text("a"), Text("b")))),
        ("-a", Not(Text("a"))),
        ("NOT a b", And((Not(Text("a")), Text("b")))),
        ("NOT(a b)", Not(And((Text("a"), Text("b"))))),
        ("--a", Not(Not(Text("a")))),
        ("a-b", Text("a-b")),
        ("or and not", And((Text("or"), Text("and"), Text("not")))),
        ("ORDER", Text("ORDER")),
        ("actor:(a OR b)", Or((has("actor", "a"), has("actor", "b")))),
        ("rows:(>5 -7)", And((Term("rows", ">", 5), Not(has("rows", 7))))),
        ("labels:(missing:ip)", has("labels", "missing:ip")),
        ("actor:(a) b", And((has("actor", "a"), Text("b")))),
        ("access:READ", has("access", "READ")),
    ],
)
def test_reads(text, expected):
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "suggestion", "reason"),
    [
        ("actr:alice", 0, "actor", "unknown field 'actr' at 0, did you mean 'actor'?"),
        ("a  -status:ok", 4, "outcome", "unknown field 'status'"),
        ("zzzzqq:1", 0, None, "unknown field"),
        ("foo::bar", 0, None, "put it in quotes"),
        ("actor:", 6, None, "no value for 'actor'"),
        ("actor: alice", 6, None, "no value for 'actor'"),
        ('actor:""', 6, None, "no value"),
        ('""', 0, None, "nothing to search for"),
        ("rows:x", 5, None, "'rows' needs a whole number, not 'x'"),
        ("rows:1.5", 5, None, "whole number"),
        ("rows:9223372036854775808", 5, None, "whole number"),
        ("rows:1*", 5, None, "takes no wildcard"),
        ("rows:~1", 6, None, "':~' cannot be used with 'rows'"),
        ("actor:>m", 7, None, "':>' cannot be used with 'actor'"),
        ("actor:[a TO b]", 6, None, "cannot be used with 'actor'"),
        ("time:2026-13-01", 5, None, "needs a time"),
        ("time:2026-02-29", 5, None, "needs a time"),
        ("time:2026-01-01T24:00Z", 5, None, "needs a time"),
        ("time:10000-01-01", 5, None, "needs a time"),
        ("time:0001-01-01T00:00+10:00", 5, None, "needs a time"),
        ("time:now-7x", 5, None, "needs a time"),
        ("time:now-999999999w", 5, None, "needs a time"),
        ("time:[2026-02-01 TO 2026-01-01]", 5, None, "ends before it begins"),
        ("rows:[5 TO 1]", 5, None, "ends before it begins"),
        ("rows:[5 TO 1", 5, None, "not closed with ]"),
        ("rows:[5", 7, None, "TO is missing"),
        ("rows:[5]", 7, None, "TO is missing"),
        ("rows:[5 6]", 8, None, "TO is missing"),
        ("rows:[5 TO ]", 11, None, "an end is missing"),
        ("rows:[5 TO x]", 11, None, "whole number"),
        ("ip:1.2.3", 3, None, "needs an address"),
        ("ip:10.0.0.0/33", 3, None, "needs an address"),
        ("ip:[10.0.0.0/8 TO *]", 4, None, "no networks"),
        ("ip:[10.0.0.1 TO ::1]", 3, None, "ends before it begins"),
        ("outcome:sucess", 8, "success", "is never 'sucess'"),
        ("outcome:=Success", 9, "success", "is never"),
        ("_erased:maybe", 8, None, "true or false"),
        ('a "b', 2, None, "quote is not closed"),
        ("a (b", 2, None, "bracket is not closed"),
        ("a) b", 1, None, "not opened"),
        ("actor:(a resource:b)", 9, None, "a field within 'actor:( )'"),
        ("()", 1, None, "missing"),
        ("a OR", 4, None, "missing"),
        ("OR a", 0, None, "OR needs something before it"),
        ("a AND OR b", 6, None, "OR needs"),
        ("NOT", 3, None, "missing"),
        ("a - b", 2, None, "'-' needs something"),
        ("a ) | limit 3", 2, None, "not opened"),
        ("action:~(a", 8, None, "bracket is not closed"),
        ("action:~" + "a" * (REGEX_CHARS_MAX + 1), 8, None, "regular expression has more"),
        ("ab\0c", 2, None, "U+0000"),
        ("ab\ud800c", 2, None, "U+D800"),
    ],
)
def test_errors_have_a_position(text, position, suggestion, reason):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.suggestion == suggestion
    assert reason in str(caught.value)
    assert f"at {position}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "(" * (QUERY_CHARS_MAX // 2),
        "-" * (QUERY_CHARS_MAX // 2) + "a",
        "NOT " * 4000 + "a",
        "(" * 4000 + "a" + ")" * 4000,
        "(actor:" * 1000 + "a" + ")" * 1000,
        "a OR " * 3000 + "a",
        "a " * 8000,
        '"' + "\\" * (QUERY_CHARS_MAX - 2),
        '"a' * 8001,
        "rows:" + "9" * 16_000,
        "time:" + "9" * 16_000,
        "ip:" + ":" * 16_000,
        "x" * 16_000 + ":a",
        "outcome:" + "s" * 16_000,
        ":" * 8000 + "\0",
    ],
)
def test_hostile_texts_are_refused_quickly(text):
    began = time.process_time()
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert time.process_time() - began < 1.0
    assert len(str(caught.value)) < 400


def test_bounds_are_exact():
    parse("(" * QUERY_DEPTH_MAX + "a" + ")" * QUERY_DEPTH_MAX)
    with pytest.raises(QueryError, match="nested more than"):
        parse("(" * (QUERY_DEPTH_MAX + 1) + "a" + ")" * (QUERY_DEPTH_MAX + 1))
    parse("a " * QUERY_TERMS_MAX)
    with pytest.raises(QueryError, match="more than 256 terms"):
        parse("a " * (QUERY_TERMS_MAX + 1))
    parse("a" * QUERY_CHARS_MAX)


def test_positions_are_kept_and_do_not_count_in_equality():
    query = parse("a  actor:b")
    assert [item.position for item in query.filter.items] == [0, 3]
    assert query.text == "a  actor:b"
    assert query == parse("a actor:b")


def test_joining_keeps_the_normal_form():
    a, b, c = Text("a"), Text("b"), Text("c")
    assert all_of([]) == Everything()
    assert all_of([Everything(), a]) == a
    assert all_of([And((a, b)), Everything(), c]) == And((a, b, c))
    assert any_of([Or((a, b)), c]) == Or((a, b, c))
    assert any_of([a, Everything()]) == Everything()


def test_one_address():
    assert one_address("::ffff:10.0.0.1") == one_address("10.0.0.1") == Network("10.0.0.1")
    assert one_address("10.0.0.0/8") is None
