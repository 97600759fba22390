"""`| sequence`: parsed, written back, said in English, resolved, and what it reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import QueryError
from whodid.limits import SEQUENCE_SPAN_US_MAX, SEQUENCE_STEPS_MAX
from whodid.query.countable import why_not_sorted
from whodid.query.fields import SEARCH_FIELDS, TEXT_COLUMNS
from whodid.query.names import RAW, columns_named, named
from whodid.query.own import hides_own
from whodid.query.parse import parse
from whodid.query.parse_sequence import end_of_step
from whodid.query.phrase import query_sentence
from whodid.query.pipes import Limit
from whodid.query.render import to_text
from whodid.query.render_pipes import query_text
from whodid.query.rights import restrict, rights
from whodid.query.times import resolve
from whodid.query.tree import Everything, Not, Query, Sequence, Term, Text, all_of, any_of

SECOND_US = 1_000_000


def test_the_whole_of_it():
    query = parse(
        "source:crm |SEQUENCE BY Session [access:authenticate]->[a OR -(b c)] -> [rows:[1 TO 5]]"
        " WITHIN 1h30m | limit 5"
    )
    assert query.sequence == Sequence(
        "session",
        (
            Term("access", "has", "authenticate"),
            parse("a OR -(b c)").filter,
            parse("rows:[1 TO 5]").filter,
        ),
        5400 * SECOND_US,
    )
    assert (query.filter, query.limit) == (Term("source", "has", "crm"), Limit(5))
    assert [step.position for step in query.sequence.steps if isinstance(step, Term)] == [33, 73]


@pytest.mark.parametrize(
    ("text", "position", "suggestion", "reason"),
    [
        ("| sequence", 10, None, "needs a field"),
        ("| sequence actor [a] -> [b] within 5m", 11, None, "needs a field"),
        ("| sequence by actr [a] -> [b] within 5m", 14, "actor", "unknown field"),
        ("| sequence by resource [a] -> [b] within 5m", 14, None, "several of 'resource'"),
        ("| sequence by message [a] -> [b] within 5m", 14, None, "kept with the events"),
        ("| sequence by time [a] -> [b] within 5m", 14, None, "is a time"),
        ("| sequence by _erased [a] -> [b] within 5m", 14, None, "true or false"),
        ("| sequence by actor a -> b within 5m", 20, None, "written in [ ]"),
        ("| sequence by actor [a] within 5m", 24, "->", "two steps or more"),
        ("| sequence by actor [a] -> within 5m", 27, None, "written in [ ]"),
        ("| sequence by actor [] -> [b] within 5m", 20, None, "[*] is any event"),
        ("| sequence by actor [a -> [b] within 5m", 20, None, "not closed with ]"),
        ('| sequence by actor [a"] -> [b] within 5m', 20, None, "not closed with ]"),
        ("| sequence by actor [a | b] -> [c] within 5m", 23, None, "no pipes"),
        ("| sequence by actor [a] -> [(b] within 5m", 28, None, "bracket is not closed"),
        ("| sequence by actor [a] -> [b)] within 5m", 29, None, "not opened"),
        ("| sequence by actor [a] -> [actr:b] within 5m", 28, "actor", "unknown field"),
        ("| sequence by actor [a] -> [b]", 30, None, "within what time"),
        ("| sequence by actor [a] -> [b] within", 37, None, "no length of time"),
        ("| sequence by actor [a] -> [b] within 0s", 38, None, "1s to 30d"),
        ("| sequence by actor [a] -> [b] within 31d", 38, None, "1s to 30d"),
        ("| sequence by actor [a] -> [b] within 5", 38, None, "no length of time"),
        ("| sequence by actor [a] -> [b] within 5m x", 41, None, "does not belong here"),
        ("| sequence by actor [a] -> [b] within 5m | sort time", 41, None, "cannot be sorted"),
        ("| sequence by actor [a] -> [b] within 5m | stats count()", 41, None, "cannot stand here"),
        ("| stats count() | sequence by ip [a] -> [b] within 5m", 16, None, "not of a table"),
        ("| sequence by ip" + " -> [a]" * 2, 17, None, "written in [ ]"),
    ],
)
def test_errors_have_a_position(text, position, suggestion, reason):
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.position, caught.value.suggestion) == (position, suggestion)
    assert reason in str(caught.value)


def test_bounds():
    steps = " -> ".join(["[a]"] * SEQUENCE_STEPS_MAX)
    assert len(parse(f"| sequence by ip {steps} within 30d").sequence.steps) == SEQUENCE_STEPS_MAX
    with pytest.raises(QueryError, match="at most 5 steps"):
        parse(f"| sequence by ip {steps} -> [a] within 5m")
    with pytest.raises(QueryError, match="more than 256 terms"):
        parse(f"{'a ' * 200} | sequence by ip [{'b ' * 50}] -> [{'c ' * 50}] within 5m")


@pytest.mark.parametrize(
    ("text", "end"),
    [("[a]", 2), ("[a[0]]b]", 5), ('[a"]"]', 5), ('[a"\\"]"]', 7), ("[a", None), ('[a"]', None)],
)
def test_where_a_step_ends(text, end):
    assert end_of_step(text, 0) == end


# --- round trip ----------------------------------------------------------------------------------

_values = st.text(st.sampled_from('ab[]"\\ |>-*()') | st.characters(codec="utf-8"), max_size=6)
_words = _values.filter(lambda text: text.strip() and "\0" not in text)
_leaves = st.one_of(
    _words.map(Text),
    _words.map(lambda value: Term("actor", "has", value)),
    _words.map(lambda value: Term("statement", "is", value)),
    st.sampled_from(["rows:[1 TO *]", "time:[now-1d TO now]", "action:~[ab]*", "*", "ip:::1"]).map(
        lambda text: parse(text).filter
    ),
)
_nodes = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(all_of),
        st.lists(inner, min_size=2, max_size=3).map(any_of),
    ),
    max_leaves=4,
)
_sortable = [
    name
    for name, field in SEARCH_FIELDS.items()
    if why_not_sorted(field) is None and field.kind != "time"
]
_sequences = st.builds(
    Sequence,
    st.sampled_from(_sortable),
    st.lists(_nodes, min_size=2, max_size=SEQUENCE_STEPS_MAX).map(tuple),
    st.integers(1, SEQUENCE_SPAN_US_MAX // SECOND_US).map(lambda seconds: seconds * SECOND_US),
)


@given(_nodes, _sequences, st.none() | st.integers(1, 10_000).map(Limit))
def test_text_and_back(node, sequence, limit):
    query = Query(node, sequence=sequence, limit=limit)
    text = query_text(query)
    again = parse(text)
    assert again == query
    assert query_text(again) == text
    assert query_sentence(query)
    assert all(end_of_step(f"[{to_text(n)}]", 0) == len(to_text(n)) + 1 for n in sequence.steps)


@given(st.text(alphabet="| seqncby[]->within5m()\"'ator:", max_size=60))
def test_garbage_is_refused_with_a_place(text):
    found, place = None, 0
    try:
        found = parse("| sequence by actor [" + text)
    except QueryError as error:
        place = error.position
    assert 0 <= place <= len(text) + 21
    assert found is None or parse(query_text(found)) == found


SENTENCES = {
    "| sequence by session [access:authenticate outcome:success] -> [access:read] within 5m": (
        "log-ins that succeeded, then reads, within five minutes, with the same session"
    ),
    "source:crm | sequence by ip [outcome:denied] -> [*] within 1h | limit 5": (
        "events that were denied, then all events, within one hour, with the same ip, among "
        "events sent by crm, the newest 5"
    ),
    "| sequence by actor.session [actor:a time:today rows:>1] -> [x] within 90s": (
        "(events by a, today, that had more than 1 row), then events that mention “x”, "
        "within 90 seconds, with the same actor session"
    ),
}


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences(text):
    assert query_sentence(parse(text)) == SENTENCES[text]


# --- what is read --------------------------------------------------------------------------------

TEXT = "rows:>1 | sequence by ip [actor:a] -> [b] within 5m"


def test_every_field_that_it_reads_is_named():
    assert columns_named(parse(TEXT)) == {
        "rows", "ip", "actor.id", "actor.name", RAW, *TEXT_COLUMNS,
    }  # fmt: skip
    uses = {(item.column, item.use, item.position) for item in named(parse(TEXT))}
    assert {("ip", "group", 22), ("actor.id", "filter", 26), ("rows", "filter", 0)} <= uses


def test_rights_and_times_reach_the_steps():
    query = restrict(parse(TEXT), rights("source:crm", ["message"]))
    assert query.sequence.steps[1].without == {"message", RAW}
    assert Term("source", "has", "crm") in query.filter.items
    timed = parse("| sequence by ip [time:>now-1h] -> [*] within 5m")
    assert resolve(timed, 7).sequence.steps[0] != timed.sequence.steps[0]
    assert resolve(timed, 7).sequence.steps[1] == Everything()


def test_own_events_are_asked_for_in_a_step():
    assert hides_own(parse(TEXT))
    assert not hides_own(parse("| sequence by ip [service:whodid] -> [*] within 5m"))
    assert hides_own(parse("| sequence by ip [-service:whodid] -> [*] within 5m"))
