"""Every face and address against every role, over the real application and a real ledger."""

import re
import threading

import anyio
import httpx
import msgspec
import pytest

from whodid.access.password import Cost
from whodid.access.read_tokens import ReadTokens
from whodid.access.sessions import SESSION_COOKIE, Sessions
from whodid.access.users import Users
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.clock import system_clock
from whodid.config.settings import Settings as ServerSettings
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.local import LocalSequencer
from whodid.ledger.opening import Settings, init_ledger, open_ledger
from whodid.serve.face_process import desks_of, make_application
from whodid.serve.watch import Watch
from whodid.sources.intake import Delivery

OUTSIDE = "board-salaries"
WITHHELD = "cardnumber"
PEOPLE = {  # name: role, filter, denied
    "ines": ("investigator", "", ()),
    "ivan": ("investigator", "source:shop", ("statement", "actor")),
    "rita": ("reader", "source:shop", ("statement", "actor")),
    "abel": ("approver", "source:shop", ("statement", "actor")),
    "root": ("administrator", "", ()),
}
CUT = ("ivan", "rita", "abel")
SEARCHES = [
    "", "board", "shop", "source:hr", "resource:board-salaries", "cardnumber", "zelda", "action:*",
    "| stats by (source) count()", "| stats by (resource) count()", "| sort -rows | limit 5",
    "service:whodid", "-resource:orders",
]  # fmt: skip
NOTHING_FOR_THEM = {
    "board", "source:hr", "resource:board-salaries", "cardnumber", "zelda", "service:whodid",
    "-resource:orders",
}  # fmt: skip
DENIED = [
    "statement:SELECT", "actor:zelda", "actor.id:*", "-user:zelda", "(action:READ OR statement:x)",
    "| stats by (actor) count()", "| stats count_distinct(actor.name)", "| sort actor.id",
]  # fmt: skip


class House:
    """The application, and a way to ask it as each of the people."""

    def __init__(self, folder):
        self.directory = folder / "ledger"
        keys = init_ledger(self.directory, origin="test.example/whodid/roles")
        self.port = LocalSequencer(*open_ledger(self.directory, settings=Settings(1 << 20, 0)))
        self.reading = LedgerReading(self.directory, keys, self.port, system_clock)
        watch = Watch(self.directory)
        desks = desks_of(self.directory, keys, self.port, self.reading, watch, ServerSettings)
        self.app = make_application(
            self.directory, keys, self.reading, threading.Event(), watch, desks
        )
        users = Users(self.directory, keys.state_keys(), cost=Cost(8, 1, 1))
        self.tokens, self.sessions = {}, {}
        for name, (role, filter_text, deny) in PEOPLE.items():
            user = users.add(name, None, role, filter_text=filter_text, deny=deny)
            self.tokens[name] = ReadTokens(self.directory, keys.state_keys()).issue(user, "t")
            self.sessions[name] = Sessions(self.directory, keys.state_keys()).open(user)
        maker = RowMaker(keys.identity_root(), self.port.sources)
        intake = LedgerIntake(maker, BatchBuilder(keys.ledger_id, keys.public_kek()), self.port)
        for source, resource in (("shop", "orders"), ("hr", OUTSIDE)):
            self.port.declare_source(source, "json", source)
            records = [
                msgspec.json.encode({
                    "id": f"{source}-{n}", "userId": "zelda", "action": "READ", "rows": n,
                    "resource": resource, "statement": f"SELECT {WITHHELD} FROM {resource}",
                })
                for n in range(1, 4)
            ]  # fmt: skip
            intake.accept(Delivery(source, records, system_clock()))
        found = self.get("ines", "/v1/search", q="")
        self.ids = {event["source"]: event["id"] for event in found.json()["events"]}

    def get(self, name, path, *, face="api", **params):
        api = face == "api"
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if api else {}
        cookies = {} if api else {SESSION_COOKIE: self.sessions[name]}

        async def call():
            transport = httpx.ASGITransport(self.app, client=("198.51.100.7", 1))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://whodid.example", cookies=cookies
            ) as client:
                return await client.get(path, params=params, headers=headers)

        return anyio.run(call)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roles")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHODID_KEYS", str(folder / "keys"))
        found = House(folder)
        yield found
        found.reading.close()


