"""Rights as a part of the query: what is asked, what is looked into, what is shown."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import AccessDeniedError, QueryError, UsageError
from whodid.event import (
    FIELDS,
    GROUPS,
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
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import matcher
from whodid.query.names import RAW, named
from whodid.query.own import hides_own
from whodid.query.parse import parse
from whodid.query.rights import (
    EVERYTHING,
    NOTHING,
    UNDENIABLE,
    check_field,
    denied,
    restrict,
    rights,
    shown_groups,
    visible,
)

FULL = Event(
    When("0190", 2, 1, "then"),
    Who("a1", "alice", "user", "bob", "s1", ("staff",)),
    What("READ", "read", "table", "customers", "shop", ("pii",), ("orders",), "success", "y", 7, 8),
    Where("10.0.0.1", "h1", 1, "curl", ("10.9.9.9",)),
    Context("shop", "1", "/x", "c1", "t1", "p1", "r1", 5),
    Content("said", (Change("mail", "old", "new"),), "SELECT secret", ("hidden",)),
    b'{"statement":"SELECT secret","other":"native"}',
    Envelope("crm", "json", 1, "client", "n1", ("missing:ip",), "q", (Redaction(0, 1, "p"),), "o"),
)  # fmt: skip
DENIABLE = sorted(set(FIELDS) - UNDENIABLE)


@pytest.mark.parametrize("name", DENIABLE)
def test_a_denied_field_is_in_no_answer_and_in_no_question(name):
    reader = rights(None, [name])
    shown = visible(FULL, reader)
    for field in FIELDS:
        value = shown.field(field)
        if field == name:
            assert value in {None, ()}
        else:
            assert value == FULL.field(field) != ()
    assert shown.raw == b"", "which would show it"
    assert FIELDS[name][0] not in {GROUPS[number - 1][0] for number in shown_groups(reader)}
    for text in (f"{name}:*", f"-{name}:*", f"ip:10.0.0.1 OR NOT (access:read {name}:*)"):
        with pytest.raises(AccessDeniedError, match=f"'{name}'"):
            restrict(parse(text), reader)
    with pytest.raises(AccessDeniedError, match=f"'{name}'"):
        check_field(name, reader)
    for alias, field in SEARCH_FIELDS.items():
        if name in field.columns:
            with pytest.raises(AccessDeniedError, match=f"'{name}'"):
                restrict(parse(f"{alias}:*"), reader)
            with pytest.raises(AccessDeniedError, match=f"'{alias}'"):
                check_field(alias, reader)


@pytest.mark.parametrize(
    "text",
    ["| stats by (host) count()", "| stats by (resource) sum(rows)", "| stats count_distinct(host)",
     "access:read | stats by (access) max(rows)", "| sort -rows", "| sort host | limit 3"],
)  # fmt: skip
def test_a_denied_field_is_in_no_pipe(text):
    with pytest.raises(AccessDeniedError, match="withheld from you"):
        restrict(parse(text), rights(None, ["host", "rows"]))
    assert restrict(parse(text), rights(None, ["port"]))


def test_nobody_without_rights_asks_anything():
    for text in ("", "*", "actor:alice"):
        with pytest.raises(AccessDeniedError, match="reads no events"):
            restrict(parse(text), NOTHING)


def test_who_sees_everything_asks_what_he_typed():
    query = parse('alice statement:"SELECT" -rows:>3')
    assert restrict(query, EVERYTHING) is query
    assert visible(FULL, EVERYTHING) is FULL


@pytest.mark.parametrize("word", ["secret", "hidden", "native", "SEL*", '"SELECT secret"'])
def test_a_word_is_not_looked_for_in_what_is_withheld(word):
    reader = rights(None, ["statement", "params"])
    assert matcher(parse(word).filter)(FULL)
    assert not matcher(restrict(parse(word), reader).filter)(FULL)
    assert matcher(restrict(parse(f"-{word}"), reader).filter)(FULL)
    assert matcher(restrict(parse("customers"), reader).filter)(FULL)
    assert matcher(restrict(parse("old"), reader).filter)(FULL)


def test_raw_alone_is_withheld():
    reader = rights(None, ["raw"])
    assert visible(FULL, reader) == msgspec.structs.replace(FULL, raw=b"")
    assert not matcher(restrict(parse("native"), reader).filter)(FULL)
    assert matcher(restrict(parse("hidden"), reader).filter)(FULL)
    assert shown_groups(reader) == {1, 2, 3, 4, 5, 6, 8}


def test_groups_and_aliases_are_short_for_their_fields():
    assert denied(["content"]) == {"message", "changes", "statement", "params"}
    assert denied(["actor", " IP "]) == {"actor.id", "actor.name", "ip"}
    assert denied(["details"]) == denied(["raw"]) == {RAW}
    assert denied(["envelope"]).isdisjoint(UNDENIABLE)
    assert denied([]) == frozenset()


@pytest.mark.parametrize(
    ("name", "hint"),
    [("statment", "statement"), ("", "no field"), ("_redacted", "no field"), ("x" * 99, "no fi")],
)  # fmt: skip
def test_a_field_that_is_none_is_not_denied_silently(name, hint):
    with pytest.raises(UsageError, match=hint):
        denied([name])


@pytest.mark.parametrize("name", sorted(UNDENIABLE))
def test_some_fields_everybody_needs(name):
    with pytest.raises(UsageError, match="cannot be denied"):
        denied([name])


@pytest.mark.parametrize("text", ["word", "statement:x", "-reason:x", "source:a OR foo"])
def test_a_filter_of_rights_is_of_exact_fields(text):
    with pytest.raises(UsageError, match="exact fields"):
        rights(text, [])


def test_a_filter_of_rights_that_is_no_search():
    with pytest.raises(QueryError):
        rights("sorce:x", [])


def test_own_events_are_seen_only_when_the_filter_names_them():
    own = msgspec.structs.replace(FULL, envelope=Envelope("whodid", "own"))
    for text, sees in [(None, False), ("source:crm", False), ("rows:>1", False),
                       ("source:whodid", True), ("source:crm OR source:whodid", True)]:  # fmt: skip
        reader = rights(text, [], own=False)
        assert matcher(restrict(parse(""), reader).filter)(own) is sees, text
    # the rights do not ask for them in the reader's place
    assert hides_own(restrict(parse("actor:alice"), rights("source:whodid", [])))
    assert not hides_own(restrict(parse("source:whodid"), rights("source:whodid", [])))


WORDS = ["alice", "secret", "hidden", "native", "old", "shop", "customers", "s*", "nothing"]
FREE = sorted(set(SEARCH_FIELDS) - {name for name, f in SEARCH_FIELDS.items() if f.kind == "state"})
LEAVES = st.sampled_from(WORDS) | st.sampled_from(FREE).map(lambda name: f"{name}:*")
TEXTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda text: f"-({text})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda texts: f"({' '.join(texts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda texts: f"({' OR '.join(texts)})"),
    ),
    max_leaves=6,
)
FILTERS = st.sampled_from([None, "source:crm", "-source:crm", "rows:>5", "actor:alice", "ip:11.*"])


@settings(max_examples=200, deadline=None)
@given(TEXTS, FILTERS, st.sets(st.sampled_from([*DENIABLE, RAW]), max_size=5))
def test_what_rights_leave_is_what_a_smaller_event_would_answer(text, filter_text, names):
    reader = rights(filter_text, names)
    query = parse(text)
    try:
        restricted = restrict(query, reader)
    except AccessDeniedError:
        asked = {item.column for item in named(query) if item.use != "words"}
        assert asked & names
        return
    sees = reader.filter is None or matcher(reader.filter)(FULL)
    assert matcher(restricted.filter)(FULL) == (
        sees and matcher(query.filter)(visible(FULL, reader))
    )
