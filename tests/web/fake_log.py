"""A small ledger in memory behind the `Reading` protocol: true formats, true proofs, no disk.

Not a test itself; run as a program it serves the pages on a loopback port, for looking at them.
"""

import gzip
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import alert_kit
import desks_kit
from hostile_events import HOSTILE, NOW_US, hostile_event
from overviews_kit import FakeOverviews
from state_keys import KEYS
from whodid.app.alert_desk import AlertDesk
from whodid.app.answer import (
    Caller,
    Clause,
    EventProof,
    Health,
    Hit,
    PageAnswer,
    SearchAnswer,
    SourceInfo,
)
from whodid.app.chains import Chain, ChainsAnswer
from whodid.app.counts import (
    Bar,
    Column,
    Facet,
    FacetsAnswer,
    HistogramAnswer,
    TableAnswer,
)
from whodid.app.desks import Desks
from whodid.app.event_proof import check_proof
from whodid.app.integrity_answer import NOTHING_KNOWN, Integrity
from whodid.app.profile import KINDS, News, Peer, ProfileAnswer, heat_of
from whodid.app.trace import Followed, Link, TraceAnswer, gaps_of, in_order
from whodid.detection.rule import LEVELS
from whodid.errors import QueryError, UsageError
from whodid.event import (
    EMPTY_CONTENT,
    Context,
    Envelope,
    Event,
    What,
    When,
    Where,
    Who,
    encode_groups,
)
from whodid.ledger.leaf import Leaf, LeafFlag
from whodid.merkle.checkpoint import Checkpoint, Vkey, sign_note
from whodid.merkle.commitment import commit
from whodid.merkle.tree import hash_leaves, inclusion_proof, perfect_root, root_of
from whodid.normalize.authlog import AuthLog
from whodid.normalize.cloudtrail import CloudTrail
from whodid.normalize.combined import Combined
from whodid.normalize.postgres import Postgres
from whodid.normalize.record import prepare
from whodid.normalize.short_json import ShortJson
from whodid.query.countable import SEVERAL
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.linking import SESSION, stated
from whodid.query.match import matcher, texts_of
from whodid.query.own import hides_own, is_own
from whodid.query.parse import parse
from whodid.query.times import DAY_US, resolve

PASSWORD = "correct horse battery staple"
ORIGIN = "log.example/whodid/0f1e2d3c4b5a69788796a5b4c3d2e1f0"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = Vkey.of(ORIGIN, KEY.public_key().public_bytes_raw())
FORMATS = {f.name: f for f in (ShortJson(), CloudTrail(), Combined(), Postgres(), AuthLog())}