def told(response, asked=""):
    """Return what an answer says beside the question itself."""
    return response.text.replace(asked, "") if asked else response.text


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("text", SEARCHES)
def test_a_search_shows_nothing_outside_nor_withheld(house, name, text):
    for face, path in (("api", "/v1/search"), ("web", "/")):
        response = house.get(name, path, face=face, q=text)
        assert response.status_code == 200, (face, response.text[:400])
        shown = response.text
        for asked in ("resource:board-salaries", "resource%3Aboard-salaries", "cardnumber"):
            shown = shown.replace(asked, "") if text in {asked, "cardnumber"} else shown
        if text == "resource:board-salaries":  # the page says the question in English too
            shown = shown.replace("of board-salaries", "").replace("Aboard-salaries", "")
        assert OUTSIDE not in shown
        assert WITHHELD not in shown
        if text != "zelda":
            assert "zelda" not in shown
    document = house.get(name, "/v1/search", q=text).json()
    expected = 0 if text in NOTHING_FOR_THEM else 3
    assert document["total" if "total" in document else "events"] == expected
    if PEOPLE[name][0] != "investigator":
        assert document["hidden_own"] == 0


@pytest.mark.parametrize("name", CUT)
def test_exports_profiles_and_stories_show_nothing_outside_nor_withheld(house, name):
    for form in ("jsonl", "csv", "ocsf"):
        shown = house.get(name, "/v1/export", q="", format=form)
        assert shown.status_code == 200
        assert len(shown.text.splitlines()) == 3 + (form == "csv")
        for word in (OUTSIDE, WITHHELD, "zelda"):
            assert word not in shown.text
    profile = house.get(name, f"/v1/profile/resource/{OUTSIDE}").json()
    assert (profile["events"], profile["peers"], profile["facets"]) == (0, [], [])
    assert house.get(name, f"/profile/resource/{OUTSIDE}", face="web").status_code == 404
    orders = house.get(name, "/profile/resource/orders", face="web")
    assert orders.status_code == 200
    assert not {word for word in (OUTSIDE, WITHHELD, "zelda") if word in orders.text}
    assert house.get(name, f"/v1/trace/{house.ids['hr']}").json()["steps"] == []
    for face, path in (("api", "/v1/trace/"), ("web", "/trace/")):
        story = house.get(name, path + house.ids["shop"], face=face)
        assert story.status_code == 200
        assert not {word for word in (OUTSIDE, WITHHELD, "zelda") if word in story.text}


@pytest.mark.parametrize("name", CUT)
def test_overviews_and_answers_of_before_show_nothing_outside_nor_withheld(house, name):
    size = house.get("ines", "/v1/search", q="").json()["size"]
    for face, path, params in [
        ("api", "/v1/overview", {}), ("web", "/overview", {}),
        ("api", "/v1/search", {"q": "", "at": size}), ("web", f"/at/{size}", {"q": ""}),
        ("api", "/v1/search", {"q": "| stats by (resource) count()", "at": size}),
        ("web", f"/at/{size}", {"q": "| stats by (resource) count()"}),
    ]:  # fmt: skip
        response = house.get(name, path, face=face, **params)
        assert response.status_code == 200, path
        assert not {word for word in (OUTSIDE, WITHHELD, "zelda") if word in response.text}, path
        assert "orders" in response.text, path
    found = house.get(name, "/v1/overview").json()
    assert (found["events"]["now"], found["grid"], found["refused"]) == (3, None, [])
    assert house.get(name, "/v1/search", q="", at=size).json()["total"] == 3
    for path, face in (("/v1/search", "api"), (f"/at/{size}", "web")):
        given = {"q": "actor:zelda", **({"at": size} if face == "api" else {})}
        assert house.get(name, path, face=face, **given).status_code == 403


