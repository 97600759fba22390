"""Chains are what a naive model finds that tries every start, however events are stored."""

import random
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whodid.errors import LeftError
from whodid.event import EMPTY_CONTENT, EMPTY_CONTEXT, Envelope, Event, What, When, Where, Who
from whodid.index import chains
from whodid.index.analyst import Analyst
from whodid.index.chains import Walk
from whodid.query.match import matcher
from whodid.query.own import hides_own, is_own
from whodid.query.parse import parse
from whodid.query.times import resolve

START_US = 4_000_000_000_000_000
SECOND_US = 1_000_000


def naive_chains(rows, steps, span_us):
    """All chains of one value: `rows` are (time, index, event) in order of time."""
    found, at = [], 0
    while at < len(rows):
        chain = _from(rows, at, steps, span_us)
        if chain is None:
            at += 1
        else:
            found.append([index for _, index, _ in (rows[place] for place in chain)])
            at = chain[-1] + 1
    return found


def _from(rows, at, steps, span_us):
    """The places of the chain that begins with this row; None when there is none."""
    if not steps[0](rows[at][2]):
        return None
    chain = [at]
    for step in steps[1:]:
        following = [n for n in range(chain[-1] + 1, len(rows)) if step(rows[n][2])]
        if not following or rows[following[0]][0] - rows[at][0] > span_us:
            return None
        chain.append(following[0])
    return chain


def expected(log, query, *, own, at=None):
    """(time, index) of the last event and the indexes of each chain, newest first."""
    hide = not own and hides_own(query)
    chosen = matcher(query.filter)
    groups = defaultdict(list)
    for index, event in log.events.items():
        if at is not None and index >= at:
            continue
        if chosen(event) and not (hide and is_own(event)):
            value = _value(event, query.sequence.by)
            if value is not None:
                groups[value].append((_time(event), index, event))
    steps = [matcher(step) for step in query.sequence.steps]
    found = []
    for rows in groups.values():
        rows.sort(key=lambda row: row[:2])
        for chain in naive_chains(rows, steps, query.sequence.span_us):
            found.append((_time(log.events[chain[-1]]), chain[-1], chain))
    return [chain for *_, chain in sorted(found, reverse=True)]


def _time(event):
    return event.when.received if event.when.time is None else event.when.time


def _value(event, field):
    if field == "actor":
        return event.who.actor_id if event.who.actor_id is not None else event.who.actor_name
    return event.field(field)


def asked(text):
    return resolve(parse(text), START_US)


def pages(analyst, log, query, *, own, limit=7, at=None):
    found, before, totals = [], None, set()
    while True:
        page = analyst.chains(query, limit=limit, durable=log.size, before=before, own=own, at=at)
        found += [[hit.index for hit in chain] for chain in page.chains]
        totals.add((page.total, page.total_is_exact))
        before = page.next
        if before is None:
            return found, totals


fields = st.sampled_from(["actor", "ip", "outcome", "source", "actor.session", "host", "port"])
steps = st.sampled_from(
    ["access:read", "access:create", "outcome:denied", "-outcome:denied", "*", "actor:alice",
     "rows:>5", "alice", "source:app", 'message:"10.0.0.1"', "time:*", "source:whodid"]
)  # fmt: skip


@pytest.fixture(scope="module")
def analyst(mixed_log):
    return Analyst(mixed_log.searcher())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.sampled_from(["", "", "access:* ", "-actor:bob "]), field=fields,
    wanted=st.lists(steps, min_size=2, max_size=4), seconds=st.sampled_from([1, 2, 3, 7, 86_400]),
    own=st.booleans(), part=st.sampled_from([None, None, 0.1, 0.4, 0.77, 0.99]),
)  # fmt: skip
def test_chains_are_what_the_naive_model_finds(
    text, field, wanted, seconds, own, part, mixed_log, analyst
):
    chain = " -> ".join(f"[{step}]" for step in wanted)
    query = asked(f"{text}| sequence by {field} {chain} within {seconds}s")
    at = None if part is None else int(mixed_log.size * part)
    found, totals = pages(analyst, mixed_log, query, own=own, at=at)
    wanted = expected(mixed_log, query, own=own, at=at)
    assert found == wanted
    assert totals == {(len(wanted), True)}


