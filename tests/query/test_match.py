"""The matcher against a naive evaluator that shares no code with it, on random trees and events."""

import ipaddress
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import QueryError
from whodid.event import (
    FIELDS,
    Change,
    Content,
    Context,
    Envelope,
    Event,
    Redaction,
    What,
    When,
    Where,
    Who,
)
from whodid.query.fields import SEARCH_FIELDS, STATES, TEXT_COLUMNS
from whodid.query.match import matcher, needs_raw, split, term_columns, texts_of, value_predicate
from whodid.query.parse import parse
from whodid.query.render import to_text
from whodid.query.sentence import event_parts, event_sentence, query_sentence
from whodid.query.times import resolve, resolve_node, time_bounds
from whodid.query.tree import (
    And,
    Everything,
    Network,
    Not,
    Or,
    Pattern,
    Range,
    Relative,
    Span,
    Term,
    Text,
    all_of,
    any_of,
)
from whodid.query.words import within_raw

NOW_US = 1_795_343_400_000_000

# --- events ------------------------------------------------------------------------------------
WORDS = st.sampled_from(
    ["alice", "Alice", "bob", "FILE_UPLOAD", "read", "customers.csv", "Straße", "STRASSE", "a b",
     "/api/v1/users?x=1", "foo-bar_baz", "foobar", "", "10.1.2.3", "éa", "\u017ft", "a\nb", "1"]
)  # fmt: skip
MAYBE = st.none() | WORDS
MANY = st.lists(WORDS, max_size=3).map(tuple)
NUMBER = st.none() | st.sampled_from([-1, 0, 1, 5, 1000, 2**62])
TIMES = st.sampled_from([NOW_US, NOW_US - 86_400_000_000, 0, 1, NOW_US // 2])
IPS = st.sampled_from(["10.1.2.3", "10.255.0.0", "11.0.0.1", "2001:db8::1", "::ffff:10.1.2.3", "x"])
EVENTS = st.builds(
    Event,
    when=st.builds(When, id=WORDS, received=TIMES, time=st.none() | TIMES, original_time=MAYBE),
    who=st.builds(
        Who, actor_id=MAYBE, actor_name=MAYBE, actor_on_behalf_of=MAYBE, actor_groups=MANY,
        actor_type=st.sampled_from([None, "user", "agent"]),
    ),
    what=st.builds(
        What, action=MAYBE, access=st.sampled_from([None, "read", "authenticate", "execute"]),
        resource_name=MAYBE, resources=MANY, rows=NUMBER, reason=MAYBE, resource_type=MAYBE,
        outcome=st.sampled_from([None, "success", "failure", "denied"]),
    ),
    where=st.builds(Where, ip=st.none() | IPS, host=MAYBE, agent=MAYBE, via=MANY),
    context=st.builds(Context, service_name=st.sampled_from([None, "nginx", "whodid", "sudo"])),
    content=st.builds(
        Content, message=MAYBE, statement=MAYBE, params=MANY,
        changes=st.lists(st.builds(Change, field=WORDS, before=MAYBE), max_size=2).map(tuple),
    ),
    raw=st.one_of(
        WORDS.map(str.encode), WORDS.map(lambda text: json.dumps({"x": text}).encode()),
        st.binary(max_size=5), st.just(rb"\\tmp \nfoo \x22a\u00e9\ud83d\ude00 \u12 \ud83d"),
    ),
    envelope=st.builds(
        Envelope, source=st.sampled_from(["nginx", "whodid"]), format=st.just("json"),
        labels=MANY, quarantine=MAYBE,
        redactions=st.sampled_from([(), (Redaction(0, 3, "password"),)]),
    ),
)  # fmt: skip

# --- trees -------------------------------------------------------------------------------------
LITERALS = st.sampled_from(
    ["alice", "ALICE", "foo", "bar", "foo-bar", "strasse", "upload", "a b", "users?x", "b", "é",
     "/api", "-", "10.1.2.3", "st", "\U0001f600", "tmp", "nfoo", "1", 'q"\\', "OR", "actor:x"]
)  # fmt: skip
LITERALS |= st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=6
)
PATTERNS = st.tuples(
    st.sampled_from(["", "f", "a"]),
    st.lists(st.sampled_from(["a", "foo", "b", "r", "é", "s t"]), min_size=1, max_size=3),
    st.sampled_from(["", "z", "b"]),
).map(lambda parts: Pattern((parts[0], *parts[1], parts[2])))
VALUES = LITERALS | PATTERNS
MOMENTS = st.sampled_from(
    [Span(0, 1), Span(NOW_US, NOW_US + 1), Span(0, 86_400_000_000), Relative(),
     Relative(-1_000_000), Relative(0, day=True), Relative(-86_400_000_000, day=True),
     Relative(-694_861_000_000)]
)  # fmt: skip
NETWORKS = st.sampled_from(["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "::1", "0.0.0.0/0"]).map(
    Network
)
ADDRESSES = st.sampled_from(["10.0.0.0", "10.1.2.3"]).map(Network)
INTEGERS = st.sampled_from([-1, 0, 1, 5, 999, 2**62])
COMPARISONS = st.sampled_from([">", ">=", "<", "<=", "has", "is"])
NAMES = {
    kind: st.sampled_from([name for name, field in SEARCH_FIELDS.items()
                           if field.kind == kind and (kind == "state" or not field.values)])
    for kind in ("exact", "words", "integer", "time", "ip", "state")
}  # fmt: skip


def ranges(ends, *, fits=lambda low, high: True):
    both = st.tuples(ends, ends).filter(lambda two: fits(*two)).map(lambda two: Range(*two))
    return both | ends.map(lambda end: Range(end, None)) | ends.map(lambda end: Range(None, end))


TEXT_NAMES = NAMES["exact"] | NAMES["words"]
TERMS = st.one_of(
    st.builds(Term, TEXT_NAMES, st.just("has"), VALUES),
    st.builds(Term, TEXT_NAMES, st.just("is"), LITERALS | WORDS.filter(bool)),
    st.builds(Term, TEXT_NAMES | NAMES["ip"], st.just("regex"),
              st.sampled_from(["^a", "b$", "(?i)ALICE|foo", 'x"', r"\d+\.\d"])),
    st.builds(Term, st.sampled_from(sorted(SEARCH_FIELDS)), st.just("exists")),
    st.builds(Term, NAMES["integer"], COMPARISONS, INTEGERS),
    st.builds(Term, NAMES["integer"], st.just("range"),
              ranges(INTEGERS, fits=lambda low, high: low <= high)),
    st.builds(Term, NAMES["time"], COMPARISONS, MOMENTS),
    st.builds(Term, NAMES["time"], st.just("range"),
              ranges(MOMENTS.filter(lambda end: isinstance(end, Relative)))),
    st.builds(Term, NAMES["ip"], st.just("has"), NETWORKS | PATTERNS),
    st.builds(Term, NAMES["ip"], st.just("is"), NETWORKS),
    st.builds(Term, NAMES["ip"], st.just("range"),
              ranges(ADDRESSES, fits=lambda low, high: low.text <= high.text)),
    st.builds(Term, NAMES["state"], st.just("has"), st.booleans()),
    st.builds(Term, st.just("access"), st.just("has"), st.sampled_from(["read", "READ"])),
    st.builds(Term, st.just("outcome"), st.just("has"), st.sampled_from(["success", "denied"])),
)  # fmt: skip
TREES = st.recursive(
    TERMS | VALUES.map(Text) | st.just(Everything()),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=1, max_size=3).map(all_of),
        st.lists(inner, min_size=1, max_size=3).map(any_of),
    ),
    max_leaves=8,
)


