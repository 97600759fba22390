"""Search, pages, show and proof through every face, and the proof checked without whodid's help."""

import base64
import html
import json
import re

import pytest

from whodid.merkle.checkpoint import Vkey, parse_body, verify_note
from whodid.merkle.tiles import parse_entry_bundle
from whodid.merkle.tree import hash_leaf, verify_inclusion

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def story(source):
    source.send(
        [
            {
                "id": f"s{number}",
                "timestamp": f"2024-01-01T00:00:{number:02}Z",
                "userId": "dana",
                "action": "SELECT",
                "resource": f"table{number % 5}",
                "rows": number,
                "status": "SUCCESS" if number % 7 else "DENIED",
            }
            for number in range(60)
        ]
    )
    return source


def test_keyset_pages_are_whole_and_stay_so_while_events_come(story):
    seen, before = [], None
    while True:
        page = story.search("actor:dana", limit=17, **({"before": before} if before else {}))
        assert (page["total"], page["total_is_exact"]) == (60 + len(seen) // 17, True)
        seen += [event["rows"] for event in page["events"] if "rows" in event]
        before = page["next"]
        if not before:
            break
        story.send({"id": f"new{len(seen)}", "userId": "dana", "action": "LATER"})
    assert seen == list(range(59, -1, -1))


def test_an_answer_as_of_a_size_stays_the_same(story, reader):
    size = story.search("actor:dana")["size"]
    before = story.search("actor:dana", at=size, limit=5)
    vkey = Vkey.parse(
        reader.get(f"/v1/events/{before['events'][0]['id']}/proof").json()["proof"]["vkey"]
    )
    assert parse_body(verify_note(before["checkpoint"], vkey)).size == before["size"] == size
    story.send({"id": f"late{size}", "userId": "dana", "action": "LATER"})
    after = story.search("actor:dana", at=size, limit=5)
    assert after.pop("newer") > before.pop("newer")
    assert after == before
    assert story.search("actor:dana")["total"] == before["total"] + 1


def test_what_is_told_of_the_place_and_of_its_readers(story, reader):
    story.search("actor:dana needle-of-mine")
    found = reader.get("/v1/lookers", params={"of": "actor", "named": "dana"}).json()
    assert found["lookers"][0]["acts"]["search"] > 0
    overview = reader.get("/v1/overview", params={"period": "day"}).json()
    assert overview["period"] == "day"
    sources = {one["name"]: one for one in reader.get("/v1/sources").json()["sources"]}
    assert sources[story.name]["last_hour"] > 0
    assert sources[story.name]["lag"]["events"] > 0
    assert isinstance(reader.get("/v1/views").json()["views"], list)


def test_terms_narrow_it(story):
    assert story.search("actor:dana rows:>=50")["total"] == 10
    assert story.search("actor:dana outcome:denied")["total"] == 9
    assert story.search("actor:dana resource:table1 -outcome:denied")["total"] == 10
    assert story.search("time:[2024-01-01T00:00:10Z TO 2024-01-01T00:00:19Z] dana")["total"] == 10


def test_a_proof_is_checked_with_the_pure_floor_alone(story, reader):
    [event] = story.search("actor:dana rows:42")["events"]
    document = reader.get(f"/v1/events/{event['id']}/proof").json()
    proof = {
        key: [base64.b64decode(one) for one in value] if isinstance(value, list)
        else base64.b64decode(value) if key in {"leaf", "seed"} else value
        for key, value in document["proof"].items()
    }  # fmt: skip
    head = parse_body(verify_note(proof["checkpoint"], Vkey.parse(proof["vkey"])))
    assert head.size == proof["size"]
    verify_inclusion(hash_leaf(proof["leaf"]), event["index"], head.size, proof["proof"], head.root)
    assert commitment(proof["seed"], proof["groups"]) == proof["leaf"][-32:]
    assert json.loads(proof["groups"][6])["rows"] == 42
    assert document["raw"].encode() == proof["groups"][6]


def commitment(seed, groups):
    """The commitment as DESIGN section 4 tells it, written again."""
    from hashlib import sha256, shake_128

    salts = shake_128(b"whodid/salt/v1" + seed).digest(8 * 16)
    parts = [
        sha256(
            b"whodid/group/v1" + bytes([number + 1]) + salts[16 * number : 16 * number + 16] + data
        ).digest()
        for number, data in enumerate(groups)
    ]
    return sha256(b"whodid/event/v1" + b"".join(parts)).digest()


def test_the_published_tiles_hold_the_same_leaf(story, reader, server):
    [event] = story.search("actor:dana rows:43")["events"]
    document = reader.get(f"/v1/events/{event['id']}/proof").json()
    size, index = document["proof"]["size"], event["index"]
    tile, at = divmod(index, 256)
    width = min(256, size - tile * 256)
    suffix = "" if width == 256 else f".p/{width}"
    with server.client() as public:
        path = f"/ledger/default/tile/entries/{tile:03}{suffix}"
        assert public.get(path).status_code == 401, "entries are for those who may read"
        hashes = public.get(f"/ledger/default/tile/0/{tile:03}{suffix}").content
        note = public.get("/ledger/default/checkpoint").text
    leaf = parse_entry_bundle(reader.get(path).content, width)[at]
    assert leaf == base64.b64decode(document["proof"]["leaf"])
    assert hashes[32 * at : 32 * at + 32] == hash_leaf(leaf)
    verify_note(note, Vkey.parse(document["proof"]["vkey"]))


def test_a_tail_shows_what_comes(story, reader):
    with reader.stream("GET", "/v1/tail", params={"q": "actor:tess"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        story.send({"id": "t1", "userId": "tom", "action": "READ"})
        story.send({"id": "t2", "userId": "tess", "action": "READ"})
        data = next(line for line in lines if line.startswith("data:"))
    assert json.loads(data[5:])["native_id"] == "t2"


# --- the pages -----------------------------------------------------------------------------------


def test_from_a_search_to_a_verified_event(story, browser, server):
    page = browser.get("/", params={"q": f"source:{story.name} rows:44"})
    assert page.status_code == 200
    assert "dana" in page.text
    [event_path] = set(re.findall(r'href="(/events/[^"/]+)"', page.text))
    event = browser.get(event_path)
    assert "table4" in event.text
    form = re.search(
        r'<form method="post" action="([^"]+/verify)[^"]*">(.*?)</form>', event.text, re.DOTALL
    )
    token = re.search(r'name="csrf" value="([^"]+)"', form[2])[1]
    verified = browser.post(
        html.unescape(form[1]), data={"csrf": token}, headers={"Origin": server.url}
    )
    assert "Verified: this event is what was recorded." in verified.text
    assert verified.text.count('class="ok"') >= 3
    without = browser.post(form[1], data={"csrf": "x"}, headers={"Origin": server.url})
    assert without.status_code == 403
    foreign = browser.post(
        form[1], data={"csrf": token}, headers={"Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403


def test_markup_in_a_log_is_text_on_a_page(story, browser):
    story.send({"id": "m", "userId": MARKUP, "action": MARKUP, "resource": MARKUP})
    page = browser.get("/", params={"q": f'source:{story.name} "onerror"'})
    assert "onerror" in page.text
    assert MARKUP not in page.text
    assert "script-src" in page.headers["content-security-policy"]


def test_pages_need_a_login(server):
    with server.client() as nobody:
        for path in ("/", "/sources", "/events/x", "/about"):
            answer = nobody.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login")


def test_login_by_password_and_out(server, password):
    with server.client() as client:
        token = token_of(client.get("/login"))
        fields = {"csrf": token, "name": "ann"}
        origin = {"Origin": server.url}
        wrong = client.post("/login", data={**fields, "password": "wrong"}, headers=origin)
        assert wrong.status_code == 401
        token = token_of(wrong)
        fields = {"csrf": token, "name": "ann", "password": password}
        assert client.post("/login", data=fields, headers=origin).status_code == 303
        page = client.get("/")
        assert page.status_code == 200
        token = token_of(page)
        out = client.post("/logout", data={"csrf": token}, headers=origin)
        assert out.status_code == 303
        assert client.get("/").status_code == 303


# --- the command line beside the server ----------------------------------------------------------


def test_commands_go_through_the_running_server(story, server):
    by_dir = server.json("search", f"source:{story.name} rows:45")
    token = server.token("--user", "ann")
    by_url = server.json(
        "search", f"source:{story.name} rows:45", "--url", server.url,
        WHODID_TOKEN=token, WHODID_DIR="",
    )  # fmt: skip
    assert by_dir["events"] == by_url["events"]
    [event] = by_url["events"]
    shown = server.json("show", event["id"], "--proof", "--url", server.url, WHODID_TOKEN=token)
    assert shown["proof"]["index"] == event["index"]
    line = json.dumps({"id": "cli", "userId": "dana", "action": "READ"})
    assert server.json("ingest", "--source", story.name, "-", stdin=line)["accepted"] == 1
    assert server.verified() == []


def test_errors_by_url_have_the_same_exit_codes(server):
    token = server.token("--user", "ann")
    url = ("--url", server.url)
    parse = server.run("search", "actro:x", *url, rc=2, WHODID_TOKEN=token)
    assert parse.stderr.split("\n")[1] == "^"
    assert "did you mean 'actor'" in parse.stderr
    server.run("show", "a/../b", *url, rc=2, WHODID_TOKEN=token)
    server.run("search", "x", *url, rc=4, WHODID_TOKEN="wrong")
    assert "WHODID_TOKEN" in server.run("search", "x", *url, rc=2).stderr
    dead = ("--url", "http://127.0.0.1:1")
    assert "does not answer" in server.run("search", "x", *dead, rc=1, WHODID_TOKEN=token).stderr
    for bad in ("ftp://x", "nonsense", "http://x:99999", ""):
        done = server.run("search", "x", "--url", bad, rc=2, WHODID_TOKEN=token, WHODID_DIR="")
        assert "Traceback" not in done.stderr, bad


def test_every_face_left_its_event(server, numbers, password):
    """Every act is its own: other tests may run in another worker, on another server."""
    name = f"app{next(numbers)}"
    server.run("source", "add", name, "--format", "json")
    line = json.dumps({"id": "f1", "userId": "fay", "action": "READ"})
    assert server.json("ingest", "--source", name, "-", stdin=line)["accepted"] == 1
    [event] = server.json("search", f"source:{name}")["events"]
    with server.client(server.token("--user", "ann")) as client:
        assert client.get("/v1/search", params={"q": f"source:{name}"}).json()["total"] == 1
        size = client.get(f"/v1/events/{event['id']}/proof").json()["proof"]["size"]
        tile, width = divmod(size, 256)
        suffix = f"{tile:03}.p/{width}" if width else f"{tile - 1:03}"
        assert client.get(f"/ledger/default/tile/entries/{suffix}").status_code == 200
        with client.stream("GET", "/v1/tail", params={"q": "actor:nobody"}) as stream:
            next(stream.iter_lines())
    origin = {"Origin": server.url}
    server.run("login", "ann", "--link", "--server", server.url)
    with server.client(follow_redirects=True) as client:
        fields = {"csrf": token_of(client.get("/login")), "name": "ann", "password": password}
        assert client.post("/login", data=fields, headers=origin).status_code == 200
        assert event["id"] in client.get("/", params={"q": f"source:{name}"}).text
        shown = client.get(f"/events/{event['id']}")
        [verify] = re.findall(r'action="([^"]+/verify[^"]*)"', shown.text)
        form = {"csrf": token_of(shown)}
        assert client.post(html.unescape(verify), data=form, headers=origin).status_code == 200
        client.post("/logout", data=form, headers=origin)

    own = server.json("search", "service:whodid", "--limit", 1000)["events"]
    faces = {(event["endpoint"], event["action"]) for event in own}
    assert {
        ("api", "search"), ("api", "prove"), ("api", "tail"), ("api", "export entries"),
        ("web", "log in"), ("web", "log out"), ("web", "search"), ("web", "show"),
        ("web", "verify"), ("cli", "search"), ("cli", "ingest"), ("cli", "issue token"),
        ("cli", "declare source"), ("cli", "issue login link"),
    } - faces == set()  # fmt: skip
    by_http = [event for event in own if event["endpoint"] in {"api", "web"}]
    assert {event["ip"] for event in by_http} == {"127.0.0.1"}


def token_of(page):
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
