"""Overviews: what they count is what plain Python counts, cut to the rights of who asks."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from whodid.app.answer import Caller
from whodid.app.intake import LedgerIntake
from whodid.app.overview import PERIODS, Span3
from whodid.app.overview_document import overview_document
from whodid.app.overviewing import within
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.errors import AccessDeniedError, UsageError
from whodid.index.compare import compare
from whodid.index.opening import RowMatcher
from whodid.index.selection import choose
from whodid.index.survey import _field
from whodid.index.vocabulary import Vocabularies
from whodid.ledger.batch import BatchBuilder
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.query.times import resolve_node
from whodid.query.tree import Everything
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
NOW = datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)  # the clock of tests/app/conftest.py


def records():
    """Six weeks, an hour between two acts of somebody; what is there depends on the week."""
    for hour in range(6 * 7 * 24):
        at = NOW - timedelta(hours=hour, minutes=30)
        week = hour // (7 * 24)
        yield at, "alice", f"file-{hour % 5}", "10.0.0.1", "SUCCESS"
        if week in {1, 2} and hour % 2:
            yield at, "gone", "old-report", "10.0.0.2", "SUCCESS"
        if week == 0 and hour % 3 == 0:
            yield at, "fresh", "file-1", "203.0.113.9", "DENIED"
        if hour % (3 if week else 9) == 0:
            yield at, "bob", f"other-{hour % 4}", "10.0.0.3", "FAILURE"
    yield NOW - timedelta(hours=2), "bob", "file-2", "10.0.0.3", "SUCCESS"


def stretch_of(at):
    age = NOW - at
    return 0 if age <= timedelta(days=7) else 1 if age <= timedelta(days=14) else 2


def of(key):
    """Counts by stretch, of the five weeks that an overview of a week is about."""
    counts = {}
    for record in records():
        if NOW - record[0] <= timedelta(days=35):
            counts.setdefault(key(record), [0, 0, 0])[stretch_of(record[0])] += 1
    return {value: tuple(found) for value, found in counts.items()}


@pytest.fixture
def reading(directory, keys, port, clock):
    clock.now_us = int(NOW.timestamp()) * 1_000_000
    intake = LedgerIntake(
        RowMaker(keys.identity_root(), port.sources),
        BatchBuilder(keys.ledger_id, keys.public_kek()), port,
    )  # fmt: skip
    port.declare_source("shop", "json", "shop")
    data = [
        msgspec.json.encode(
            {"timestamp": at.isoformat(), "userId": who, "action": "READ", "resource": what,
             "ip": ip, "status": status, "service": "crm"}
        )
        for at, who, what, ip, status in records()
    ]  # fmt: skip
    intake.accept(Delivery("shop", data, clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


def field(answer, name):
    return next(one for one in answer.survey.fields if one.fields == (name,))


def test_the_last_week_against_those_before(reading):
    found = reading.overview(ALL, "week")
    assert found.survey.events == of(lambda _: 0)[0]
    assert found.is_exact
    outcomes = of(lambda record: record[4].lower())
    assert {k: v for k, v in found.survey.outcomes.items() if any(v)} == outcomes
    assert sum(bar.count for bar in found.histogram.bars) == found.survey.events[0]
    actors = of(lambda record: record[1])
    assert dict(field(found, "actor").top.rows) == {
        (name,): counts for name, counts in actors.items() if counts[0]
    }
    assert field(found, "actor").distinct == (3, 3, 3)
    assert field(found, "service").top.rows == [(("crm",), found.survey.events)]


def test_what_came_went_rose_and_fell(reading):
    found = reading.overview(ALL, "week")
    actors = of(lambda record: record[1])
    actor = field(found, "actor")
    assert actor.new.rows == [(("fresh",), actors["fresh"])]
    assert actor.gone.rows == [(("gone",), actors["gone"])]
    assert [row[0] for row in actor.less.rows] == [("bob",)]
    assert actor.more.rows == []
    assert [row[0] for row in field(found, "resource").gone.rows] == [("old-report",)]
    assert [row[0] for row in field(found, "ip").new.rows] == [("203.0.113.9",)]
    assert found.survey.pairs.new.rows == [(("bob", "file-2"), (1, 0, 0))], "both known before"
    pairs = of(lambda record: record[1:3])
    top = dict(found.survey.pairs.top.rows)
    assert top == {values: pairs[values] for values in top}
    assert found.survey.pairs.top.total == sum(counts[0] > 0 for counts in pairs.values())


def test_who_was_refused_and_who_uses_which_service(reading):
    found = reading.overview(ALL, "week").survey
    refused = Counter(
        (r[1], r[4].lower()) for r in records() if stretch_of(r[0]) == 0 and r[4] != "SUCCESS"
    )
    assert {values: counts[0] for values, counts in found.ended.rows} == refused
    assert found.grid.columns == ("crm",)
    assert dict(zip(found.grid.rows, found.grid.counts, strict=True)) == {
        name: [counts[0]] for name, counts in of(lambda record: record[1]).items() if counts[0]
    }


def test_what_came_late(reading):
    [late] = reading.overview(ALL, "week").survey.late
    events = of(lambda _: 0)[0][0]
    assert (late.source, late.late, late.events) == ("shop", events, events)


@pytest.mark.parametrize("period", sorted(PERIODS))
def test_periods_follow_each_other(reading, period):
    found = reading.overview(ALL, period)
    span = found.span
    assert span.end_us - span.last_us == span.last_us - span.before_us == PERIODS[period]
    assert span.before_us - span.start_us == 3 * PERIODS[period]
    assert span.end_us % 60_000_000 == 0
    now_us = int(NOW.timestamp()) * 1_000_000
    assert now_us < span.end_us <= now_us + 60_000_000
    assert overview_document(found)["events"]["now"] == found.survey.events[0]


def test_nothing_before_means_that_nothing_can_be_new(reading):
    month = reading.overview(ALL, "month")
    assert sum(month.survey.events[1:]) > 0
    few = Caller("rita", "api", rights=rights("actor:fresh", []))
    found = reading.overview(few, "week")
    assert found.survey.events[1:] == (0, 0)
    assert any("nothing is known of the time before" in warning for warning in found.warnings)


def test_it_is_an_event_before_it_is_shown(reading):
    found = reading.overview(ALL, "week")
    [hit] = reading.search(ALL, "service:whodid action:overview").events
    what = hit.event.what
    assert (what.access, what.resource_name, what.rows) == ("read", "week", found.survey.events[0])


def test_rights_hold_for_every_count(reading):
    few = Caller("rita", "api", rights=rights("-actor:bob", ["ip", "outcome"]))
    found = reading.overview(few, "week")
    document = msgspec.json.encode(overview_document(found))
    assert b"bob" not in document
    assert b"203.0.113.9" not in document
    assert (found.survey.outcomes, found.survey.ended.rows) == ({}, [])
    assert {bar.denied + bar.success + bar.failure for bar in found.histogram.bars} == {0}
    assert {one.fields for one in found.survey.fields} == {
        ("actor",), ("resource",), ("service",), ("source",),
    }  # fmt: skip
    nameless = Caller("rita", "api", rights=rights(None, ["who"]))
    found = reading.overview(nameless, "week").survey
    assert (found.pairs, found.grid, found.ended.rows) == (None, None, [])
    assert "unknown" in found.outcomes
    with pytest.raises(AccessDeniedError):
        reading.overview(Caller("nobody", "api", rights=NOTHING), "week")
    with pytest.raises(UsageError):
        reading.overview(ALL, "fortnight")


def test_with_more_groups_than_are_told_apart_nothing_is_called_new(reading):
    def look(view):
        nodes = [resolve_node(within(*pair), now_us) for pair in span.stretches]
        rows = RowMatcher(Everything(), view.reader, view.pause)
        chosen = [
            choose(node, view.tables, rows, hide=True, monotonic=view.monotonic) for node in nodes
        ]
        words = Vocabularies()
        all_of_them = compare(("resource",), chosen, words, lambda: False)
        few = compare(("resource",), chosen, words, lambda: False, groups_max=3)
        none = compare(("resource",), chosen, words, lambda: True)
        return all_of_them, few, none, _field(few, words)

    now_us = int(NOW.timestamp()) * 1_000_000
    span = Span3.until(now_us, PERIODS["week"])
    whole, few, none, shown = reading._searcher.over(look)
    assert (whole.exact, few.exact, none.exact) == (True, False, False)
    assert len(few.keys[0]) == 3 < len(whole.keys[0])
    assert (shown.new.rows, shown.gone.rows, shown.exact) == ([], [], False)
    assert none.counts.sum() == 0