@pytest.mark.parametrize("name", CUT)
def test_one_sees_ones_own_looks_and_no_others(house, name):
    house.get("ines", "/v1/search", q="actor:zelda")
    house.get(name, "/v1/search", q="board")
    for given in ({}, {"q": "action:search"}, {"of": "resource", "named": "orders"}):
        found = house.get(name, "/v1/lookers", **given)
        assert found.status_code == 200
        document = found.json()
        assert document["only_own"]
        assert not {word for word in ("ines", "zelda", WITHHELD) if word in found.text}
        assert document["lookers"] == [], "the actor is withheld from him"
    assert house.get(name, "/v1/lookers").json()["total"] > 0
    assert house.get(name, "/lookers", face="web").status_code == 200
    assert house.get(name, "/v1/lookers", q="actor:ines").status_code == 403
    theirs = house.get("ines", "/v1/lookers", q="action:search").json()
    assert {"ines", name} <= {one["actor"] for one in theirs["lookers"]}


@pytest.mark.parametrize("name", CUT)
def test_sources_tell_of_visible_events_only(house, name):
    [shop] = house.get(name, "/v1/sources").json()["sources"]
    assert (shop["events"], shop["last_hour"], shop["sequence"]) == (3, 3, None)
    assert sum(shop["last_24_hours"]) == 3


def test_an_administrator_has_no_part_in_what_shows_events(house):
    for face, path in [
        ("api", "/v1/overview"), ("web", "/overview"), ("api", "/v1/lookers"), ("web", "/lookers"),
        ("api", "/v1/views"), ("web", "/views"), ("api", "/v1/search?at=3"), ("web", "/at/3"),
    ]:  # fmt: skip
        response = house.get("root", path.partition("?")[0], face=face,
                             **({"at": 3} if "?" in path else {}))  # fmt: skip
        assert response.status_code == 403, path
        assert not {word for word in (OUTSIDE, WITHHELD, "zelda") if word in response.text}
    said = house.get("ines", "/v1/search", q="service:whodid actor:root outcome:denied").json()
    assert {event["action"] for event in said["events"]} >= {
        "overview", "review", "list views", "search",
    }  # fmt: skip


