"""The search page: one search, its sentence, its links, its pages."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from whodid.app.answer import Clause
from whodid.errors import AccessDeniedError, IntegrityError, RefusedError, StoppedError


def links(text):
    """Words of each link → its address, in order."""
    found = re.findall(r'<a\b[^>]*href="([^"]*)"[^>]*>(.*?)</a>', text, re.DOTALL)
    return [(re.sub(r"<[^>]+>", "", words).strip(), html.unescape(href)) for href, words in found]


def q_of(href):
    return parse_qs(urlsplit(href).query).get("q", [""])[0]


def href_of(text, words):
    return next(href for label, href in links(text) if label == words)


def test_one_search_a_page_with_the_caller(site):
    answer = site.client.get("/?q=actor:alice", headers={"user-agent": "Test/1"})
    assert answer.status_code == 200
    [(method, caller)] = site.log.calls
    assert method == "search"
    assert (caller.name, caller.face, caller.ip, caller.agent) == (
        "admin", "web", "127.0.0.1", "Test/1",
    )  # fmt: skip
    assert re.fullmatch("[0-9a-f]{12}", caller.session)


def test_rows_are_sentences_with_links_that_narrow(site):
    text = site.client.get("/?q=access:read").text
    assert "Reads" in text
    assert "1,204 rows of" in text
    assert q_of(href_of(text, "alice")) == "access:read actor:alice"
    assert q_of(href_of(text, "customers")) == "access:read resource:customers"
    assert q_of(href_of(text, "crm")) == "access:read source:crm"
    assert 'datetime="2026-11-22T10:30:15.123456Z">10:30:15</time>' in text
    assert "Sunday 22 November 2026" in text


def test_badges_outcomes_and_what_is_hidden(site):
    text = site.client.get("/").text
    for word in ("quarantined", "redacted", "conflict"):
        assert q_of(href_of(text, word)) == f"_{word}:true"
    assert '<span class="outcome denied">denied</span>' in text
    assert "1 of whodid\N{RIGHT SINGLE QUOTATION MARK}s own is hidden" in text
    shown = site.client.get(href_of(text, "show")).text
    assert "whodid\N{RIGHT SINGLE QUOTATION MARK}s own · <a" in shown
    assert ">admin</bdi>" in shown
    assert "own=1" in href_of(shown, "7 days")


def test_an_answer_with_a_proof_is_offered_where_there_is_one(site):
    address = "/v1/search?q=access%3Aread+time%3A%3Enow-7d&prove=1"
    text = site.client.get("/?q=access:read+time:>now-7d").text
    assert href_of(text, "proof that this is all") == address
    own = site.client.get("/?q=access:read&own=1").text
    assert href_of(own, "proof that this is all").endswith("&prove=1&own=1")
    nothing = site.client.get("/?q=actor:nobody").text
    assert href_of(nothing, "Proof that there is none") == "/v1/search?q=actor%3Anobody&prove=1"
    for search in ("", "alice", "actor:a*", "access:read+|+limit+5", "-access:read"):
        assert "prove=1" not in site.client.get(f"/?q={search}").text
    site.doorkeeper.users.set_rights("admin", role="reader", deny=["message"])
    site.log_in()
    assert "access:read" in site.client.get("/?q=access:read").text
    assert "prove=1" not in site.client.get("/?q=access:read").text


def test_time_range_is_part_of_the_text(site):
    text = site.client.get("/?q=actor:alice").text
    hour = href_of(text, "Last hour")
    assert q_of(hour) == "actor:alice time:[now-1h TO now]"
    again = site.client.get(hour).text
    assert re.search(r'aria-current="true">Last hour', again)
    assert q_of(href_of(again, "All time")) == "actor:alice"
    assert q_of(href_of(again, "7 days")) == "actor:alice time:[now-1w TO now]"


def test_custom_range_becomes_part_of_the_text(site):
    def leads_to(query):
        answer = site.client.get(query)
        assert answer.status_code == 303
        return q_of(answer.headers["location"])

    base = "/?q=actor:alice+time:[now-7d+TO+now]"
    there = leads_to(f"{base}&from=2026-11-22T10:00&to=2026-11-22T11:30")
    assert there == "actor:alice time:[2026-11-22T10:00Z TO 2026-11-22T11:30Z]"
    assert leads_to(f"{base}&from=2026-11-22T10:00") == "actor:alice time:[2026-11-22T10:00Z TO *]"
    assert leads_to("/?q=&to=2026-11-22T10:00") == "time:[* TO 2026-11-22T10:00Z]"
    assert site.log.calls == []
    for bad in ("yes", '"] OR _erased:*', "2026-13-01", "\\"):
        answer = site.client.get("/", params={"q": "actor:alice", "from": bad})
        if answer.status_code == 303:
            answer = site.client.get(answer.headers["location"])
        assert answer.status_code == 400
        assert "not understood" in answer.text


def test_a_stretch_of_the_histogram_becomes_part_of_the_text(site):
    def leads_to(query):
        answer = site.client.get(query)
        assert answer.status_code == 303
        return q_of(answer.headers["location"])

    base = "/?q=actor:alice+time:[now-7d+TO+now]&span="
    assert leads_to(f"{base}1795305600-1795392000") == "actor:alice time:2026-11-22"
    assert leads_to(f"{base}1795343400-1795347000&within=1") == (
        "actor:alice time:[now-1w TO now] time:[2026-11-22T10:30Z TO 2026-11-22T11:29Z]"
    )
    assert leads_to(f"{base}1795343401-1795343403&own=1") == (
        "actor:alice time:[2026-11-22T10:30:01Z TO 2026-11-22T10:30:02Z]"
    )
    for bad in ("1", "5-5", "9-1", "a-b", "1-99999999999999", "-"):
        assert "START-END" in site.client.get(f"/?span={bad}").text
    assert site.client.get("/?q=nofield:x&span=1-2").status_code == 400
    assert site.log.calls == []


def test_paging_goes_there_and_back(visit, fake):
    log = fake.FakeLog()
    for number in range(120):
        log.ingest("crm", "json", fake.short(
            timestamp=f"2026-11-22T10:{number // 60:02}:{number % 60:02}Z", userId=f"user-{number}",
            action="READ", resource="customers",
        ))  # fmt: skip
    site = visit(log)
    site.log_in()

    def actors(text):
        return [int(n) for n in re.findall(r">user-(\d+)<", text.split("<aside")[0])]

    first = site.client.get("/?q=action:READ").text
    second = site.client.get(href_of(first, "Older →")).text
    third = site.client.get(href_of(second, "Older →")).text
    assert actors(first) + actors(second) + actors(third) == list(range(119, -1, -1))
    assert "← Newer" not in first
    assert "Older →" not in third
    assert actors(site.client.get(href_of(third, "← Newer")).text) == actors(second)
    assert actors(site.client.get(href_of(second, "← Newer")).text) == actors(first)
    assert actors(site.client.get(href_of(third, "back to the newest")).text) == actors(first)


def test_a_place_that_was_never_given_out(site):
    answer = site.client.get("/?q=actor:alice&before=rubbish")
    assert answer.status_code == 400
    assert "This page address is not one that was given out." in answer.text
    assert 'class="caret"' not in answer.text


def test_total_that_is_not_exact_and_warnings(site):
    site.log.warnings = ["the index is 12 entries <b>behind</b>"]
    text = site.client.get("/").text
    assert "behind&lt;/b&gt;" in text
    site.log.hits *= 200
    assert "At least 1,2" in site.client.get("/").text


@pytest.mark.parametrize(
    ("query", "caret", "mended"),
    [
        ("user:alice ressource:x", " " * 11 + "^", "user:alice resource:x"),
        ("outcome:sucess", " " * 8 + "^", "outcome:success"),
        ("(actor:alice", "^", "(actor:alice)"),
        ("a\x1b[31mb\x00", " " * 7 + "^", None),
        ("x" * 200 + " foo:bar", " " * 61 + "^", None),
    ],
)
def test_errors_show_the_place_and_the_mended_search(site, query, caret, mended):
    answer = site.client.get("/", params={"q": query})
    assert answer.status_code == 400
    block = re.search(r'<pre class="caret">(.*?)</pre>', answer.text, re.DOTALL)[1]
    assert block.split("\n")[1] == caret
    found = [q_of(href) for label, href in links(answer.text) if label == mended]
    assert found == ([mended] if mended else [])
    assert site.log.calls == []


def test_all_mistakes_of_a_search_are_shown(site):
    answer = site.client.get("/", params={"q": "actr:alice outcome:sucess rows:x<b>"})
    for words in ("Unknown field &#39;actr&#39;", "never &#39;sucess&#39;", "not &#39;x&lt;b&gt;"):
        assert words in answer.text
    mended = [label for label, _ in links(answer.text) if label.startswith("actor:alice")]
    assert mended == ["actor:alice outcome:success rows:x&lt;b&gt;"]


def test_a_search_that_may_mean_something_else_is_told_of(site):
    text = site.client.get("/", params={"q": "actor:alice or rows>5", "own": "1"}).text
    assert q_of(href_of(text, "actor:alice OR rows:&gt;5")) == "actor:alice OR rows:>5"
    assert "“or” in small letters is a word that is looked for." in text
    for query in ("actor:alice OR rows:>5", 'actor:alice "or"', ""):
        assert "Did you mean" not in site.client.get("/", params={"q": query}).text
    table = site.client.get("/", params={"q": "actor=alice | stats by (resource)"}).text
    assert q_of(href_of(table, "actor:alice | stats by (resource)")).startswith("actor:alice |")


def test_empty_answers_say_why_and_what_to_try(site, visit, fake):
    text = site.client.get("/?q=actor:alice+outcome:denied").text
    assert "No event fits all of this" in text
    assert q_of(href_of(text, "without it: without actor:alice")) == "outcome:denied"
    assert q_of(href_of(text, "without it: without outcome:denied")) == "actor:alice"
    site.log.clauses = [
        Clause("actor:alise", 0, 3, ["alice", "ali\nce"]), Clause("rows:7", 1, 0, []),
    ]  # fmt: skip
    text = site.client.get("/?q=actor:alise+rows:7").text
    assert "<code>actor:alise</code> finds nothing · " in text
    assert "</a> 3 events · did you mean" in text
    assert q_of(href_of(text, "alice")) == "rows:7 actor:alice"
    assert "<code>rows:7</code> alone finds 1 event · " in text
    assert "</a> nothing either" in text
    site.log.clauses = [
        Clause("actor:alise", 0, 3, [], False, False), Clause("rows:7", 1, 0, [], False, False),
    ]  # fmt: skip
    text = site.client.get("/?q=actor:alise+rows:7").text
    assert "finds nothing" not in text
    assert "nothing either" not in text
    assert "</a> at least 3 events" in text
    assert "<code>rows:7</code> alone finds at least 1 event · " in text
    site.log.clauses = []
    assert (
        "show whodid\N{RIGHT SINGLE QUOTATION MARK}s own events"
        in site.client.get("/?q=actor:admin").text
    )
    site.log.hits.clear()
    assert "Nothing is recorded yet" in site.client.get("/").text


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (StoppedError("fsync failed"), 503, "The log has stopped"),
        (RefusedError("the queue is full"), 503, "Not now"),
        (AccessDeniedError("only for approvers"), 403, "Only for approvers."),
        (IntegrityError("entry 7: bad"), 500, "Entry 7: bad."),
        (ZeroDivisionError("secret detail"), 500, "That did not work"),
    ],
)
def test_failures_are_pages(site, error, status, words):
    site.log.fail = error
    for path in ("/", "/sources", "/events/1"):
        answer = site.client.get(path)
        assert answer.status_code == status
        assert words in answer.text
        assert "secret detail" not in answer.text
        assert "<main" in answer.text


def test_a_stopped_log_is_said_on_every_page_with_its_reason_only_inside(site):
    site.log.stopped = "fsync failed on /var/lib/<x>"
    for path in ("/", "/sources", "/about", "/nowhere", "/?q=nofield:x"):
        assert "fsync failed on /var/lib/&lt;x&gt;" in site.client.get(path).text
    site.client.cookies.clear()
    outside = site.client.get("/login").text
    assert "The log has stopped." in outside
    assert "fsync" not in outside


def test_unknown_addresses(site):
    assert site.client.get("/nowhere/at/all").status_code == 404
    assert site.client.get("/static/nothing.css").status_code == 404
    assert site.client.get("/static/..%2fmake_web.py").status_code == 404
    assert site.client.get("/events/unknown").status_code == 404
