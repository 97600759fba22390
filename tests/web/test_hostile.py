"""Log content is hostile: markup in every field of an event stays text, on every page."""

import contextlib
import gzip
import html
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from jinja2 import FileSystemLoader

import alert_kit
import desks_kit
import whodid.web
from whodid.detection.rule import Head
from whodid.errors import UsageError
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.parse import parse
from whodid.web.headers import CONTENT_SECURITY_POLICY

VOID = {"meta", "link", "img", "input", "br"}
TAGS = VOID | {
    "html", "head", "title", "script", "body", "a", "header", "nav", "form", "span", "button",
    "main", "footer", "p", "div", "strong", "label", "ul", "ol", "li", "details", "summary",
    "h1", "h2", "h3", "table", "caption", "thead", "tbody", "tr", "th", "td", "time", "bdi", "em",
    "select", "option", "article", "progress",
    "section", "pre", "mark", "code", "dl", "dt", "dd", "aside", "del", "ins", "b",
    "figure", "figcaption", "svg", "rect", "dialog", "kbd",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "rel", "href", "type", "src", "class", "id", "alt",
    "width", "aria-label", "aria-current", "aria-hidden", "role", "method", "action",
    "value", "for", "placeholder", "autocomplete", "autocapitalize", "spellcheck", "title",
    "viewbox", "preserveaspectratio", "x", "y", "height", "aria-sort", "data-shell",
    "datetime", "scope", "colspan", "tabindex", "max", "maxlength", "required", "autofocus",
    "selected", "checked", "download", "aria-labelledby", "hidden", "data-copy", "aria-live",
    "open", "data-zoom", "data-edges", "data-counts", "data-tail", "data-columns",
}  # fmt: skip


class Checker(HTMLParser):
    """Raises AssertionError for what none of our templates would write."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.scripts, self.labels, self.fields = [], set(), 0, set(), set()

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert tag in TAGS, tag
        assert set(names) <= ATTRIBUTES, names
        assert len(names) == len(set(names)), names
        values = dict(attrs)
        for name in ("href", "src", "action"):
            if name in values:
                parts = urlsplit(values[name])
                assert not parts.scheme
                assert not parts.netloc
                assert values[name].startswith(("/", "#"))
                assert not values[name].startswith("//")
        if "id" in values:
            assert values["id"] not in self.ids
            self.ids.add(values["id"])
        if tag == "label" and "for" in values:
            self.labels.add(values["for"])
        if tag == "script":
            self.scripts += 1
            assert re.fullmatch("/static/[0-9a-f]{12}/whodid.js", values["src"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> without its start"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            assert not data.strip()

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


def check(answer):
    """Check a page: well-formed, ours alone, inert."""
    text, checker = check_part(answer)
    assert checker.scripts == 1
    assert checker.labels <= checker.ids
    assert "<title>" in text
    assert text.count("<h1") == 1
    assert text.count("<main") == 1
    return text


def check_part(answer):
    """Check a page, or a part of one that comes without its frame."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text = answer.content.decode()
    assert all(char.isprintable() or char == "\n" for char in text), "control character"
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert checker.open == []
    return text, checker


@pytest.fixture
def hostile(visit, fake):
    log, _ = fake.hostile_log()
    found = visit(log)
    found.log_in()
    return found


def test_search_page_with_every_hostile_text(hostile, fake):
    text = check(hostile.client.get("/"))
    assert "&lt;script&gt;document.title" in text
    assert len(text) < 400_000


def test_columns_with_every_hostile_text(hostile, fake):
    names = [name for name, field in SEARCH_FIELDS.items() if field.kind != "state"]
    names.remove("time")
    for start in range(0, len(names), 16):
        columns = ",".join(names[start : start + 16])
        text = check(hostile.client.get("/", params={"columns": columns}))
        assert '<table class="cells">' in text
        assert "&lt;script&gt;document.title" in text or start + 16 > len(names)
        assert len(text) < 1_200_000
    for text in fake.HOSTILE:
        check(hostile.client.get("/", params={"columns": text}))
        check(hostile.client.get("/", params={"column": text, "span": text}))


