"""Searches in English: what people would say, and what none of them may hold."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from random_queries import RandomQueries
from whodid.query.parse import parse
from whodid.query.phrase import query_sentence
from whodid.query.tree import Query
from zipf_events import zipf_events

SAID = {
    "": "all events",
    "-*": "no events",
    "alice": "events that mention “alice”",
    "-alice": "events that do not mention “alice”",
    "a OR b": "events that mention “a” or mention “b”",
    "-(a OR b)": "events that do not mention “a” and do not mention “b”",
    '"permission denied" service:postgres': ("events in postgres that mention “permission denied”"),
    "access:read resource:customers actor:alice time:[now-7d TO now] -outcome:success": (
        "reads of customers by alice, in the last seven days, that did not succeed"
    ),
    "actor:alice access:read resource:customers -outcome:success rows:>1000 time:[now-7d TO now]": (
        "reads of customers by alice, in the last seven days, that did not succeed and had "
        "more than 1,000 rows"
    ),
    "access:(read OR delete) service:shop": "reads or deletions in shop",
    "access:(delete OR administer) time:>now-24h": (
        "deletions or administrative acts in the last day"
    ),
    "access:authenticate outcome:(failure OR denied) -ip:10.0.0.0/8": (
        "log-ins not from 10.0.0.0/8 that failed or were denied"
    ),
    "-access:read": "events that are not reads",
    "-access:(read OR update)": "events that are not reads and are not changes",
    "actor:(a OR b OR c)": "events by a, b or c",
    "-actor:a payroll": "events not by a that mention “payroll”",
    "-(actor:alice OR actor:bob)": "events not by alice and not by bob",
    "-(actor:alice access:read)": "events either not by alice or that are not reads",
    "(actor:alice OR access:read) host:db1": ("events on db1 (either by alice or that are reads)"),
    "resource:a resource:b": "events of a and of b",
    "source:crm service:crm": "events in crm sent by crm",
    "-host:db1 -service:crm": "events not on db1 and not in crm",
    "on_behalf_of:alice actor.type:agent": ("events on behalf of alice whose actor is an AI agent"),
    "-actor.type:user": "events whose actor is not a person",
    "actor.on_behalf_of:*": "events with a principal",
    "group:admins": "events by a member of admins",
    "rows:>1000": "events that had more than 1,000 rows",
    "rows:<5": "events that had fewer than 5 rows",
    "rows:1": "events that had 1 row",
    "rows:[1 TO *]": "events that had at least 1 rows",
    "-rows:[10 TO 20]": "events that did not have 10 to 20 rows",
    "bytes:<=1000": "events that had at most 1,000 bytes",
    "-rows:*": "events without a number of rows",
    "duration_us:>1000000": "events that took more than one second",
    "duration_us:[1000 TO 5000000]": "events that took one millisecond to five seconds",
    "port:22": "events whose port is 22",
    "port:<1024": "events whose port is below 1,024",
    "time:2026-11-22": "events on 2026-11-22",
    "time:2026-11 outcome:failure": "events, in 2026-11, that failed",
    "time:>=yesterday": "events since yesterday",
    "time:>now-1h": "events in the last hour",
    "time:<now-1h": "events before one hour ago",
    "-time:today": "events not today",
    "received:>now-1h": "events received in the last hour",
    "ip:[10.0.0.1 TO 10.0.0.9]": "events whose address is between 10.0.0.1 and 10.0.0.9",
    "-correlation:*": "events without a correlation",
    "-resource:*": "events without a resource",
    "-_erased:true": "events that are not erased",
    "_erased:false": "events that are not erased",
    "_conflict:true OR _erased:true": (
        "events that are in conflict with another record or are erased"
    ),
    "outcome:success OR outcome:unknown": "events that succeeded or whose outcome is unknown",
    "message:fail*": "events with “fail*” in the message",
    'statement:"drop table" -actor:migrations': (
        "events not by migrations with “drop table” in the statement"
    ),
    "action:~^(Put|Delete)": "events whose action matches /^(Put|Delete)/",
    "labels:missing:ip via:10.0.0.9": "events, labelled missing:ip and through 10.0.0.9",
    'reason:* -reason:"no such file"': (
        "events, with a reason and with no “no such file” in the reason"
    ),
    "access:read | sort -rows | limit 1": "reads, most rows first, the first one",
    "| sort duration_us": "all events, the shortest first",
    "| sequence by actor [outcome:denied] -> [outcome:success rows:>100] within 90m": (
        "events that were denied, then events that succeeded and had more than 100 rows, "
        "within 90 minutes, with the same actor"
    ),
}


@pytest.mark.parametrize("text", SAID)
def test_a_search_in_english(text):
    assert query_sentence(parse(text)) == SAID[text]


EVENTS = dict(enumerate(zipf_events(200, 3)))


@given(st.integers(0, 2**32))
def test_any_search_has_a_sentence_without_stumbles(seed):
    queries = RandomQueries(seed, EVENTS)
    query = Query(queries.tree(), stats=queries.stats() if seed % 3 == 0 else None)
    told = query_sentence(query)
    plain = re.sub(r"“[^”]*”|/[^/]*/", "x", told)
    for stumble in (", ,", "None", "()", ",,"):
        assert stumble not in plain
    # "actor or" is none; the pattern `not*` is a value
    assert not re.search(r"\b(that that|and and|or or|not not)\b(?!\*)", plain)
    assert not plain.endswith((",", " and", " or", " that"))
