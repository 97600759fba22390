"""Histogram, facets and tables on the page: what they show, and where their links lead."""

import html
import re
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
from markupsafe import escape

from whodid.app.counts import Bar, Column, Facet, HistogramAnswer, TableAnswer
from whodid.query.parse import parse
from whodid.query.render_pipes import query_text
from whodid.query.times import term_bounds
from whodid.query.tree import Not, Query, Term, all_of
from whodid.web import cells, facets, group_links, histogram, stats
from whodid.web.links import search_url
from whodid.web.time_range import items_of, span_term

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
AT_US = 20_779 * DAY_US  # 2026-11-22


def q_of(href):
    return parse_qs(urlsplit(html.unescape(href)).query).get("q", [""])[0]


def answer_of(bars, bucket="1h"):
    return HistogramAnswer(bucket, bars, sum(b.count for b in bars), True, 0, "", 0, [])


def chart_of(bars, text="", bucket="1h"):
    return histogram.chart(answer_of(bars, bucket), parse(text), own=False)


@pytest.mark.parametrize(
    "width_us", [1_000_000, 60_000_000, HOUR_US, 3 * HOUR_US, DAY_US, 7 * DAY_US]
)
def test_a_bar_leads_to_exactly_its_events(width_us):
    start = AT_US + 5 * width_us if width_us < DAY_US else AT_US
    for at in (start, start + width_us):
        term = span_term(at, at + width_us)
        assert term_bounds(term) == (at, at + width_us)
        assert parse(q_of(f"/?q={term_text(term)}")).filter == term


def term_text(term):
    from urllib.parse import quote

    from whodid.query.render import to_text

    return quote(to_text(term))


def test_links_of_bars_keep_what_is_asked_and_replace_the_time():
    bars = [Bar(AT_US + n * HOUR_US, AT_US + (n + 1) * HOUR_US, 3, 1) for n in range(3)]
    drawn = chart_of(bars, "actor:alice time:[now-7d TO now] | sort -rows").bars
    assert q_of(drawn[1].href) == ("actor:alice time:2026-11-22T01Z | sort -rows")
    edge = q_of(drawn[0].href)
    assert "time:[now-1w TO now]" in edge
    assert "time:2026-11-22T00Z" in edge
    assert q_of(chart_of(bars).bars[0].href) == "time:2026-11-22T00Z"


def test_bars_are_stacked_to_the_peak_and_a_few_are_still_seen():
    bars = [
        Bar(AT_US, AT_US + HOUR_US, 9_999, 1),
        Bar(AT_US + HOUR_US, AT_US + 2 * HOUR_US),
        Bar(AT_US + 2 * HOUR_US, AT_US + 3 * HOUR_US, unknown=5_000),
    ]
    chart = chart_of(bars)
    full, empty, half = chart.bars
    assert [rect.kind for rect in full.rects] == ["success", "denied"]
    assert sum(rect.height for rect in half.rects) == 50
    assert full.rects[-1].height >= 1 or full.rects[-1].y == 0
    assert (empty.href, empty.rects) == (None, [])
    assert full.label == "Sun 22 Nov 2026, 00:00 to 01:00: 10,000 events (1 denied, 9,999 success)"
    assert dict(chart.totals) == {"denied": 1, "success": 9_999, "unknown": 5_000}
    assert q_of(chart.table_href) == "| stats by (time:1h, outcome)"
    for bar in chart.bars:
        for rect in bar.rects:
            assert 0 <= rect.y <= rect.y + rect.height <= chart.height


def test_nothing_to_draw():
    assert histogram.chart(None, parse(""), own=False) is None
    assert chart_of([]) is None


def test_facets_lead_to_only_these_and_all_but_these():
    found = facets.boxes(
        [Facet("actor", [("alice", 6), ("a b\nc", 2), ("x" * 600, 1)], 5, 1, True)],
        parse("access:read | sort -rows"), 10, own=True,
    )  # fmt: skip
    (box,) = found
    alice, unprintable, long, missing = box.values
    assert (alice.events, alice.share, alice.chosen) == (6, 60.0, False)
    assert q_of(alice.only) == "access:read actor:alice | sort -rows"
    assert q_of(alice.without) == "access:read -actor:alice | sort -rows"
    assert "own=1" in alice.only
    assert (unprintable.only, long.without) == (None, None)
    assert long.shown == long.text
    assert q_of(missing.only) == "access:read -actor:*" + " | sort -rows"
    assert q_of(missing.without) == "access:read actor:* | sort -rows"
    assert box.more == 2
    assert q_of(box.all_href) == "access:read | stats by (actor) | sort -count"


def test_long_paths_are_shown_without_their_middle():
    arn = "arn:aws:iam::111122223333:user/marek"
    (box,) = facets.boxes([Facet("actor", [(arn, 1)], 1, 0, True)], parse(""), 1, own=False)
    (value,) = box.values
    assert value.text == arn
    assert value.shown == "arn:aws:…333:user/marek"
    assert q_of(value.only) == f"actor:{arn}"