def test_completion_offers_hostile_values_as_data(hostile, fake):
    seen = set()
    for text in fake.HOSTILE:
        for asked in ("resource:", "resource:" + text[:12], text[:20], f'actor:"{text[:9]}'):
            answer = hostile.client.get("/v1/complete", params={"q": asked})
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            for item in answer.json()["items"]:
                assert item["shown"].isprintable()
                assert len(item["shown"]) <= 200
                if item["kind"] == "value" and not item["text"].startswith("actor:"):
                    parse(f"resource:{item['text']}")
                seen.add(item["shown"])
    assert any("<script>" in value for value in seen)


def test_tables_with_every_hostile_text(hostile):
    for keys in ("actor", "resource, ip", "agent, time:1d", "labels"):
        answer = hostile.client.get("/", params={"q": f"| stats by ({keys}) count(), max(time)"})
        assert answer.status_code == 200
        text = check(answer)
        assert "&lt;script&gt;document.title" in text
        assert len(text) < 400_000


def test_chains_with_every_hostile_text(hostile, fake):
    hostile.log.warnings = fake.HOSTILE
    for field in ("actor", "ip", "host", "action"):
        query = f"| sequence by {field} [*] -> [*] within 30d"
        for before in ("", "c~2"):
            answer = hostile.client.get("/", params={"q": query, "before": before})
            assert answer.status_code == 200
            check(answer)
    for text in fake.HOSTILE:
        check(
            hostile.client.get("/", params={"q": f"| sequence by actor [{text}] -> [x] within 5m"})
        )


def test_hostile_names_of_columns(hostile, fake):
    for text in fake.HOSTILE:
        for query in (f"| stats count() as {text}", f"| stats by ({text})", f"| sort {text}"):
            check(hostile.client.get("/", params={"q": query}))


def test_stories_of_every_hostile_text(hostile, fake):
    hostile.log.warnings = fake.HOSTILE
    for text in fake.HOSTILE:
        if "\n" in text:  # no address has line breaks
            continue
        answer = hostile.client.get(f"/trace/{quote(text, safe='')}")
        assert answer.status_code == 200
        assert "2 events of " in check(answer)
        check(hostile.client.get("/trace/" + quote(f"nothing {text}", safe="")))


def test_profiles_of_every_hostile_text(hostile, fake):
    for text in fake.HOSTILE:
        if "\n" in text:
            continue
        for kind in ("actor", "resource"):
            answer = hostile.client.get(f"/profile/{kind}/{quote(text, safe='')}")
            assert answer.status_code == (200 if len(text) < 2049 else 404)
            check(answer)
        check(hostile.client.get(f"/profile/ip/{quote(text, safe='')}"))
        check(hostile.client.get(f"/profile/{quote(text, safe='')}/x"))


def test_lookers_of_every_hostile_text(hostile, fake):
    hostile.log.warnings = fake.HOSTILE
    text = check(hostile.client.get("/lookers?q="))
    assert "&lt;script&gt;document.title" in text
    for text in fake.HOSTILE:
        for kind in ("actor", "event", text):
            check(hostile.client.get("/lookers", params={"of": kind, "named": text, "q": ""}))
        check(hostile.client.get("/lookers", params={"q": text, "before": text}))


def test_overview_of_every_hostile_text(hostile, fake):
    hostile.log.warnings = fake.HOSTILE
    hostile.log.formats = {text: text for text in fake.HOSTILE}
    text = check(hostile.client.get("/overview"))
    assert "&lt;script&gt;document.title" in text
    for text in fake.HOSTILE:
        check(hostile.client.get("/overview", params={"period": text}))


