"""A server of the API over a fake `Reading`, called in process; no socket, no ledger."""

import contextlib
import threading
from dataclasses import dataclass, field
from itertools import chain
from types import SimpleNamespace

import anyio
import httpx
import pytest
from starlette.applications import Starlette

import alert_kit
import desks_kit
from state_keys import KEYS
from whodid.access.doorkeeper import Doorkeeper
from whodid.access.password import Cost
from whodid.api.make_api import make_api
from whodid.api.tail import Tails
from whodid.app.alert_desk import AlertDesk
from whodid.app.answer import EventProof, Growth, Health, Hit, SearchAnswer, SourceInfo, Standing
from whodid.app.answer_proof import (
    KIND,
    AnswerProof,
    Asked,
    AskedTerm,
    FieldKey,
    ShownEntry,
    ShownRange,
    ShownTerm,
)
from whodid.app.chains import ChainsAnswer
from whodid.app.counts import Bar, Column, Facet, FacetsAnswer, HistogramAnswer, TableAnswer
from whodid.app.integrity_answer import NOTHING_KNOWN, Integrity
from whodid.app.lookers import LookedAt, Looker, LookersAnswer
from whodid.app.overview import (
    PERIODS,
    FieldSurvey,
    Grid,
    Late,
    OverviewAnswer,
    Ranked,
    Span3,
    Survey,
)
from whodid.app.profile import News, Peer, ProfileAnswer, heat_of
from whodid.app.source_state import Gaps, SourceState
from whodid.app.sql.answer import SqlAnswer
from whodid.app.sql.frames import Reply
from whodid.app.trace import Followed, Gap, Link, TraceAnswer, in_order
from whodid.errors import UsageError
from whodid.event import EMPTY_CONTENT, EMPTY_CONTEXT, EMPTY_WHERE, Envelope, Event, What, When, Who
from whodid.index.lags import Way
from whodid.index.ranges.lists import Chunk, Hidden, Joined
from whodid.index.rhythm import Rhythm
from whodid.ledger.state_db import Source, StateDb
from whodid.merkle.tiles import tile_path
from whodid.query.parse import parse
from whodid.query.provable import provable
from whodid.query.times import resolve

TIME_US = 1_697_903_123_136_000


def make_hit(index=7, event_id="0190-id", raw=b'{"userId":"alice"}'):
    event = Event(
        When(event_id, TIME_US + 5, TIME_US),
        Who(actor_id="alice"),
        What("read", "read", resource_name="customers", rows=1204, outcome="success"),
        EMPTY_WHERE,
        EMPTY_CONTEXT,
        EMPTY_CONTENT,
        raw,
        Envelope("crm", "json"),
    )
    return Hit(index, event, TIME_US + 9, 0)


class FakeFollowing:
    def __init__(self):
        self.waiting = []
        self.polls = 0
        self.fault = None

    def poll(self):
        self.polls += 1
        if self.fault:
            raise self.fault
        hits, self.waiting = self.waiting, []
        return hits


@dataclass
class FakeEngine:
    """Says what it is given; an exception among it is raised."""

    replies: list
    ended: bool = False

    def answer(self):
        for reply in self.replies:
            if isinstance(reply, Exception):
                raise reply
            yield reply

    def close(self):
        self.ended = True


