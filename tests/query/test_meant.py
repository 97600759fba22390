"""What people type who know other languages: what is suggested, and that nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.query.test_reference import EXAMPLES

from whodid.errors import QueryError
from whodid.query.elsewhere import FIELDS_ELSEWHERE, value_elsewhere
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.meant import meant, mended
from whodid.query.parse import parse

UNDERSTOOD = {
    'user = "alice"': 'user:"alice"',
    'user="alice"': 'user:"alice"',
    "user='alice'": 'user:"alice"',
    "user == alice": "user:alice",
    "user:'alice smith'": 'user:"alice smith"',
    "actor:“alice smith”": 'actor:"alice smith"',
    "“permission denied”": '"permission denied"',
    "actor:(alice, bob)": "actor:(alice OR bob)",
    "actor IN (alice, bob)": "actor:(alice OR bob)",
    'actor in ("a b", c)': 'actor:("a b" OR c)',
    "rows>1000": "rows:>1000",
    "rows >= 1000": "rows:>=1000",
    "rows > 10k": "rows:>10000",
    "duration>5s": "duration_us:>5000000",
    "actor : alice": "actor:alice",
    "actor :alice rows:>5": "actor:alice rows:>5",
    "not actor:alice": "NOT actor:alice",
    "actor:alice and rows:>5": "actor:alice AND rows:>5",
    "alice or bob": "alice OR bob",
    "actor:(alice or bob)": "actor:(alice OR bob)",
    "actor:alice && rows:>5": "actor:alice AND rows:>5",
    "!actor:alice": "-actor:alice",
    "actor!=alice": "-actor:alice",
    "actor:!alice": "-actor:alice",
    "last 24h": "time:>now-24h",
    "outcome:denied last 7 days": "outcome:denied time:>now-7d",
    "earliest=-24h": "time:>=now-24h",
    "time:now-24h": "time:>now-24h",
    "time:2026-11-01 10:00": "time:2026-11-01T10:00",
    "*:*": "*",
    "actor:/ali.*/": 'actor:~"ali.*"',
    "stats by actor": "| stats by actor",
    "actor.id = alice AND (rows > 5 OR bytes > 1)": "actor.id:alice AND (rows:>5 OR bytes:>1)",
    "actor=alice | stats by (resource) count()": "actor:alice | stats by (resource) count()",
}
NOT_UNDERSTOOD = {
    "actor: alice": "actor:alice",
    "rows:> 1000": "rows:>1000",
    "actor:alice || actor:bob": "actor:alice OR actor:bob",
    "actor:alice|bob": "actor:(alice OR bob)",
    "actor:[alice, bob]": "actor:(alice OR bob)",
    "- actor:alice": "-actor:alice",
    '"alice': '"alice"',
    "(actor:alice": "(actor:alice)",
    "actor:alice)": "actor:alice",
    "(actor:alice | limit 5": "(actor:alice) | limit 5",
    "alice AND": "alice",
    "OR alice": "alice",
    "time:24h": "time:>now-24h",
    "time:<-24h": "time:<now-24h",
    "time:last 3 hours": "time:>now-3h",
    "time:[now-24h,now]": "time:[now-24h TO now]",
    "time:[now-24h TO]": "time:[now-24h TO *]",
    "time:[2026-11-01 to 2026-11-02]": "time:[2026-11-01 TO 2026-11-02]",
    "time:{2026-11-01 TO 2026-11-02}": "time:[2026-11-01 TO 2026-11-02]",
    "time:2026-11-01..2026-11-02": "time:[2026-11-01 TO 2026-11-02]",
    "since:yesterday": "time:>=yesterday",
    "@timestamp:>now-1d": "time:>now-1d",
    "ip:10.0.0.0-10.0.0.255": "ip:[10.0.0.0 TO 10.0.0.255]",
    "src_ip:10.0.0.1": "ip:10.0.0.1",
    "from:10.0.0.1": "ip:10.0.0.1",
    "rows:1,000": "rows:1000",
    "rows:123,456,789,012,345,677": "rows:123456789012345677",
    "bytes:>10MB": "bytes:>10000000",
    "bytes:>1.5KiB": "bytes:>1536",
    "rows:null": "-rows:*",
    "_exists_:rows": "rows:*",
    "outcome:error": "outcome:failure",
    "access:login": "access:authenticate",
    "status:forbidden": "outcome:denied",
    "username:alice status:ok": "actor:alice outcome:success",
    "actor:alice | head 5": "actor:alice | limit 5",
    "actor:alice | count": "actor:alice | stats count()",
    "| stats count by actor": "| stats count() by actor",
    "alice | top 5 resource": "alice | stats by (resource) count() | limit 5",
    "alice | sort by time desc": "alice | sort -time",
    "alice | where rows > 10": "alice rows:>10",
    "alice | table actor, resource": "alice",
    "alice | dedup actor": "alice | stats by (actor) count()",
}
PLAIN = (
    "", "*", "alice", "*foo*", "ip:10.0.0.0/8", "actor:alice,bob", 'message:"a or b"',
    '"user=alice"',
    'actor:~"rows>5"', "GET /a?user=x&b=1", "don't panic", "a-b", "ssh-rsa and", "x=1", "-rows",
    "https://example.com/?user=alice", "statement:\"a && b\" 'tis", "CN=a,OU=b", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize(("typed", "wanted"), UNDERSTOOD.items())
def test_a_search_that_means_something_else_is_told_of(typed, wanted):
    found = meant(parse(typed))
    assert found is not None
    assert found.text == wanted
    assert found.reasons
    assert meant(parse(found.text)) is None


@pytest.mark.parametrize(("typed", "wanted"), NOT_UNDERSTOOD.items())
def test_a_search_that_is_not_understood_is_mended(typed, wanted):
    with pytest.raises(QueryError) as caught:
        parse(typed)
    found = mended(typed, caught.value)
    assert found is not None
    assert found.text == wanted
    parse(found.text)


@pytest.mark.parametrize("typed", PLAIN)
def test_what_is_meant_as_typed_is_left_alone(typed):
    assert meant(parse(typed)) is None


def test_no_query_of_the_reference_has_a_habit():
    assert len(EXAMPLES) > 20
    assert {text: meant(parse(text)) for text in EXAMPLES} == dict.fromkeys(EXAMPLES)


@pytest.mark.parametrize("typed", ["OR", "NOT", "actor:", "severity:high", "actor:alice | limit"])
def test_what_nobody_can_guess_gets_no_suggestion(typed):
    with pytest.raises(QueryError) as caught:
        parse(typed)
    assert mended(typed, caught.value) is None


def test_names_of_other_systems_lead_to_fields_and_are_none():
    assert set(FIELDS_ELSEWHERE.values()) <= set(SEARCH_FIELDS)
    assert not set(FIELDS_ELSEWHERE) & set(SEARCH_FIELDS)
    for field in ("outcome", "access", "actor.type"):
        values = SEARCH_FIELDS[field].values
        assert all(value_elsewhere(field, value) is None for value in values)


PIECES = st.sampled_from(
    [*UNDERSTOOD, *NOT_UNDERSTOOD, *PLAIN, "|", "(", ")", "[", "]", '"', "'", "“", "OR", " ", ":",
     ":~", "-", ">", "=", "now", "TO", "{", "}", "actor", "rows", ",", "\\", "last", "\n", "é"]
)  # fmt: skip


def _reached(text):
    """Return the search, and how far the parser came."""
    try:
        return parse(text), len(text)
    except QueryError as error:
        return error, error.position


@given(st.lists(PIECES, max_size=8).map("".join) | st.lists(PIECES, max_size=8).map(" ".join))
def test_a_suggestion_is_always_better(text):
    read, reached = _reached(text)
    found = mended(text, read) if isinstance(read, QueryError) else meant(read)
    if found is not None:
        again, further = _reached(found.text)
        if isinstance(read, QueryError):
            assert further > reached or not isinstance(again, QueryError)
        else:
            assert again != read
            assert not isinstance(again, QueryError)


@pytest.mark.parametrize(
    "piece",
    [
        "a in (",
        "rows:[",
        "time:{a ",
        "'",
        "“",
        "a=",
        "rows > ",
        "last ",
        "a:b|",
        "actor:(a, ",
        "| sort ",
    ],
)
def test_long_texts_are_not_guessed_at(piece):
    text = piece * (16_000 // len(piece))
    try:
        query = parse(text)
    except QueryError as error:
        mended(text, error)
    else:
        assert meant(query) is None