def test_saved_and_pinned_searches_of_every_hostile_text(hostile, fake):
    hostile.log.warnings = fake.HOSTILE
    views = hostile.doorkeeper.views
    for number, text in enumerate(fake.HOSTILE):
        with contextlib.suppress(UsageError):
            views.save(f"user{number}", text.strip()[:80], text[:9000], "", shared=True)
        check(hostile.client.get("/views", params={"save": "1", "q": text, text: text}))
        check(hostile.client.get("/at/9", params={"q": text, "before": "", "own": text}))
        check(hostile.client.get(f"/at/{quote(text, safe='')}"))
        form = {"csrf": hostile.csrf("/about"), "name": text, "q": text, "state": text,
                "id": text, "shared": text}  # fmt: skip
        for path in ("/views", "/views/change", "/views/remove"):
            answer = hostile.client.post(path, data=form)
            assert answer.status_code in {303, 400}
            if answer.status_code == 400:
                check(answer)
    assert len(check(hostile.client.get("/views")).split("<tr>")) > 10
    check(hostile.client.get("/at/40?q=|+stats+by+(actor)+count()"))
    check(hostile.client.get("/at/40?q="))
    check(hostile.client.get("/at/40?q=|+sequence+by+actor+[*]+->+[*]+within+30d"))


def test_alerts_with_a_hostile_text_in_every_field(hostile, fake):
    desk, form = hostile.log.alerts, {"csrf": hostile.csrf("/about")}
    for number, text in enumerate(fake.HOSTILE):
        rule = Head(
            f"{number} {text}", text, "high", text, text, text, text, text, (text, text),
            (text, f"https://evil.example/{text}"), (text,), (text,),
        )  # fmt: skip
        pairs = ((text, text), ("actor.id", text), ("ip", text), ("resource.name", text))
        hits = hostile.log.hits[number : number + 2]
        desk.alerts.take([alert_kit.finding_of(hits, rule, pairs, text, pairs)])
    found = alert_kit.all_of(desk.alerts)
    assert len(found) == len(fake.HOSTILE)
    for alert, text in zip(found, fake.HOSTILE, strict=True):
        path = f"/alerts/{alert.id}"
        for act in ("note", "assign", "acknowledge", text):
            check_part_or_redirect(
                hostile.client.post(
                    path, data={**form, "act": act, "note": text, "assignee": text[:200]}
                )
            )
        with contextlib.suppress(UsageError):
            desk.alerts.silence(text[:64], text[:2000], kind="exclusion", rule=text[:256],
                                key=((text[:1000], text[:1000]),))  # fmt: skip
        answer = hostile.client.get(path)
        assert answer.status_code == 200
        check(answer)
        for query in ({}, {"kind": text, "rule": text, "field": text, "level": text}):
            check(hostile.client.get(f"{path}/mute", params=query))
        mute = {**form, "kind": "silence", "rule": "1", "fields": "0,1,2,3", "reason": text,
                "hours": text, "days": text, "level": text}  # fmt: skip
        check_part_or_redirect(hostile.client.post(f"{path}/mute", data=mute))
        for name in ("state", "level", "rule", "assignee", "key", "below"):
            check(hostile.client.get("/alerts", params={name: text}))
        if "\n" not in text:
            check(hostile.client.get(f"/alerts/{quote(text, safe='')}"))
        check_part_or_redirect(hostile.client.post("/silences/end", data={**form, "id": text}))
    for path in ("/alerts", "/alerts?state=all", "/silences?ended=1"):
        text = check(hostile.client.get(path))
        assert "&lt;script&gt;document.title" in text


