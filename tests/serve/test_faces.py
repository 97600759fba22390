"""API and pages over a real ledger: an own event is durable before the first byte of an answer.

The application of the faces' process, called in this one; the order of things is recorded.
"""

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
from whodid.config.settings import Settings
from whodid.errors import RefusedError, StoppedError
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.local import LocalSequencer
from whodid.ledger.opening import init_ledger, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.serve.face_process import desks_of, make_application
from whodid.serve.watch import Watch
from whodid.sources.intake import Delivery

SECRET = "salaries-of-the-board"
AGENT = "Mozilla/5.0 (test)"
IP = "198.51.100.7"
PASSWORD = "correct horse battery"


class RecordingPort:
    """The real sequencer; remembers when something is durable, and refuses when told to."""

    def __init__(self, port, happened):
        self._port = port
        self._happened = happened
        self.fault = None

    def submit(self, batch):
        if self.fault:
            raise self.fault
        receipt = self._port.submit(batch)
        self._happened.append("durable")
        return receipt

    def __getattr__(self, name):
        return getattr(self._port, name)


class Faces:
    """The application on one ledger, with one user who is logged in and holds a token."""

    def __init__(self, directory, keys, port):
        self.directory = directory
        self.keys = keys
        self.happened = []
        self.port = RecordingPort(port, self.happened)
        reading = LedgerReading(directory, keys, self.port, system_clock)
        self.reading = reading
        watch = Watch(directory)
        desks = desks_of(directory, keys, self.port, reading, watch, Settings)
        self.app = make_application(directory, keys, reading, threading.Event(), watch, desks)
        user = Users(directory, keys.state_keys(), cost=Cost(8, 1, 1)).add(
            "ann", PASSWORD, "investigator"
        )
        self.token = ReadTokens(directory, keys.state_keys()).issue(user, "test")
        self.session = Sessions(directory, keys.state_keys()).open(user)
        self.link = Sessions(directory, keys.state_keys()).issue_link(user)
        port.declare_source("hr", "json", "hr")
        LedgerIntake(
            RowMaker(keys.identity_root(), port.sources),
            BatchBuilder(keys.ledger_id, keys.public_kek()),
            port,
        ).accept(
            Delivery(
                "hr",
                [
                    msgspec.json.encode(
                        {"id": f"e{n}", "userId": "bob", "action": "READ", "resource": SECRET}
                    )
                    for n in range(3)
                ],
                system_clock(),
            )
        )
        with LedgerRows(self) as rows:
            self.event_id = next(row.event() for row in rows if _from(row, "hr")).when.id

    def own(self):
        with LedgerRows(self) as rows:
            return [row.event() for row in rows if _from(row, "whodid")]

    async def _app(self, scope, receive, send):
        async def watched(message):
            if message["type"] == "http.response.start":
                self.happened.append("answer")
            await send(message)

        await self.app(scope, receive, watched)

    def ask(self, method, path, *, by="nobody", **options):
        headers = {"User-Agent": AGENT, **options.pop("headers", {})}
        cookies = options.pop("cookies", {})
        if by == "api":
            headers["Authorization"] = f"Bearer {self.token}"
        elif by == "web":
            cookies = {SESSION_COOKIE: self.session, **cookies}

        async def call():
            transport = httpx.ASGITransport(self._app, client=(IP, 4242))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://whodid.example", cookies=cookies
            ) as client:
                return await client.request(method, path, headers=headers, **options)

        self.happened.clear()
        return anyio.run(call)

    def form(self, path):
        """Return the hidden fields and the cookies of a page's form."""
        answer = self.ask("GET", path, by="web" if path.startswith("/events") else "nobody")
        fields = dict(re.findall(r'name="(csrf|next)" value="([^"]*)"', answer.text))
        return fields, dict(answer.cookies)


class LedgerRows:
    def __init__(self, faces):
        self.reader = LedgerReader(faces.directory, faces.keys)

    def __enter__(self):
        return list(self.reader.rows(0, self.reader.refresh()))

    def __exit__(self, *_):
        self.reader.close()


def _from(row, source):
    event = row.event()
    return event is not None and event.envelope.source == source


@pytest.fixture
def faces(tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path / "keys"))
    directory = tmp_path / "ledger"
    keys = init_ledger(directory, origin="test.example/whodid/faces")
    port = LocalSequencer(*open_ledger(directory))
    faces = Faces(directory, keys, port)
    yield faces
    faces.reading.close()