def test_addresses_with_line_breaks_are_answered_as_others(house):
    for path, status in (("/v1/trace/a%0Ab", 200), ("/v1/nowhere%0A", 404)):
        answer = house.get("ines", path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    for path in ("/trace/a%0A", "/profile/actor/a%0Ab", "/nowhere%0A"):
        answer = house.get("ines", path, face="web")
        assert answer.status_code == 404
        assert "<h1" in answer.text


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("text", DENIED)
def test_a_question_about_a_withheld_field_is_refused_by_every_face(house, name, text):
    for path, face in (("/v1/search", "api"), ("/", "web")):
        assert house.get(name, path, face=face, q=text).status_code == 403
    if "|" not in text:
        for path in ("/v1/tail", "/v1/histogram", "/v1/facets"):
            assert house.get(name, path, q=text).status_code == 403
    said = house.get("ines", "/v1/search", q=f"service:whodid actor:{name} outcome:denied").json()
    assert said["total"] >= 2, "each refusal is an event"


@pytest.mark.parametrize("name", CUT)
def test_completion_offers_nothing_outside_nor_withheld(house, name):
    for text in ("source:", "resource:", "resource:board", "actor:", "actor:z", "zel", "board",
                 "statement:", "format:", "service:", "host:", "| stats by ("):  # fmt: skip
        response = house.get(name, "/v1/complete", q=text)
        assert response.status_code == 200, text
        for word in (OUTSIDE, "zelda", "hr", WITHHELD):
            assert word not in [item["text"] for item in response.json()["items"]]
            assert word not in response.text.replace(f'"typed":"{word}"', "")
    everything = house.get("ines", "/v1/complete", q="resource:board").json()
    assert [item["text"] for item in everything["items"]] == [OUTSIDE]
    fields = [item["text"] for item in house.get(name, "/v1/complete", q="act").json()["items"]]
    assert "action:" in fields
    assert "actor:" not in fields


@pytest.mark.parametrize("name", CUT)
def test_what_is_around_an_event_and_columns_are_cut_too(house, name):
    event = house.get("ines", f"/v1/events/{house.ids['hr']}").json()
    for query, shown in (("source:shop", 3), ("source:hr", 0), ("action:READ", 3)):
        found = house.get(
            name, "/around", face="web", q=query, at=event["received"], id=event["id"]
        )
        assert found.status_code == 200
        assert found.text.count('class="what"') == shown
        assert not {word for word in (OUTSIDE, WITHHELD, "zelda") if word in found.text}
    at = {"at": event["received"]}
    assert house.get(name, "/around", face="web", q="actor:zelda", **at).status_code == 403
    columns = "actor,statement,resource,source,message"
    found = house.get(name, "/", face="web", q="", columns=columns)
    assert found.text.count('class="open"') == 3
    assert not {word for word in (OUTSIDE, WITHHELD, "zelda") if word in found.text}
    beside = house.get(
        name, f"/events/{house.ids['shop']}", face="web", fragment="1", q="", columns=columns
    )
    assert beside.status_code == 200
    assert not {word for word in (OUTSIDE, WITHHELD, "zelda") if word in beside.text}


@pytest.mark.parametrize("name", CUT)
def test_counts_beside_an_answer_are_cut_too(house, name):
    facets = house.get(name, "/v1/facets", q="", fields="source,resource")
    assert facets.status_code == 200
    assert OUTSIDE not in facets.text
    assert house.get(name, "/v1/facets", q="", fields="actor").status_code == 403
    assert "zelda" not in house.get(name, "/v1/facets", q="").text
    histogram = house.get(name, "/v1/histogram", q="").json()
    assert histogram["events"] == 3
    assert sum(bar["unknown"] + bar["success"] for bar in histogram["bars"]) == 3


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("path", ["/v1/events/{}", "/v1/events/{}/proof", "/events/{}"])
def test_one_event(house, name, path):
    face = "api" if path.startswith("/v1") else "web"
    inside = house.get(name, path.format(house.ids["shop"]), face=face)
    assert inside.status_code == 200
    assert WITHHELD not in inside.text
    assert "zelda" not in inside.text
    outside = house.get(name, path.format(house.ids["hr"]), face=face)
    missing = house.get(name, path.format("0190a0a0-dead-7000-8000-000000000000"), face=face)
    assert outside.status_code == missing.status_code == 404
    same = [told(outside, house.ids["hr"]), told(missing, "0190a0a0-dead-7000-8000-000000000000")]
    assert same[0] == same[1]


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize(("path", "face"), [("/v1/sources", "api"), ("/sources", "web")])
def test_sources(house, name, path, face):
    response = house.get(name, path, face=face)
    assert response.status_code == 200
    assert "shop" in response.text
    assert not re.search(r"\bhr\b", response.text)


def test_an_administrator_reads_no_event_by_any_face(house):
    event_id = house.ids["shop"]
    for path, params in [
        ("/v1/search", {"q": ""}), ("/v1/search", {"q": "| stats by (source) count()"}),
        ("/v1/histogram", {}), ("/v1/facets", {}), ("/v1/tail", {}),
        (f"/v1/events/{event_id}", {}), (f"/v1/events/{event_id}/proof", {}),
        ("/v1/export", {"q": ""}), ("/v1/profile/actor/zelda", {}),
        ("/v1/search", {"q": "", "as": "ocsf"}), ("/ledger/default/tile/entries/000.p/9", {}),
    ]:  # fmt: skip
        response = house.get("root", path, **params)
        assert response.status_code == 403, path
        assert OUTSIDE not in response.text
    assert house.get("root", "/", face="web").headers["location"] == "/people"
    assert house.get("root", "/", face="web", q="zelda").headers["location"] == "/people"
    assert house.get("root", f"/events/{event_id}", face="web").status_code == 403
    around = house.get("root", "/around", face="web", q="source:shop", at="2026-11-22")
    assert around.status_code == 403
    offered = house.get("root", "/v1/complete", q="source:")
    assert [item["text"] for item in offered.json()["items"]] == ["*", "=", "~"]
    assert house.get("root", "/v1/sources").status_code == 200


def test_an_investigator_sees_everything(house):
    assert house.get("ines", "/v1/search", q="").json()["total"] == 6
    assert house.get("ines", f"/v1/events/{house.ids['hr']}").json()["details"]["userId"] == "zelda"
    assert house.get("ines", "/", face="web", q="service:whodid").status_code == 200


@pytest.mark.parametrize("name", CUT)
def test_ocsf_is_cut_too(house, name):
    response = house.get(name, "/v1/search", q="", **{"as": "ocsf"})
    assert response.status_code == 200
    for word in (OUTSIDE, WITHHELD, "zelda"):
        assert word not in response.text