def test_rules_and_messages_with_a_hostile_text_in_every_field(hostile, fake):
    log, form = hostile.log, {"csrf": hostile.csrf("/about")}
    heads = desks_kit.hostile(log.folder, fake.HOSTILE)
    text = check(hostile.client.get("/rules"))
    assert "&lt;script&gt;document.title" in text
    for head, text in zip(heads, fake.HOSTILE, strict=True):
        for query in ({"state": text}, {"pack": text}, {"level": text}, {"first": text}):
            check(hostile.client.get("/rules", params=query))
        if "\n" not in text:
            answer = hostile.client.get(f"/rules/{quote(head.id, safe='')}")
            assert answer.status_code == 200, head.id
            check(answer)
            check(hostile.client.get(f"/rules/{quote(text, safe='')}"))
            check(hostile.client.get(f"/backtests/{quote(text, safe='')}"))
        begun = hostile.client.post("/backtests", data={**form, "rule": head.id, "days": "7"})
        assert begun.status_code == 303
        check(hostile.client.get(begun.headers["location"]))
        process = log.processes[-1]
        process.answered = desks_kit.hostile_answer(text)
        process.free.set()
        end = time.monotonic() + 20
        while "refresh" in (page := hostile.client.get(begun.headers["location"])).headers:
            assert time.monotonic() < end
        check(page)
        for path, more in (
            ("/backtests", {"rule": text, "days": text}), ("/backtests/end", {"id": text}),
            ("/outbox", {"id": text, "all": text}),
        ):  # fmt: skip
            answer = hostile.client.post(path, data={**form, **more})
            assert answer.status_code in {400, 404}
            check(answer)
    text = check(hostile.client.get("/outbox"))
    assert "&lt;script&gt;document.title" in text


def check_part_or_redirect(answer):
    assert answer.status_code in {303, 400, 403, 404}
    if answer.status_code == 303:
        assert re.fullmatch("/silences|/alerts/[0-9a-f-]{36}", answer.headers["location"])
    else:
        check(answer)


def test_event_page_with_a_hostile_text_in_every_field(hostile):
    assert len(hostile.log.hits) == 40
    for hit in hostile.log.hits:
        answer = hostile.client.get(f"/events/{hit.event.when.id}")
        assert answer.status_code == 200
        check(answer)


def test_event_beside_a_list_with_a_hostile_text_in_every_field(hostile, fake):
    for hit, text in zip(hostile.log.hits[::2], fake.HOSTILE, strict=True):
        for q in (text, "actor.type:agent", f'actor:"{text}"'):
            path = f"/events/{hit.event.when.id}"
            answer = hostile.client.get(path, params={"fragment": "1", "q": q})
            assert answer.status_code == 200
            page, checker = check_part(answer)
            assert checker.scripts == 0
            assert "<html" not in page
            assert page.count("<h2") == 1


def test_surroundings_of_hostile_events(hostile, fake):
    for hit in hostile.log.hits[::7]:
        page = hostile.client.get(f"/events/{hit.event.when.id}").text
        for href in re.findall(r'<a href="(/around[^"]*)"', page):
            check(hostile.client.get(html.unescape(href)))
            check_part(hostile.client.get(html.unescape(href) + "&fragment=1"))
    for text in fake.HOSTILE:
        for name in ("q", "at", "id"):
            asked = {"q": "access:read", "at": "2026-11-22T12:20:00Z", "id": "x", name: text}
            check(hostile.client.get("/around", params=asked))


def test_verdict_on_hostile_events(hostile):
    form = {"csrf": hostile.csrf("/about")}
    for hit in hostile.log.hits[::9]:
        answer = hostile.client.post(f"/events/{hit.event.when.id}/verify", data=form)
        assert answer.status_code == 200
        check(answer)


def test_hostile_queries_names_addresses_and_agents(hostile, fake):
    for text in fake.HOSTILE:
        answer = hostile.client.get("/", params={"q": text, "before": "", "past": text})
        assert answer.status_code in {200, 400}
        check(answer)
        check(hostile.client.get("/", params={"q": f"actor:{text}", "own": text}))
    hostile.client.cookies.clear()
    for text in fake.HOSTILE:
        form = {"csrf": hostile.csrf("/login"), "next": text, "name": text, "password": text}
        check(hostile.client.post("/login", data=form))
        check(hostile.client.get("/login/" + text.encode().hex()))