@dataclass
class FakeLog(FakeOverviews):
    """`calls` holds (method, caller) of every read, `recorded` what faces wrote themselves."""

    hits: list[Hit] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, Caller]] = field(default_factory=list)
    recorded: list[tuple] = field(default_factory=list)
    stopped: str | None = None
    fail: Exception | None = None
    warnings: list[str] = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)
    tampered: bool = False
    hostile: bool = False
    found: Integrity = NOTHING_KNOWN
    alerts: AlertDesk | None = None
    processes: list = field(default_factory=list)
    folder: Path | None = None

    def add(self, event: Event, flags: int = 0) -> Hit:
        hit = Hit(len(self.hits), event, event.when.received + 900, flags)
        self.hits.append(hit)
        return hit

    def ingest(self, source: str, format_name: str, record: bytes, **leaf) -> Hit:
        self.formats[source] = format_name
        number = len(self.hits)
        received_us = leaf.pop("received_us", NOW_US)
        mapped = FORMATS[format_name].map(record, received_us)
        if mapped.time is not None:
            received_us = mapped.time + 1_200_000
        event = prepare(
            mapped,
            record,
            event_id=f"019ab000-0000-7000-8000-{number:012x}",
            source=source,
            format_name=format_name,
            mapping=1,
            received_us=received_us,
            request=("fake", number),
        ).event
        flags = leaf.pop("flags", 0)
        if event.envelope.quarantine is not None:
            flags |= LeafFlag.QUARANTINED
        if event.envelope.redactions:
            flags |= LeafFlag.REDACTED
        return self.add(event, flags)

    def values_of(self, hit, field):
        return _values_of(hit, field)

    # --- Reading ---------------------------------------------------------------------------------

    def _called(self, method, caller):
        self.calls.append((method, caller))
        if self.fail is not None:
            raise self.fail

    def search(self, caller, text, *, limit=50, before=None, own=False, total=True):
        query = resolve(parse(text), NOW_US)
        self._called("search", caller)
        states = {hit.event.when.id: hit.flags for hit in self.hits}

        def states_of(event):
            return {"_conflict"} if states[event.when.id] & LeafFlag.CONFLICT else set()

        matches = matcher(query.filter, states_of)
        found = [hit for hit in self.hits if matches(hit.event)]
        hide = hides_own(query) and not own
        shown = [hit for hit in found if not (hide and is_own(hit.event))]
        newest = query.sort is None or query.sort.orders[0].descending
        shown.sort(key=lambda hit: (_time(hit), hit.index), reverse=newest)
        if before and not before.startswith("c~"):
            raise QueryError("this page address is not one that was given out", 0)
        start = int(before.removeprefix("c~")) if before else 0
        end = start + limit
        return SearchAnswer(
            shown[start:end], len(shown), len(shown) <= 1000, len(found) - len(shown),
            f"c~{end}" if end < len(shown) else None,
            self.note(), len(self.hits), list(self.warnings), [] if shown else self.clauses,
        )  # fmt: skip

    def page(self, caller, text, *, limit=50, before=None, own=False, fields=(), values=8, bars=0):
        answer = self.search(caller, text, limit=limit, before=before, own=own)
        hits = self.search_all(text, own=own)
        facets = [_facet(field, hits, values) for field in fields]
        return PageAnswer(answer, self._histogram(hits), facets)

    def search_all(self, text, *, own):
        query = resolve(parse(text), NOW_US)
        matches = matcher(query.filter, lambda _: set())
        hide = hides_own(query) and not own
        return [h for h in self.hits if matches(h.event) and not (hide and is_own(h.event))]

    def _histogram(self, hits):
        if not hits:
            return HistogramAnswer("", [], 0, True, 0, self.note(), len(self.hits), [])
        days = Counter(_time(hit) // DAY_US for hit in hits)
        last = max(days)
        counts = Counter((_time(h) // DAY_US, h.event.what.outcome or "unknown") for h in hits)
        bars = [
            Bar(day * DAY_US, (day + 1) * DAY_US,
                *(counts[day, o] for o in ("success", "denied", "failure", "unknown")))
            for day in range(last - 29, last + 1)
        ]  # fmt: skip
        return HistogramAnswer("day", bars, len(hits), True, 0, self.note(), len(self.hits), [])

    def table(self, caller, text, *, own=False):
        """Count by any keys; every measure is the count, and the latest time."""
        self._called("table", caller)
        query = parse(text)
        hits = self.search_all(text, own=own)
        groups = Counter(tuple(_first(hit, key) for key in query.stats.by) for hit in hits)
        columns = [
            Column(key.name, "time" if key.bucket else "text", key=True) for key in query.stats.by
        ] + [Column(measure.name, "number", key=False) for measure in query.stats.measures]
        rows = [
            [*key, *([count] * len(query.stats.measures))] for key, count in groups.most_common()
        ]
        return TableAnswer(
            columns, rows, len(rows), len(hits), True, 0, 0, self.note(), len(self.hits),
            list(self.warnings),
        )  # fmt: skip

    def chains(self, caller, text, *, limit=50, before=None, own=False):
        """One chain of every two events of a value that follow each other, whatever they are."""
        self._called("chains", caller)
        query = parse(text)
        found = {}
        for hit in sorted(self.search_all(text, own=own), key=_time):
            for value in _values_of(hit, query.sequence.by):
                found.setdefault(value, []).append(hit)
        chains = [
            Chain(value, hits[n : n + 2])
            for value, hits in found.items()
            for n in range(0, len(hits) - 1, 2)
        ]
        chains.sort(key=lambda chain: _time(chain.hits[-1]), reverse=True)
        start = int(before.removeprefix("c~")) if before else 0
        end = start + min(limit, 3)
        return ChainsAnswer(
            query.sequence.by, chains[start:end], len(chains), True, 0,
            f"c~{end}" if end < len(chains) else None, self.note(), len(self.hits),
            list(self.warnings),
        )  # fmt: skip

    def facets(self, caller, text, fields, *, values=10, own=False):
        self._called("facets", caller)
        hits = self.search_all(text, own=own)
        facets = [_facet(field, hits, values) for field in fields]
        return FacetsAnswer(facets, len(hits), True, 0, self.note(), len(self.hits), [])

    def follow(self, caller, text):
        self._called("follow", caller)
        query = resolve(parse(text), NOW_US)
        return FakeTail(self, matcher(query.filter, lambda _: set()), hides_own(query))

    def trace(self, caller, trace_id, *, inferred=True):
        """The events that state the id, and as inferred ones the others of their sessions."""
        self._called("trace", caller)
        found = {}
        for hit in self.hits:
            for name, value in (*stated(hit.event), ("id", hit.event.when.id)):
                if value == trace_id:
                    found.setdefault(hit.index, (hit, Link(name, value, f"same {name}")))
        sessions = {hit.event.who.actor_session for hit, _ in found.values()} - {None}
        for hit in self.hits if inferred else ():
            session = hit.event.who.actor_session
            if session in sessions:
                link = Link(SESSION, session, "same session, 1.0 s from a step", inferred=True)
                found.setdefault(hit.index, (hit, link))
        steps = in_order(list(found.values()))
        followed = [Followed("correlation", trace_id, len(steps), followed=True)] if steps else []
        return TraceAnswer(
            trace_id, steps, gaps_of(steps), followed, True, 0, self.note(), len(self.hits),
            list(self.warnings),
        )  # fmt: skip

    def profile(self, caller, kind, value):
        """Every other value of the kind is a peer, every address is new."""
        self._called("profile", caller)
        hits = [hit for hit in self.hits if value in _values_of(hit, kind)]
        times = [_time(hit) for hit in hits] or [0]
        hour_us = DAY_US // 24
        facets = [_facet(field, hits, 8) for field in KINDS[kind].facets]
        news = [News("ip", hit.event.where.ip, _time(hit), 1) for hit in hits if hit.event.where.ip]
        peers = Counter(v for hit in self.hits for v in _values_of(hit, kind) if v != value)
        return ProfileAnswer(
            kind, value, len(hits), min(times), max(times),
            heat_of([(at // hour_us * hour_us, 1) for at in times if hits]),
            self._histogram(hits) if hits else None, facets if hits else [], news,
            [Peer(peer, 1, events) for peer, events in peers.most_common(8)] if hits else [],
            KINDS[kind].via, True, 0, self.note(), len(self.hits), list(self.warnings),
        )  # fmt: skip

    def event(self, caller, event_id):
        self._called("event", caller)
        return self._find(event_id)

    def verify_event(self, caller, event_id):
        self._called("verify_event", caller)
        hit = self._find(event_id)
        leaves = [self._leaf(other).encode() for other in self.hits]
        groups = encode_groups(hit.event)
        if self.tampered:
            groups = (*groups[:6], groups[6] + b" ", groups[7])
        proof = EventProof(
            hit.index, leaves[hit.index], _seed(hit), groups, self.note(), len(leaves),
            _prove(hash_leaves(leaves), hit.index), VKEY.encode(),
        )  # fmt: skip
        return hit, check_proof(proof, VKEY)

    def sources(self, caller):
        self._called("sources", caller)
        infos = []
        for name, format_name in self.formats.items():
            own = [hit for hit in self.hits if hit.event.envelope.source == name]
            bad = [hit for hit in own if hit.flags & LeafFlag.QUARANTINED]
            newest = max(map(_time, own), default=None)
            opened = NOW_US - 30 * 86_400_000_000
            infos.append(SourceInfo(name, format_name, name, opened, len(own), len(bad), newest))
        return infos

    def record(self, caller, action, resource, *, ok=True, reason=None, content=None):
        if self.fail is not None:
            raise self.fail
        self.recorded.append((caller.name, action, resource, ok, reason))

    def integrity(self):
        return self.found

    def verify_now(self, caller):
        self._called("verify_now", caller)

    def acknowledge_fault(self, caller, key):
        self._called("acknowledge_fault", caller)
        if key not in {fault.key for fault in self.found.faults}:
            raise UsageError("No fault of that key stands.")

    def health(self):
        size = len(self.hits)
        return Health(not self.stopped, [], size, size, 0, size, self.stopped)

    # --- the ledger ------------------------------------------------------------------------------

    def note(self) -> str:
        leaves = [self._leaf(hit).encode() for hit in self.hits]
        root = root_of(hash_leaves(leaves))
        return sign_note(Checkpoint(ORIGIN, len(leaves), root).body(), ORIGIN, KEY)

    def _leaf(self, hit: Hit) -> Leaf:
        commitment = commit(_seed(hit), encode_groups(hit.event))
        return Leaf(1, hit.flags, 0, b"s" * 16, 0, 0, hit.appended_us, b"t" * 16, commitment)

    def _find(self, event_id: str) -> Hit:
        for hit in self.hits:
            if hit.event.when.id == event_id:
                return hit
        raise UsageError(f"there is no event {event_id[:64]!r} in this ledger")


class FakeTail:
    """The matching hits that were added since the poll before."""

    def __init__(self, log, matches, hide_own):
        self._log, self._matches, self._hide_own = log, matches, hide_own
        self._at = len(log.hits)

    def poll(self):
        if self._log.fail is not None:
            raise self._log.fail
        new = self._log.hits[self._at :]
        self._at += len(new)
        shown = [hit for hit in new if self._matches(hit.event)]
        return [hit for hit in shown if not (self._hide_own and is_own(hit.event))]


def _prove(hashes, index):
    def node(level, at):
        return perfect_root(hashes[at << level : (at + 1) << level])

    return inclusion_proof(index, len(hashes), node)


def _first(hit, key):
    if key.bucket:
        return _time(hit) // DAY_US * DAY_US
    return next(iter(_values_of(hit, key.field)), None)


def _values_of(hit, field):
    columns = SEARCH_FIELDS[field].columns
    found = [text for column in columns for text in texts_of(hit.event.field(column))]
    return list(dict.fromkeys(found if field in SEVERAL else found[:1]))


def _facet(field, hits, values_max):
    lists = [_values_of(hit, field) for hit in hits]
    counts = Counter(value for found in lists for value in found)
    missing = sum(not found for found in lists)
    return Facet(field, counts.most_common(values_max), len(counts), missing, True)


def _time(hit: Hit) -> int:
    when = hit.event.when
    return when.received if when.time is None else when.time


def _seed(hit: Hit) -> bytes:
    return hit.index.to_bytes(16, "big")


# --- stories -------------------------------------------------------------------------------------


def short(**fields) -> bytes:
    return json.dumps(fields).encode()


def small_log() -> FakeLog:
    """A dozen events of four formats, one each of what the page must be able to show."""
    log = FakeLog()
    log.ingest("files", "json", short(
        timestamp="2023-10-21T15:45:23.136Z", userId="john.doe@example.com", action="FILE_UPLOAD",
        resource="customer-records.csv", status="SUCCESS",
    ))  # fmt: skip
    log.ingest("crm", "json", short(
        timestamp="2026-11-22T10:30:15.123456Z", userId="alice", action="SELECT",
        resource="customers", status="SUCCESS", rows=1204, ip="203.0.113.9",
        correlation_id="c0ffee-1", session_id="s-77",
    ))  # fmt: skip
    log.ingest("crm", "json", short(
        timestamp="2026-11-22T10:31:00Z", userId="bob", action="DELETE", resource="invoices/7",
        status="DENIED", ip="2001:db8::7", api_key="sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
        password="hunter2-hunter2",
    ))  # fmt: skip
    log.ingest("web", "combined", (
        b'198.51.100.4 - - [21/Nov/2026:23:59:59 +0000] "GET /admin?x=1 HTTP/1.1" 403 153 "-" '
        b'"curl/8.5.0"'
    ))  # fmt: skip
    log.ingest("bastion", "authlog", (
        b"Nov 22 03:12:44 bastion sshd[4711]: Failed password for invalid user oracle from "
        b"203.0.113.77 port 40022 ssh2"
    ))  # fmt: skip
    log.ingest("crm", "json", b'{"broken": ', flags=LeafFlag.CONFLICT)
    log.add(own_event(len(log.hits)))
    return log


def own_event(number: int) -> Event:
    """One of whodid's own events."""
    event_id = f"019ab000-0000-7000-8000-{number:012x}"
    return Event(
        When(event_id, NOW_US, NOW_US), Who(actor_id="admin", actor_type="user"),
        What("search", "read", "ledger", "events", outcome="success", rows=6),
        Where(ip="127.0.0.1"),
        Context(service_name="whodid", endpoint="web"), EMPTY_CONTENT, b"",
        Envelope("whodid", "own", 1, "client", event_id),
    )  # fmt: skip


def story_log(events: int = 4_000) -> FakeLog:
    """Thirty days of the demo's company."""
    from whodid.demo.story import write_story

    log = FakeLog()
    with tempfile.TemporaryDirectory() as folder:
        for file in write_story(Path(folder), end_us=NOW_US, events=events):
            if file.duplicates:
                continue
            data = file.path.read_bytes()
            if file.path.suffix == ".gz":
                data = gzip.decompress(data)
            if data.startswith(b'{"Records":['):
                records = [json.dumps(r).encode() for r in json.loads(data)["Records"]]
            else:
                records = data.splitlines()
            for record in records:
                log.ingest(file.source, file.format, record)
    log.add(own_event(len(log.hits)))
    return log


def hostile_log() -> tuple[FakeLog, list[str]]:
    """One event per hostile text, the text in every field of it."""
    log = FakeLog(hostile=True)
    for number, text in enumerate(HOSTILE):
        log.add(hostile_event(number, text), LeafFlag.QUARANTINED | LeafFlag.CONFLICT)
        log.add(hostile_event(number + 1000, text, quarantine=None))
    return log, HOSTILE


def alerts_of(log: FakeLog, folder: Path) -> AlertDesk:
    """The desk of this log's alerts; acts on it are among what was recorded."""

    def write(caller, act):
        log._called(act.action, caller)
        log.recorded.append((caller.name, act.action, act.resource, act.ok, act.reason))

    return alert_kit.desk(folder, lambda: log.hits, write, alert_kit.Clock(NOW_US))


def desks_of(log: FakeLog, folder: Path) -> Desks:
    """The rules and the outbox of this log; looks over history wait for `log.processes`."""

    def write(caller, act):
        log._called(act.action, caller)
        log.recorded.append((caller.name, act.action, act.resource, act.ok, act.reason))

    def start():
        log.processes.append(desks_kit.FakeProcess(waits=True))
        return log.processes[-1]

    log.folder = folder
    return desks_kit.desks(folder, log.alerts, write, lambda: NOW_US, start=start)


def raise_alerts(log: FakeLog) -> None:
    """Let the log's desk have alerts of every level, muted and closed ones among them."""
    desk, now = log.alerts, log.alerts.now
    others = [hit for hit in log.hits if not is_own(hit.event)]
    who = sorted({hit.event.who.actor_id for hit in others if hit.event.who.actor_id})
    for number, level in enumerate(LEVELS):
        actor = who[number % len(who)]
        hits = [hit for hit in others if hit.event.who.actor_id == actor][-3 - number :]
        rule = alert_kit.head(
            f"rule-{level}", level, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            description="Somebody did more of it than anybody did before.",
            tags=("attack.credential-access", "attack.t1110"), author="whodid",
            false_positives=("a script that lost its password",), references=("ATT&CK T1110",),
        )  # fmt: skip
        why = f"{actor} did it {len(hits)} times within 5 minutes; 14 others never did."
        now.now = NOW_US - (9 - number) * 3_600_000_000
        desk.alerts.take(
            [alert_kit.finding_of(hits, rule, (("actor.id", actor),), why, (("ip", "10.0.0.7"),))]
        )
    now.now = NOW_US
    first, second, *_ = alert_kit.all_of(desk.alerts)
    desk.alerts.assign(second.id, "admin", "omar")
    desk.alerts.acknowledge(second.id, "omar", "I look at it")
    desk.alerts.note(second.id, "omar", "the door was open")
    desk.alerts.close(first.id, "omar", "benign", "a drill")
    desk.alerts.silence(
        "admin", "restore test", rule="rule-medium", key=(("actor.id", who[2 % len(who)]),),
        expires_us=NOW_US + 3_600_000_000,
    )  # fmt: skip
    desk.alerts.silence("admin", "not here", kind="exclusion", rule="rule-noise", level="medium")


def site_of(log: FakeLog, folder: Path, *, demo: bool = True):
    """The pages of this log as an application, its doorkeeper, and its user `admin`."""
    from starlette.applications import Starlette

    from whodid.access.doorkeeper import Doorkeeper
    from whodid.access.password import Cost
    from whodid.api.make_api import make_api
    from whodid.ledger.state_db import StateDb
    from whodid.web.make_web import make_web
    from whodid.web.site import PublicLog

    StateDb(folder, KEYS.doors).close()
    log.alerts = alerts_of(log, folder)
    desks = desks_of(log, folder)
    doorkeeper = Doorkeeper(folder, KEYS, cost=Cost(memory_kib=8, passes=1, lanes=1))
    admin = doorkeeper.users.add("admin", PASSWORD, "investigator")
    public = PublicLog(ORIGIN, VKEY.encode(), "/ledger/demo", log.note)
    web = make_web(log, doorkeeper, public, desks, demo=demo)
    stopping = []
    api = make_api(
        log, doorkeeper, ledger_files={}, metrics=str, desks=desks, stopping=lambda: bool(stopping)
    )
    app = Starlette(routes=[*api, *web.routes], middleware=web.middleware)
    app.state.stop = lambda: stopping.append(True)
    return app, doorkeeper, admin


if __name__ == "__main__":
    import uvicorn

    logs = {"story": story_log, "empty": FakeLog, "small": small_log,
            "hostile": lambda: hostile_log()[0]}  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        shown = logs[sys.argv[2]]()
        app, doorkeeper, admin = site_of(shown, Path(name))
        if sys.argv[2] == "story":
            raise_alerts(shown)
        link = doorkeeper.sessions.issue_link(admin)
        print(f"http://127.0.0.1:{sys.argv[1]}/login/{link}", flush=True)
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
