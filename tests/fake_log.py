"""A small ledger in memory behind the `Reading` protocol: true formats, true proofs, no disk."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hostile_events import NOW_US
from overviews_kit import FakeOverviews
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
from whodid.app.event_proof import check_proof
from whodid.app.integrity_answer import NOTHING_KNOWN, Integrity
from whodid.app.profile import KINDS, News, Peer, ProfileAnswer, heat_of
from whodid.app.trace import Followed, Link, TraceAnswer, gaps_of, in_order
from whodid.errors import QueryError, UsageError
from whodid.event import (
    Event,
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