def reads(faces):
    """Every read: (who, method, path, form) → the own event it must leave."""
    event = f"/events/{faces.event_id}"
    csrf = faces.form(event)[0]["csrf"]
    bundle = f"/ledger/{faces.keys.ledger_id.hex()}/tile/entries/000.p/5"
    return [
        ("api", "GET", "/v1/search?q=actor:bob", None, ("search", "read", "events", "actor:bob")),
        ("api", "GET", f"/v1{event}", None, ("show", "read", faces.event_id, None)),
        ("api", "GET", f"/v1{event}/proof", None, ("prove", "read", faces.event_id, None)),
        ("api", "GET", "/v1/sources", None, ("list", "read", "sources", None)),
        ("api", "GET", bundle, None, ("export entries", "read", bundle, None)),
        ("web", "GET", "/?q=actor:bob", None, ("search", "read", "events", "actor:bob")),
        ("web", "GET", event, None, ("show", "read", faces.event_id, None)),
        (
            "web", "POST", f"{event}/verify", {"csrf": csrf},
            ("verify", "read", faces.event_id, None),
        ),
        (
            "web", "GET", f"{event}?fragment=1&q=actor:bob", None,
            ("show", "read", faces.event_id, None),
        ),
        (
            "api", "GET", "/v1/complete?q=actor:bo", None,
            ("count", "read", "events", "actor:*bo*"),
        ),
        ("session", "GET", "/v1/complete?q=actor:b", None, ("count", "read", "events", "actor:b*")),
        ("web", "GET", "/sources", None, ("list", "read", "sources", None)),
        ("api", "GET", "/v1/overview", None, ("overview", "read", "week", None)),
        ("web", "GET", "/overview?period=day", None, ("overview", "read", "day", None)),
        ("api", "GET", "/v1/lookers?q=actor:bob", None, ("review", "read", "looks", "actor:bob")),
        ("web", "GET", "/lookers?of=actor&named=bob&q=", None, ("review", "read", "bob", None)),
        ("api", "GET", "/v1/views", None, ("list views", "read", "views", None)),
        ("web", "GET", "/views", None, ("list views", "read", "views", None)),
        (
            "api", "GET", "/v1/search?q=actor:bob&at=2", None,
            ("search", "read", "events of the first 2 entries", "actor:bob"),
        ),
        (
            "web", "GET", "/at/2?q=actor:bob", None,
            ("search", "read", "events of the first 2 entries", "actor:bob"),
        ),
        ("session", "GET", "/v1/search?q=bob", None, ("search", "read", "events", "bob")),
    ]  # fmt: skip


def send(faces, by, method, path, form):
    options = {"data": form, "headers": {"Origin": "http://whodid.example"}} if form else {}
    return faces.ask(method, path, by="web" if by == "session" else by, **options)


def told(event):
    return (event.what.action, event.what.access, event.what.resource_name, event.content.statement)


def test_each_read_is_an_own_event_durable_before_the_answer_begins(faces):
    for by, method, path, form, expected in reads(faces):
        faces.port.publish()
        before = len(faces.own())
        answer = send(faces, by, method, path, form)
        assert answer.status_code == 200, (path, answer.text)
        assert faces.happened == ["durable", "answer"], path
        [event] = faces.own()[before:]
        assert told(event) == expected, path
        assert event.who.actor_id == "ann"
        assert event.who.actor_session, "the session or token is named"
        assert event.who.actor_session not in {faces.token, faces.session}, "and not shown"
        assert (event.where.ip, event.where.agent) == (IP, AGENT)
        assert event.context.endpoint == ("web" if by == "web" else "api")
        assert event.what.outcome == "success"


@pytest.mark.parametrize("fault", [RefusedError, StoppedError])
def test_no_event_no_answer(faces, fault):
    asked = reads(faces)
    before = len(faces.own())
    faces.port.fault = fault("the disk is full")
    for by, method, path, form, _ in asked:
        answer = send(faces, by, method, path, form)
        assert answer.status_code == 503, path
        assert SECRET not in answer.text, path
        assert "bob" not in answer.text.replace("actor:bob", "").replace('"bob"', ""), path
        assert "disk is full" in answer.text
    assert len(faces.own()) == before


def test_what_is_around_an_event_is_two_searches(faces):
    before = len(faces.own())
    at = "2026-11-22T10:30:15.000001Z"
    answer = faces.ask("GET", f"/around?q=actor:bob&at={at}&id={faces.event_id}", by="web")
    assert answer.status_code == 200
    assert [told(event) for event in faces.own()[before:]] == [
        ("search", "read", "events", f"actor:bob time:[* TO {at}] | limit 6"),
        ("search", "read", "events", f"actor:bob time:[{at} TO *] | sort time | limit 6"),
    ]
    faces.port.fault = StoppedError("the disk is full")
    answer = faces.ask("GET", f"/around?q=actor:bob&at={at}", by="web")
    assert answer.status_code == 503
    assert faces.event_id not in answer.text