# --- a naive evaluator -------------------------------------------------------------------------
def naive(node, event):
    match node:
        case Everything():
            return True
        case Not():
            return not naive(node.item, event)
        case And():
            return all(naive(item, event) for item in node.items)
        case Or():
            return any(naive(item, event) for item in node.items)
        case Text():
            texts = [text for name in TEXT_COLUMNS for text in texts_of(event.field(name))]
            texts.append(event.raw.decode("utf-8", "replace"))
            texts.append(naive_unescape(event.raw))
            return any(naive_word(node.value, text) for text in texts)
    return naive_term(node, event)


def naive_unescape(raw):
    text = raw.decode("latin-1")
    out = b""
    while text:
        if match := re.match(r"\\u([dD][89abAB]..)\\u([dD][c-fC-F]..)", text):
            pair = bytes.fromhex(match[1]) + bytes.fromhex(match[2])
            out += pair.decode("utf-16-be").encode()
        elif match := re.match(r"\\u([0-9a-fA-F]{4})", text):
            out += chr(int(match[1], 16)).encode("utf-8", "replace")
        elif match := re.match(r"\\x([0-9a-fA-F]{2})", text):
            out += bytes.fromhex(match[1])
        elif match := re.match(r"\\(.)", text, re.DOTALL):
            out += {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(
                match[1], match[1]
            ).encode("latin-1")
        else:
            match = re.match(r".", text, re.DOTALL)
            out += match[0].encode("latin-1")
        text = text[match.end() :]
    return out.decode("utf-8", "replace")


def naive_pieces(value):
    return [p.casefold() for p in (value.pieces if isinstance(value, Pattern) else [value])]


def naive_word(value, text):
    pieces = naive_pieces(value)
    pattern = "(?:.|\n)*".join(re.escape(piece) for piece in pieces)
    literal = "".join(pieces)
    if pieces[0] and literal[0].isalnum():
        pattern = r"(?<![^\W_])" + pattern
    if pieces[-1] and literal[-1].isalnum():
        pattern += r"(?![^\W_])"
    return re.search(pattern, text.casefold()) is not None


def naive_term(term, event):
    field = SEARCH_FIELDS[term.field]
    if field.kind == "state":
        holds = {
            "_quarantined": event.envelope.quarantine is not None,
            "_redacted": event.envelope.redactions != (),
        }.get(term.field, False)
        return holds is (True if term.op == "exists" else term.value)
    values = [event.field(name) for name in field.columns]
    if term.field == "time" and term.op != "exists":
        values = [event.when.received if event.when.time is None else event.when.time]
    elif term.field == "time":
        values = values[:1]
    if term.op == "exists":
        return any(value not in (None, ()) for value in values)
    single = []
    for value in values:
        if isinstance(value, int):
            single.append(value)
        else:
            single += texts_of(value)
    return any(naive_value(term, field.kind, value) for value in single)


def naive_value(term, kind, value):
    wanted = term.value
    if term.op == "regex":
        return re.search(wanted, value) is not None
    if kind == "ip" and not isinstance(wanted, Pattern):
        low, high = (wanted.low, wanted.high) if isinstance(wanted, Range) else (wanted, wanted)
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        version = ipaddress.ip_network((low or high).text).version
        if version == 4 and getattr(address, "ipv4_mapped", None):
            address = address.ipv4_mapped
        return address.version == version and (
            (low is None or address >= ipaddress.ip_network(low.text)[0])
            and (high is None or address <= ipaddress.ip_network(high.text)[-1])
        )
    if kind in {"integer", "time"}:
        low, high = wanted, wanted
        if isinstance(wanted, Range):
            low, high = wanted.low, wanted.high
        first = getattr(low, "start_us", low)
        last = high.end_us - 1 if isinstance(high, Span) else high
        return {
            ">": lambda: value > (low.end_us - 1 if isinstance(low, Span) else low),
            ">=": lambda: value >= first,
            "<": lambda: value < first,
            "<=": lambda: value <= last,
        }.get(
            term.op,
            lambda: (first is None or value >= first) and (last is None or value <= last),
        )()
    if term.op == "is":
        return value == wanted
    if kind == "words":
        return naive_word(wanted, value)
    pattern = "(?:.|\n)*".join(re.escape(piece) for piece in naive_pieces(wanted))
    return re.fullmatch(pattern, value.casefold()) is not None


# --- properties --------------------------------------------------------------------------------
@settings(max_examples=150, deadline=None)
@given(TREES, st.lists(EVENTS, min_size=1, max_size=4))
def test_matches_as_the_naive_evaluator(tree, events):
    check_against_naive(tree, events)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(TREES, st.lists(EVENTS, min_size=1, max_size=4))
def test_matches_as_the_naive_evaluator_at_length(tree, events):
    check_against_naive(tree, events)


def check_against_naive(tree, events):
    node = resolve_node(tree, NOW_US)
    matches = matcher(node)
    low, high = time_bounds(node)
    columns, rows = map(matcher, split(node))
    for event in events:
        expected = naive(node, event)
        assert matches(event) is expected
        assert (columns(event) and rows(event)) is expected
        time_us = event.when.received if event.when.time is None else event.when.time
        if expected:
            assert low is None or low <= time_us
            assert high is None or time_us < high
    assert not needs_raw(split(node)[0])


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_a_tree_survives_its_text(tree):
    text = to_text(tree)
    assert parse(text).filter == tree
    assert to_text(parse(text).filter) == text
    assert query_sentence(parse(text))


@settings(deadline=None)
@given(st.text(st.sampled_from('ab"\\ ()[]*|:=~<>-.OR TONTactorwstime0129/,@é\n'), max_size=40))
def test_any_text_is_an_error_or_survives(text):
    try:
        query = parse(text)
    except QueryError as error:
        if not 0 <= error.position <= len(text):
            raise AssertionError("position outside the text") from error
        return
    assert parse(to_text(query.filter)) == query
    matcher(resolve(query, NOW_US).filter)


@settings(deadline=None)
@given(TERMS, EVENTS)
def test_a_term_is_its_value_predicate_over_its_columns(term, event):
    term = resolve_node(term, NOW_US)
    columns = term_columns(term)
    assert set(columns) <= set(FIELDS)
    if not columns:
        assert term.field in STATES
        return
    values = [event.field(name) for name in columns]
    if columns == ("time", "received"):
        values = [next(value for value in values if value is not None)]
    predicate = value_predicate(term)
    assert any(predicate(value) for value in values) is matcher(term)(event)


@settings(deadline=None)
@given(EVENTS)
def test_every_event_has_a_sentence(event):
    sentence = event_sentence(event)
    assert 3 < len(sentence) < 700
    assert sentence.isprintable()
    assert "".join(text for _, text in event_parts(event)) == sentence
    assert {kind for kind, _ in event_parts(event)} <= {"actor", "verb", "resource", "plain"}


@pytest.mark.parametrize("op", [">", ">=", "<", "<=", "has", "is"])
def test_every_comparison_at_its_edges(op):
    numbers = (-1, 0, 1, 4, 5, 6)
    for name, kind, wanted in [
        *(("rows", "integer", number) for number in numbers),
        *(("time", "time", Span(low, low + width)) for low in numbers for width in (1, 3)),
    ]:
        term = Term(name, op, wanted)
        predicate = value_predicate(term)
        assert not predicate(None)
        for number in range(-3, 12):
            assert predicate(number) is naive_value(term, kind, number), (term, number)


def test_every_range_at_its_edges():
    ends = (None, -1, 0, 5)
    for low in ends:
        for high in ends:
            if low is None and high is None:
                continue
            term = Term("rows", "range", Range(low, high))
            spans = [None if end is None else Span(end, end + 3) for end in (low, high)]
            times = Term("time", "range", Range(*spans))
            for number in range(-3, 12):
                assert value_predicate(term)(number) is naive_value(term, "integer", number)
                assert value_predicate(times)(number) is naive_value(times, "time", number)


SMALL = st.text("ab_ A.", max_size=9)
SMALL_PATTERNS = st.builds(
    lambda first, middle, last: Pattern((first, *middle, last)),
    st.text("ab_.", max_size=2),
    st.lists(st.text("ab_.", min_size=1, max_size=2), max_size=2),
    st.text("ab_.", max_size=2),
).filter(lambda pattern: any(pattern.pieces))


@settings(max_examples=1500, deadline=None)
@given(st.text("ab_.", min_size=1, max_size=4) | SMALL_PATTERNS, SMALL)
def test_words_and_wildcards_at_their_edges(value, text):
    assert value_predicate(Term("message", "has", value))(text) is naive_word(value, text)
    exact = Term("action", "has", value)
    assert value_predicate(exact)(text) is naive_value(exact, "exact", text)
    assert within_raw(value)(text.encode()) is naive_word(value, text)