def test_hostile_sources_and_reasons(hostile, fake):
    log = hostile.log
    log.formats = {text: text for text in fake.HOSTILE}
    check(hostile.client.get("/sources"))
    log.warnings = fake.HOSTILE
    for text in fake.HOSTILE:
        log.stopped = text
        check(hostile.client.get("/"))


@pytest.fixture
def loaded(monkeypatch):
    """Names of the templates that were read."""
    names = set()
    read = FileSystemLoader.get_source

    def noted(self, environment, name):
        names.add(name)
        return read(self, environment, name)

    monkeypatch.setattr(FileSystemLoader, "get_source", noted)
    return names


def test_every_page_is_well_formed_and_guarded(loaded, site):
    paths = ["/", "/?columns=actor,changes", "/?q=nofield:x", "/?q=|+stats+by+(actor)",
             "/?q=actor:x|stats+by+(actor)", "/?q=|+sequence+by+actor+[*]->[*]+within+1d",
             "/?q=actor:nobody+outcome:denied", "/sources", "/about", "/integrity", "/connect",
             "/nowhere", "/events/none", "/trace", "/trace/x", "/profile/actor/alice",
             "/lookers", "/lookers?q=", "/overview", "/views", "/views?save=1&q=",
             "/at/5?q=", "/at/5?q=|+stats+by+(actor)",
             "/login/wdl_x",
             "/around?at=2026-11-22T10:30:15Z",
             "/events/019ab000-0000-7000-8000-000000000001", "/alerts", "/silences"]  # fmt: skip
    site.log.alerts.alerts.take([alert_kit.finding_of(site.log.hits[:2])])
    [alert] = alert_kit.all_of(site.log.alerts.alerts)
    paths += [f"/alerts/{alert.id}", f"/alerts/{alert.id}/mute"]
    desks_kit.with_rules(site.log.folder)
    desks_kit.messages(site.log.folder)
    form = {"csrf": site.csrf("/about"), "rule": "rule-high", "days": "7"}
    look = site.client.post("/backtests", data=form).headers["location"]
    paths += ["/rules", "/rules/rule-high", look, "/outbox"]
    for path in [*paths, "/people", "/tokens"]:
        if path == "/people":
            site.doorkeeper.users.set_rights("admin", role="administrator")
            site.log_in()
        answer = site.client.get(path)
        check(answer)
        headers = answer.headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
    site.client.cookies.clear()
    check(site.client.get("/login"))
    templates = {file.name for file in Path(whodid.web.__file__).parent.glob("templates/*.html")}
    assert templates == loaded, "a template that no page uses, or that is not tested"


def test_files_are_ours_typed_and_kept(site):
    page = site.client.get("/login/x").text
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    assert len(addresses) > 5
    for address in addresses:
        answer = site.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        kind = answer.headers["content-type"]
        assert kind.startswith(("text/css", "text/javascript", "image/svg"))
        foreign = rb"https?://(?!www\.w3\.org/2000/svg)|@import|eval\(|innerHTML"
        assert not re.search(foreign, answer.content)
        name = address.rpartition("/")[2]
        for other in (f"/static/{name}", f"/static/000000000000/{name}"):
            stale = site.client.get(other)
            assert stale.content == answer.content
            assert "immutable" not in stale.headers["cache-control"]


def test_scripts_are_small_and_known_to_the_page(site):
    page = site.client.get("/").text
    scripts = [a for a in re.findall(r'(?:href|src)="([^"]+)"', page) if a.endswith(".js")]
    code = [site.client.get(address).content for address in scripts]
    assert sum(len(gzip.compress(data)) for data in code) <= 60 * 1024
    names = {address.rpartition("/")[2] for address in scripts}
    imported = {name for data in code for name in re.findall(rb'from "\./(.+?)"', data)}
    assert {name.encode() for name in names} == imported | {b"whodid.js"}
