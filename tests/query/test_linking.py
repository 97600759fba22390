"""Ids that an event states, the trace in a comment of SQL among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.event import Content, Context, Envelope, Event, What, When, Where, Who
from whodid.query.linking import commented, stated

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def event(statement=None, **context):
    return Event(
        When("019ab000-0000-7000-8000-000000000000", 1, 1), Who(), What(), Where(),
        Context(**context), Content(statement=statement), b"", Envelope("s", "json", 1, "none", ""),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (f"SELECT 1 /*traceparent='00-{TRACE}-{SPAN}-01'*/", [(TRACE, SPAN)]),
        (f"/*db='x',traceparent='00-{TRACE.upper()}-{SPAN}-00',a='1'*/ SELECT 1", [(TRACE, SPAN)]),
        (f"SELECT 1\n/* traceparent = '00-{TRACE}-{SPAN}-01'\n*/", [(TRACE, SPAN)]),
        (f"SELECT 'traceparent=00-{TRACE}-{SPAN}-01'", []),
        (f"SELECT 1 -- traceparent='00-{TRACE}-{SPAN}-01'", []),
        (f"/*traceparent='00-{'0' * 32}-{SPAN}-01'*/ SELECT 1", []),
        (f"/*traceparent='00-{TRACE}-{SPAN}'*/", []),
        (f"/*xtraceparent='00-{TRACE}-{SPAN}-01'*/", []),
        ("/*traceparent=", []),
        (None, []),
    ],
)
def test_traceparents_of_comments(statement, found):
    assert list(commented(statement)) == found


def test_each_id_is_stated_once_and_the_trace_first():
    given_event = event(
        f"SELECT 1 /*traceparent='00-{TRACE}-{SPAN}-01'*/", request="r-1", trace=TRACE,
        correlation="c-1",
    )  # fmt: skip
    assert stated(given_event) == [("trace", TRACE), ("correlation", "c-1"), ("request", "r-1")]
    assert stated(event(correlation="")) == []


@given(st.text(st.sampled_from("/*traceparent='00-ab1- "), max_size=400))
def test_any_statement_is_read_to_its_end(text):
    for trace, span in commented(text):
        assert (len(trace), len(span)) == (32, 16)