@settings(max_examples=300, deadline=None)
@given(
    gaps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=40),
    count=st.integers(2, 3), span=st.integers(1, 8),
)  # fmt: skip
def test_one_value(gaps, count, span):
    rows, now = [], 0
    for index, (gap, fits) in enumerate(gaps):
        now += gap
        rows.append((now, index, fits))
    walk = Walk(count, span)
    found = [chain for row in rows if (chain := walk.add(*row)) is not None]
    tests = [lambda fits, step=step: fits >> step & 1 for step in range(count)]
    assert [[i for _, i in chain.places] for chain in found] == naive_chains(rows, tests, span)
    assert walk.given_up == 0


def test_chains_that_begin_and_never_end_are_bounded():
    walk = Walk(3, 10**9, open_max=50)
    for index in range(1000):
        assert walk.add(index, index, 1 if index % 2 else 2) is None
        assert sum(map(len, walk._begun)) <= 100
    assert walk.given_up > 0
    assert walk.add(2000, 2000, 4) is not None


def event(number, at, actor, access, source="crm"):
    return Event(
        When(f"018c0000-0000-7000-8000-{number:012x}", START_US + number, at),
        Who(actor_id=actor), What(access=access), Where(), EMPTY_CONTEXT, EMPTY_CONTENT, b"x",
        Envelope(source, "json"),
    )  # fmt: skip


LOGIN_READ = "| sequence by actor [access:authenticate] -> [access:read] within 5s"


def test_an_event_that_comes_in_late_stands_where_its_time_says(event_log):
    at = START_US + 10 * SECOND_US
    event_log.append([event(1, at + 3 * SECOND_US, "a", "read")])
    event_log.append([event(2, at, "a", "authenticate"), event(3, None, "b", "authenticate")])
    event_log.append([event(4, START_US + 4, "b", "read")])
    analyst = Analyst(event_log.searcher())
    page = analyst.chains(asked(LOGIN_READ), limit=5, durable=event_log.size)
    ids = [[hit.event.when.id[-1] for hit in chain] for chain in page.chains]
    assert ids == [["2", "1"], ["3", "4"]]  # 3 has no time of its own and stands at its receipt


def test_bounds_are_said(event_log, monkeypatch):
    draw = random.Random(1)
    acts = ("authenticate", "read")
    event_log.append(
        [
            event(n, START_US + n * SECOND_US, draw.choice("ab"), draw.choice(acts))
            for n in range(600)
        ]
    )
    event_log.index(segment_rows=64)
    query = asked(LOGIN_READ)
    analyst = Analyst(event_log.searcher())
    whole = analyst.chains(query, limit=3, durable=event_log.size)
    assert whole.total_is_exact
    assert len(whole.chains) == 3 < whole.total
    monkeypatch.setattr(chains, "SEQUENCE_ROWS_MAX", 100)
    cut = analyst.chains(query, limit=3, durable=event_log.size)
    assert cut.chains == whole.chains
    assert not cut.total_is_exact
    assert "only the newest" in cut.warnings[0]
    monkeypatch.setattr(chains, "SEQUENCE_ROWS_MAX", 10_000)
    monkeypatch.setattr(chains, "_PIECE_ROWS", 50)
    clock = iter([0.0] * 9 + [100.0] * 1000)
    late = Analyst(event_log.searcher(monotonic=lambda: next(clock)))
    part = late.chains(query, limit=3, durable=event_log.size)
    assert not part.total_is_exact
    assert part.warnings


def test_whoever_left_ends_it(event_log):
    event_log.append([event(n, START_US + n, "a", "read") for n in range(10)])
    left = False

    def pause():
        if left:
            raise LeftError

    analyst = Analyst(event_log.searcher(pause=pause))
    assert analyst.chains(asked(LOGIN_READ), limit=3, durable=event_log.size).total == 0
    left = True
    with pytest.raises(LeftError):
        analyst.chains(asked(LOGIN_READ), limit=3, durable=event_log.size)