@dataclass
class FakeReading:
    """Remembers every call; `fault` is raised instead of answering."""

    calls: list = field(default_factory=list)
    records: list = field(default_factory=list)
    threads: set = field(default_factory=set)
    fault: Exception | None = None
    hits: list = field(default_factory=lambda: [make_hit()])
    following: FakeFollowing = field(default_factory=FakeFollowing)
    more_pages: list = field(default_factory=list)
    replies: list = field(default_factory=lambda: [
        Reply(columns=[("actor_id", "VARCHAR"), ("n", "BIGINT")]), Reply(rows=[["alice", 3]]),
        Reply(rows=[[None, 4]]), Reply(end=True, more=True),
    ])  # fmt: skip
    ready: bool = True
    found: Integrity = NOTHING_KNOWN
    alerts: AlertDesk | None = None

    def _call(self, name, caller, *rest):
        self.threads.add(threading.get_ident())
        self.calls.append((name, caller, *rest))
        if self.fault:
            raise self.fault

    def search(self, caller, text, *, limit=50, before=None, own=False, total=True):
        self._call("search", caller, text, limit, before, own)
        parse(text)
        return SearchAnswer(self.hits, len(self.hits), True, 2, "n3xt", "note", 10, ["a warning"])

    def table(self, caller, text, *, own=False):
        self._call("table", caller, text, own)
        columns = [Column("actor", "text", key=True), Column("max(time)", "time", key=False),
                   Column("avg(rows)", "mean", key=False)]  # fmt: skip
        rows = [["alice", TIME_US, 1.5], [None, None, None]]
        return TableAnswer(columns, rows, 2, 3, True, 0, 1, "note", 10, ["a warning"])

    def search_at(self, caller, text, at, *, limit=50, before=None, own=False):
        self._call("search_at", caller, text, at, limit, before, own)
        if at > 10:
            raise UsageError(f"the log has 10 entries, there is no head of {at}")
        return SearchAnswer(self.hits, 1, True, 0, None, "note", at, ["a warning"], newer=10 - at)

    def table_at(self, caller, text, at, *, own=False):
        self._call("table_at", caller, text, at, own)
        columns = [Column("actor", "text", key=True), Column("count", "number", key=False)]
        return TableAnswer(columns, [["alice", 1]], 1, 1, True, 0, 0, "note", at, [], newer=10 - at)

    def chains(self, caller, text, *, limit=50, before=None, own=False):
        self._call("chains", caller, text, limit, before, own)
        return ChainsAnswer("actor", [], 0, True, 0, None, "note", 9, [])

    def chains_at(self, caller, text, at, *, limit=50, before=None, own=False):
        self._call("chains_at", caller, text, at, limit, before, own)
        return ChainsAnswer("actor", [], 0, True, 0, None, "note", at, [], newer=10 - at)

    def sql(self, caller, sql, text="", *, own=False, at=None):
        self._call("sql", caller, sql, text, own, at)
        self.engine = FakeEngine(self.replies)
        newer = None if at is None else 9 - at
        return SqlAnswer(self.engine, 24, 1, "note", at or 9, ["a warning"], newer)

    def histogram(self, caller, text, *, bars=60, own=False):
        self._call("histogram", caller, text, bars, own)
        parse(text)
        return HistogramAnswer("1h", [Bar(TIME_US, TIME_US + 1, 1)], 1, True, 0, "note", 10, [])

    def facets(self, caller, text, fields, *, values=10, own=False):
        self._call("facets", caller, text, fields, values, own)
        facets = [Facet("actor", [("alice", 3)], 1, 0, True), Facet("rows", [(5, 1)], 1, 2, True)]
        return FacetsAnswer(facets, 3, True, 0, "note", 10, [])

    def trace(self, caller, trace_id, *, inferred=True):
        self._call("trace", caller, trace_id, inferred)
        hits = [(hit, Link("correlation", trace_id, "same correlation")) for hit in self.hits]
        steps = in_order(hits)
        followed = [Followed("correlation", trace_id, 1, followed=True)]
        return TraceAnswer(
            trace_id, steps, [Gap(0, 90_000_000)], followed, True, 0, "note", 10, ["a warning"]
        )

    def export(self, caller, text, *, own=False):
        self._call("export", caller, text, own)
        parse(text)
        hits = self.hits
        return SimpleNamespace(
            size=10, total=len(hits), total_is_exact=True, warnings=[],
            pages=lambda: chain([hits], self.more_pages),
        )  # fmt: skip

    def prove(self, caller, text, *, own=False):
        self._call("prove", caller, text, own)
        provable(resolve(parse(text), TIME_US).filter)
        asked = Asked(text, (AskedTerm("actor", ("actor.id",), "alice"),), None, 5, own)
        term = ShownTerm(0, b"rows", [bytes(32)], Joined({3: Chunk(b"xy"), 4: Hidden(bytes(32))}))
        ranges = [ShownRange(9, b"leaf", [bytes(32)], [term])]
        event = ShownEntry(7, b"leaf", [bytes(32)], [bytes(32)] * 8, [(1, bytes(16), b"{}")])
        return AnswerProof(
            KIND, "vkey", "note", asked, [FieldKey(0, "actor", bytes(32))], ranges, 4096, [],
            [event], [], [], tail_opened=False,
        )  # fmt: skip

    def profile(self, caller, kind, value):
        self._call("profile", caller, kind, value)
        facets = [Facet("access", [("read", 3)], 1, 0, True)]
        return ProfileAnswer(
            kind, value, 3, TIME_US, TIME_US + 5, heat_of([(0, 3)]), None, facets,
            [News("ip", "10.0.0.9", TIME_US, 1)], [Peer("bob", 2, 7)], "resource", True, 0, "note",
            10, ["a warning"],
        )  # fmt: skip

    def lookers(self, caller, text, *, kind=None, value="", limit=50, before=None):
        self._call("lookers", caller, text, kind, value, limit, before)
        parse(text)
        lookers = [Looker("alice", {"search": 2}, 2, 7, 1, TIME_US)]
        subjects = [LookedAt("actor", "bob", 2, 1, TIME_US)]
        return LookersAnswer(
            (kind, value) if kind else None, 3, None, 1, lookers, 1, subjects, 1, self.hits,
            self.hits, None, False, True, 0, "note", 10, ["a warning"],
        )  # fmt: skip

    def overview(self, caller, period):
        self._call("overview", caller, period)
        if period not in PERIODS:
            raise UsageError("no such period")
        ranked = Ranked([(("alice",), (3, 2, 1))], 1)
        field = FieldSurvey(("actor",), (1, 1, 1), *[ranked] * 5, exact=True)
        ended = Ranked([(("alice", "denied"), (1,))], 1)
        found = Survey(
            (3, 2, 1), {"denied": (1, 0, 0)}, None, [field], None,
            Grid(("alice",), ("crm",), [[3]]), ended, [Late("crm", 1, 3)], exact=True,
        )  # fmt: skip
        bars = HistogramAnswer("1h", [Bar(TIME_US, TIME_US + 1, 1)], 1, True, 0, "note", 10, [])
        span = Span3.until(TIME_US, PERIODS[period])
        return OverviewAnswer(period, span, found, bars, True, 0, "note", 10, ["a warning"])

    def event(self, caller, event_id):
        self._call("event", caller, event_id)
        if event_id != "0190-id":
            raise UsageError(f"there is no event {event_id!r}")
        return make_hit()

    def proof(self, caller, event_id):
        hit = self.event(caller, event_id)
        return hit, EventProof(7, b"leaf", b"seed", (b"g",) * 8, "note", 10, [b"h" * 32], "vkey")

    def sources(self, caller):
        self._call("sources", caller)
        return [SourceInfo("crm", "json", "crm", TIME_US, 3, 1, TIME_US)]

    def source_states(self, caller):
        [info] = self.sources(caller)
        way = Way(3, 1_500_000, 9_000_000, -3_000_000, 1)
        quiet = SourceInfo("old", "json", "old", TIME_US, 0, 0, None)
        return [
            SourceState(info, TIME_US, Rhythm(3, [0] * 23 + [3], 9, 200, 30), way, Gaps(5, 1, 2)),
            SourceState(quiet, None, None, None, None),
        ]

    def follow(self, caller, text):
        self._call("follow", caller, text)
        parse(text)
        return self.following

    def record(self, caller, action, resource, *, ok=True, reason=None, content=None):
        if self.fault:
            raise self.fault
        self.records.append((caller.name, action, resource, ok))

    def standing(self, caller, *, running=True):
        self._call("standing", caller)
        health = self.health()
        growth = Growth(5, 9, 0.7, 70.0)
        return Standing(
            "0.1.0", 1, "log.example", "00", running, health, {"wal": 5, "other": 2}, 100.0,
            growth, 10**9, 12.34, [], self.found, ["look"],
        )  # fmt: skip

    def integrity(self):
        return self.found

    def verify_now(self, caller):
        self._call("verify_now", caller)

    def health(self):
        if self.fault:
            raise self.fault
        reasons = [] if self.ready else ["the story is not in yet"]
        return Health(self.ready, reasons, 10, 9, 8, 7, None)