def test_a_chosen_value_can_be_taken_away():
    (box,) = facets.boxes(
        [Facet("outcome", [("denied", 3)], 1, 0, True)],
        parse("outcome:denied actor:a"),
        3,
        own=False,
    )
    (value,) = box.values
    assert value.chosen
    assert q_of(value.only) == "actor:a"
    assert value.without is None
    assert box.all_href is None


def test_rows_lead_to_their_events():
    query = parse("access:read time:[now-7d TO now] | stats by (actor, time:1d, _redacted) count()")
    columns = [
        Column("actor", "text", key=True), Column("time", "time", key=True),
        Column("_redacted", "state", key=True), Column("count", "number", key=False),
    ]  # fmt: skip
    rows = [["Alice B", AT_US, True, 8], [None, AT_US, False, 4], ["a\nb", AT_US, True, 0]]
    answer = TableAnswer(columns, rows, 3, 12, True, 0, 0, "", 0, [])
    first, second, third = stats.rows_of(answer, query, search_url)
    assert [cell.text for cell in first] == ["Alice B", "Sun 22 Nov 2026", "yes", "8"]
    assert q_of(first[0].href) == (
        'access:read time:[now-1w TO now] actor:="Alice B" time:2026-11-22 _redacted:true'
    )
    assert q_of(second[0].href) == (
        "access:read time:[now-1w TO now] -actor:* time:2026-11-22 _redacted:false"
    )
    assert (second[0].text, third[0].href) == ("missing", None)
    assert [cell.share for cell in first] == [None, None, None, 100.0]
    assert second[3].share == 50.0


@pytest.mark.parametrize("filter_text", ["", "access:read", "a OR b", "-x (c OR d)", "actor:=eve"])
@pytest.mark.parametrize(
    "href", [search_url, partial(search_url, own=True, columns=("time", "actor"))]
)
def test_the_address_of_a_row_is_that_of_the_narrowed_search(filter_text, href):
    query = parse(f"{filter_text} | stats by (actor, bytes) count()")
    links = group_links.GroupLinks(query, href)
    for actor in ("eve", "a b&c+d%,é", "x:y (z)", "-", "NOT", None):
        for size in (7, None):
            terms = [
                Not(Term("actor", "exists")) if actor is None else Term("actor", "is", actor),
                Not(Term("bytes", "exists")) if size is None else Term("bytes", "has", size),
            ]
            asked = items_of(query)
            more = [term for term in terms if term not in asked]
            text = query_text(Query(all_of([query.filter, *more])))
            assert links.of([actor, size, 3]) == href(text)


def test_cells_are_escaped_but_for_what_is_ours():
    evil = "<script>&\"'\u202e"
    made = cells.cells(
        [cells.Cell(evil, "text", f"/?q={evil}", None), cells.Cell("7", "n", None, 3)]
    )
    assert "<script>" not in made
    assert "\u202e" not in made.replace(f"/?q={escape(evil)}", "")
    assert made.count("<td") == 2
    assert 'class="n measured"><bdi>7</bdi><svg class="share"' in made


def test_a_table_sorts_by_links(site):
    text = site.client.get("/", params={"q": "| stats by (actor) count() | limit 5"}).text
    heads = {
        re.sub(r"<[^>]+>", "", label).strip(): q_of(href)
        for href, label in re.findall(r'<th scope="col"[^>]*><a href="([^"]+)">(.*?)</a>', text)
    }
    assert heads == {
        "actor": "| stats by (actor) count() | sort actor | limit 5",
        "count": "| stats by (actor) count() | sort -count | limit 5",
    }
    again = site.client.get("/", params={"q": heads["count"]}).text
    assert 'aria-sort="descending"' in again
    assert "sort+count" in again
    assert site.log.calls[-1][0] == "table"
    assert len(site.log.calls) == 2


def test_the_page_asks_once_for_events_histogram_and_facets(site):
    text = site.client.get("/?q=actor:alice").text
    assert [name for name, _ in site.log.calls] == ["search"]
    assert text.index('class="chart"') < text.index('class="events"') < text.index('class="facets"')


def test_errors_in_pipes_are_shown_with_their_place_and_mended(site):
    answer = site.client.get("/", params={"q": "actor:alice | stats by (actr)"})
    assert answer.status_code == 400
    assert "stats by (actor)" in answer.text
    assert site.log.calls == []


def test_time_ranges_keep_the_pipes(site):
    text = site.client.get("/", params={"q": "actor:alice | stats by (resource)"}).text
    hrefs = [q_of(href) for href in re.findall(r'<a href="([^"]+)"', text)]
    assert "actor:alice time:[now-1h TO now] | stats by (resource) count()" in hrefs
    answer = site.client.get("/", params={"q": "actor:a | limit 5", "from": "2026-11-22"})
    assert q_of(answer.headers["location"]) == "actor:a time:[2026-11-22 TO *] | limit 5"