def test_a_tail_is_recorded_before_its_first_byte(faces):
    async def first_chunk():
        got = anyio.Event()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "path": "/v1/tail", "raw_path": b"/v1/tail", "query_string": b"q=actor:bob",
            "headers": [(b"authorization", f"Bearer {faces.token}".encode())],
            "client": (IP, 1), "server": ("x", 80), "scheme": "http", "root_path": "",
        }  # fmt: skip

        async def receive():
            await got.wait()
            return {"type": "http.disconnect"}

        async def sent(message):
            if message["type"] == "http.response.body":
                got.set()

        with anyio.fail_after(20):
            await faces._app(scope, receive, sent)

    faces.happened.clear()
    anyio.run(first_chunk)
    assert faces.happened[:2] == ["durable", "answer"]
    assert told(faces.own()[-1]) == ("tail", "read", "events", "actor:bob")
    faces.port.fault = RefusedError("the disk is full")
    answer = faces.ask("GET", "/v1/tail?q=actor:bob", by="api")
    assert answer.status_code == 503
    assert "hit" not in answer.text


# --- logging in and out --------------------------------------------------------------------------


def log_in(faces, **fields):
    form, cookies = faces.form("/login")
    return faces.ask("POST", "/login", data={**form, **fields}, cookies=cookies)


def test_logins_failed_or_not_and_logouts_are_own_events(faces):
    before = len(faces.own())
    assert log_in(faces, name="ann", password="wrong").status_code == 401
    assert faces.happened == ["durable", "answer"]
    assert log_in(faces, name="nobody\x1b[2J", password="wrong").status_code == 401
    answer = log_in(faces, name="ann", password=PASSWORD)
    assert answer.status_code == 303
    assert faces.happened == ["durable", "answer"]
    form, cookies = faces.form(f"/login/{faces.link}")
    assert len(faces.own()) == before + 3, "a link that is looked at is not used"
    by_link = faces.ask("POST", f"/login/{faces.link}", data=form, cookies=cookies)
    assert by_link.status_code == 303
    again = faces.ask("POST", f"/login/{faces.link}", data=form, cookies=cookies)
    assert again.status_code == 401
    csrf = faces.form(f"/events/{faces.event_id}")[0]["csrf"]
    out = faces.ask("POST", "/logout", by="web", data={"csrf": csrf})
    assert out.status_code == 303
    assert faces.happened == ["durable", "answer"]
    assert faces.ask("GET", "/", by="web").headers["location"] == "/login"
    events = [event for event in faces.own()[before:] if event.what.access == "authenticate"]
    assert [(e.who.actor_id, e.what.action, e.what.outcome, e.what.reason) for e in events] == [
        ("ann", "log in", "denied", "wrong name or password"),
        ("nobody\x1b[2J", "log in", "denied", "wrong name or password"),
        ("ann", "log in", "success", "password"),
        ("ann", "log in", "success", "one-time link"),
        ("somebody", "log in", "denied", "the link was used before, or is too old"),
        ("ann", "log out", "success", None),
    ]
    assert {(e.where.ip, e.where.agent, e.context.endpoint) for e in events} == {
        (IP, AGENT, "web"),
    }
    stored = str(events)
    assert PASSWORD not in stored
    assert faces.link not in stored


def test_nobody_is_let_in_unrecorded(faces):
    form, cookies = faces.form("/login")
    faces.port.fault = RefusedError("the disk is full")
    fields = {**form, "name": "ann", "password": PASSWORD}
    answer = faces.ask("POST", "/login", data=fields, cookies=cookies)
    assert answer.status_code == 503
    assert SESSION_COOKIE not in answer.cookies
    by_link = faces.ask("POST", f"/login/{faces.link}", data=form, cookies=cookies)
    assert by_link.status_code == 503
    assert SESSION_COOKIE not in by_link.cookies


def test_a_wrong_token_is_an_own_event(faces):
    before = len(faces.own())
    answer = faces.ask("GET", "/v1/search", headers={"Authorization": "Bearer wdr_wrong"})
    assert answer.status_code == 401
    assert faces.happened == ["durable", "answer"]
    [event] = faces.own()[before:]
    assert told(event)[:3] == ("log in", "authenticate", "api")
    assert (event.who.actor_id, event.what.outcome) == ("unknown", "denied")
    assert "wdr_wrong" not in str(event)
    faces.port.fault = RefusedError("the disk is full")
    answer = faces.ask("GET", "/v1/search", headers={"Authorization": "Bearer wdr_wrong"})
    assert answer.status_code == 503


# --- what shows no content is no event -----------------------------------------------------------


def test_what_shows_nothing_of_the_log_is_no_event_and_goes_on_without_one(faces):
    faces.port.publish()
    before = len(faces.own())
    faces.port.fault = StoppedError("fsync failed")
    name = faces.keys.ledger_id.hex()
    for path, status in (
        ("/healthz", 200), (f"/ledger/{name}/checkpoint", 200),
        (f"/ledger/{name}/tile/0/000.p/1", 200),
        ("/openapi.json", 200), ("/login", 200), ("/login/xyz", 200), ("/", 303),
        ("/v1/search", 401), ("/static/whodid.css", 200), ("/nothing", 404),
    ):  # fmt: skip
        answer = faces.ask("GET", path)
        assert answer.status_code == status, (path, answer.text)
        assert SECRET not in answer.text
    assert len(faces.own()) == before