class FakeFiles:
    def checkpoint(self):
        return "test.example/log\n10\nroot\n\n— test.example/log sig\n"

    def tile(self, level, index, width):
        if index:
            raise UsageError("The log of 10 entries has no such tile.")
        return tile_path(level, index, width).encode()


class Server:
    """The application, and a client that speaks to it from an address."""

    def __init__(self, directory):
        self.reading = FakeReading()
        self.doorkeeper = Doorkeeper(directory, KEYS, cost=Cost(8, 1, 1))
        self.user = self.doorkeeper.users.add("alice", "correct horse", "investigator")
        self.token = self.doorkeeper.read_tokens.issue(self.user, "test")
        self.stopping = threading.Event()
        self.reading.alerts = alert_kit.desk(
            directory, lambda: self.reading.hits, self._write, alert_kit.Clock(TIME_US)
        )
        self.processes = []
        self.desks = desks_kit.desks(
            directory, self.reading.alerts, self._write, start=self._process
        )
        self.tails = Tails(
            self.reading, self.doorkeeper, self.stopping.is_set, poll_s=0.001, heartbeat_s=0.01
        )
        self.routes = make_api(
            self.reading,
            self.doorkeeper,
            ledger_files={"demo": FakeFiles()},
            metrics=lambda: "whodid_ready 1\n",
            tails=self.tails,
            desks=self.desks,
        )
        self.app = Starlette(routes=self.routes)
        self.app.router.redirect_slashes = False

    def _process(self):
        self.processes.append(desks_kit.FakeProcess(waits=True))
        return self.processes[-1]

    def _write(self, caller, act, _once=None):
        self.reading.record(caller, act.action, act.resource, ok=act.ok)

    def get(self, path, *, token=None, ip="10.0.0.1", method="GET", **options):
        headers = options.pop("headers", {})
        if token is None and "cookies" not in options:
            token = self.token
        if token:
            headers = {"Authorization": f"Bearer {token}", **headers}

        async def call():
            transport = httpx.ASGITransport(self.app, client=(ip, 1234))
            cookies = options.pop("cookies", None)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://whodid.example", cookies=cookies
            ) as client:
                return await client.request(method, path, headers=headers, **options)

        return anyio.run(call)


@pytest.fixture
def directory(tmp_path):
    with contextlib.closing(StateDb(tmp_path, KEYS.doors)) as db:
        db.add_source(Source("crm", b"c" * 16, "json", "crm"))
    return tmp_path


@pytest.fixture
def server(directory):
    return Server(directory)
