"""Every read of the log, for every face. Each is an event of its own, durable before the answer.

One instance a process; calls from many threads take turns (`turns`).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import msgspec

from whodid.app.alert_desk import AlertDesk
from whodid.app.alerting import open_desk
from whodid.app.answer import (
    Caller,
    Clause,
    EventProof,
    EventVerdict,
    Health,
    Hit,
    PageAnswer,
    SearchAnswer,
    SourceInfo,
    Standing,
)
from whodid.app.answer_proof import AnswerProof
from whodid.app.chaining import Chaining
from whodid.app.chains import ChainsAnswer
from whodid.app.counting import (
    Counting,
    events_only,
    histogram_answer,
    kept_back,
    no_table,
    page_overview,
)
from whodid.app.counts import FacetsAnswer, HistogramAnswer, TableAnswer
from whodid.app.emptiness import Emptiness
from whodid.app.exporting import Export, Exporting
from whodid.app.following import Tail, hit_of
from whodid.app.integrity import LedgerIntegrity
from whodid.app.integrity_answer import Integrity
from whodid.app.lookers import LookersAnswer
from whodid.app.looking import Looking
from whodid.app.overview import OverviewAnswer
from whodid.app.overviewing import Overviewing
from whodid.app.own import Act, OwnEvents
from whodid.app.pinning import Pinning
from whodid.app.profile import ProfileAnswer
from whodid.app.profiling import Profiling
from whodid.app.proving import Proving
from whodid.app.querying import Querying
from whodid.app.read_context import ReadContext
from whodid.app.reads import Following
from whodid.app.showing import Showing
from whodid.app.source_reading import SourceReading
from whodid.app.source_state import SourceState
from whodid.app.sql.answer import SqlAnswer
from whodid.app.standing import standing_of
from whodid.app.trace import TraceAnswer
from whodid.app.tracing import Tracing
from whodid.app.turns import Turns
from whodid.clock import Clock
from whodid.errors import (
    AccessDeniedError,
    LedgerError,
    LeftError,
    UsageError,
    WhodidError,
)
from whodid.event import Access
from whodid.index.analyst import Analyst
from whodid.index.catalog import read_catalog
from whodid.index.page import Page, decode_cursor
from whodid.index.search import Searcher
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import CHECKPOINT
from whodid.ledger.port import SequencerPort
from whodid.ledger.read_memory import USUAL, ReadMemory
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import StoredRow
from whodid.limits import FRESH_FOR_S, PAGE_ROWS_MAX, TAIL_BYTES_MAX
from whodid.query.own import hides_own
from whodid.query.parse import parse
from whodid.query.pipes import Order, Sort
from whodid.query.rights import restrict
from whodid.query.times import resolve
from whodid.query.tree import Query


class LedgerReading:
    """The `Reading` of one ledger (see `app.reads.Reading`).

    Invariant: `_own.write` has returned before any method returns content.
    """

    def __init__(
        self,
        directory: Path,
        keys: KeyFolder,
        port: SequencerPort,
        clock: Clock,
        *,
        faults: Callable[[], list[str]] = list,
        memory: ReadMemory = USUAL,
    ) -> None:
        self._faults = faults
        self._directory = directory
        self._keys = keys
        self._port = port
        self._clock = clock
        self._turns = Turns()
        self._events_counted: int | None = None
        self._read_s = -FRESH_FOR_S
        self._reader = LedgerReader(directory, keys, memory)
        self._searcher = Searcher(directory, keys, self._reader, pause=self._turns.pause)
        builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        self._own = OwnEvents(port, builder, keys.identity_root(), clock)
        self._integrity = LedgerIntegrity(directory, keys, self._own, clock)
        self._analyst = Analyst(self._searcher, memory.texts)
        self._context = context = ReadContext(
            directory, port, self._own, clock, self._turn, self._allowed
        )
        self._counting = Counting(context, self._analyst)
        self._chaining = Chaining(context, self._reader, self._analyst)
        self._querying = Querying(context, self._reader, self._analyst)
        self._emptiness = Emptiness(self._page, self._analyst, clock)
        self._exporting = Exporting(context, self._page)
        self._proving = Proving(context, self._searcher, self._reader, keys)
        self._looking = Looking(context, self._analyst, self._page)
        self._overviewing = Overviewing(context, self._analyst)
        self._pinning = Pinning(context, self._reader, self._analyst, self._page)
        self._profiling = Profiling(context, self._analyst)
        self._showing = Showing(context, self._searcher, keys.vkey())
        self._source_reading = SourceReading(context, self._searcher, self._analyst, self._reader)
        self._tracing = Tracing(context, self._searcher)

    @cached_property
    def alerts(self) -> AlertDesk:
        """The alerts (see `Reading.alerts`)."""
        return open_desk(self._keys, self._context, self._reader, self._searcher, self._turns.turn)

    @contextmanager
    def _turn(self, caller: Caller, act: Act) -> Iterator[None]:
        """Hold the turn. Raises LeftError, recorded, when the caller goes away before the end."""
        try:
            with self._turns.turn(caller.left):
                self._read_s = time.monotonic()
                yield
        except LeftError as error:
            self._own.write(
                caller, msgspec.structs.replace(act, outcome="failure", reason=str(error))
            )
            raise

    def search(
        self, caller: Caller, text: str, *, limit: int = 50, before: str | None = None,
        own: bool = False, total: bool = True,
    ) -> SearchAnswer:  # fmt: skip
        """Search (see `Reading.search`)."""
        act = Act("search", "read", "ledger", "events", text)
        query = resolve(self._allowed(caller, no_table(parse(text)), act), self._clock())
        with self._turn(caller, act):
            began_s = time.monotonic()
            page = self._page(query, limit, before, own=own, total=total)
            clauses = self._emptiness.explain(caller, query, page, began_s, own=own)
            answer = self._answer(page, caller, clauses)
            self._own.write(caller, msgspec.structs.replace(act, rows=len(answer.events)))
        return answer

    def page(
        self, caller: Caller, text: str, *, limit: int = 50, before: str | None = None,
        own: bool = False, fields: tuple[str, ...] = (), values: int = 8, bars: int = 0,
    ) -> PageAnswer:  # fmt: skip
        """Search, with histogram and facets (see `Reading.page`)."""
        act = Act("search", "read", "ledger", "events", text)
        query = resolve(self._allowed(caller, no_table(parse(text)), act), self._clock())
        wanted = page_overview(caller, fields, bars, values)
        with self._turn(caller, act):
            began_s = time.monotonic()
            page = self._page(query, limit, before, own=own)
            clauses = self._emptiness.explain(caller, query, page, began_s, own=own)
            answer = self._answer(page, caller, clauses)
            found = None
            if page.found is None or before is None:
                found = self._analyst.overview(
                    query, wanted, durable=page.size, own=own, found=page.found
                )
            self._own.write(caller, msgspec.structs.replace(act, rows=len(answer.events)))
        if found is None:
            return PageAnswer(answer, None, [])
        bars_of = histogram_answer(found, answer.checkpoint, []) if bars else None
        return PageAnswer(answer, bars_of, found.facets)

    def _page(
        self, query: Query, limit: int, before: str | None, *, own: bool, at: int | None = None,
        total: bool = True,
    ) -> Page:  # fmt: skip
        """Return a page of events (`at`: of the first so many entries).

        They are in the order of time, or it is the one page of another.
        """
        cursor = decode_cursor(before) if before else None
        durable = self._port.status().size
        if query.limit is not None:
            limit = query.limit.count
        limit = max(1, min(limit, PAGE_ROWS_MAX))
        if query.sort is not None and query.sort != _NEWEST_FIRST:
            if cursor is not None:
                raise UsageError("a sorted answer has one page; | limit makes it longer")
            page = self._analyst.ordered(query, limit=limit, durable=durable, own=own, at=at)
        else:
            page = self._searcher.search(
                query, limit=limit, before=cursor, durable=durable, own=own, at=at, total=total
            )
        return page if query.limit is None else msgspec.structs.replace(page, next=None)

    def _answer(self, page: Page, caller: Caller, clauses: list[Clause]) -> SearchAnswer:
        hits = [hit_of(found.row, caller.rights, found.event) for found in page.rows]
        note = (self._directory / CHECKPOINT).read_text()
        return SearchAnswer(
            hits, page.total, page.total_is_exact, page.hidden_own,
            page.next.encode() if page.next else None, note, page.size,
            [*page.warnings, *kept_back(caller.rights)], clauses,
        )  # fmt: skip

    def table(self, caller: Caller, text: str, *, own: bool = False) -> TableAnswer:
        """Count (see `Reading.table`)."""
        return self._counting.table(caller, text, own=own)

    def search_at(
        self, caller: Caller, text: str, at: int, *, limit: int = 50, before: str | None = None,
        own: bool = False,
    ) -> SearchAnswer:  # fmt: skip
        """Search the first `at` entries (see `Reading.search_at`)."""
        return self._pinning.search(caller, text, at, limit=limit, before=before, own=own)

    def table_at(self, caller: Caller, text: str, at: int, *, own: bool = False) -> TableAnswer:
        """Count in the first `at` entries (see `Reading.table_at`)."""
        return self._pinning.table(caller, text, at, own=own)

    def chains(
        self, caller: Caller, text: str, *, limit: int = 50, before: str | None = None,
        own: bool = False,
    ) -> ChainsAnswer:  # fmt: skip
        """Find chains of events (see `Reading.chains`)."""
        return self._chaining.chains(caller, text, limit=limit, before=before, own=own)

    def chains_at(
        self, caller: Caller, text: str, at: int, *, limit: int = 50, before: str | None = None,
        own: bool = False,
    ) -> ChainsAnswer:  # fmt: skip
        """Find chains in the first `at` entries (see `Reading.chains_at`)."""
        return self._chaining.chains(caller, text, limit=limit, before=before, own=own, at=at)

    def sql(
        self, caller: Caller, sql: str, text: str = "", *, own: bool = False, at: int | None = None
    ) -> SqlAnswer:
        """Answer SQL (see `Reading.sql`)."""
        return self._querying.sql(caller, sql, text, own=own, at=at)

    def histogram(
        self, caller: Caller, text: str, *, bars: int = 60, own: bool = False
    ) -> HistogramAnswer:
        """Count by time and outcome (see `Reading.histogram`)."""
        return self._counting.histogram(caller, text, bars=bars, own=own)

    def facets(
        self, caller: Caller, text: str, fields: tuple[str, ...], *, values: int = 10,
        own: bool = False,
    ) -> FacetsAnswer:  # fmt: skip
        """Count the values of fields (see `Reading.facets`)."""
        return self._counting.facets(caller, text, fields, values=values, own=own)

    def trace(self, caller: Caller, trace_id: str, *, inferred: bool = True) -> TraceAnswer:
        """Tell the story of an id (see `Reading.trace`)."""
        return self._tracing.trace(caller, trace_id, inferred=inferred)

    def export(self, caller: Caller, text: str, *, own: bool = False) -> Export:
        """Begin an export (see `Reading.export`)."""
        return self._exporting.export(caller, text, own=own)

    def prove(self, caller: Caller, text: str, *, own: bool = False) -> AnswerProof:
        """Return an answer with its proof (see `Reading.prove`)."""
        return self._proving.prove(caller, text, own=own)

    def profile(self, caller: Caller, kind: str, value: str) -> ProfileAnswer:
        """Return what is known of a value (see `Reading.profile`)."""
        return self._profiling.profile(caller, kind, value)

    def lookers(
        self, caller: Caller, text: str, *, kind: str | None = None, value: str = "",
        limit: int = 50, before: str | None = None,
    ) -> LookersAnswer:  # fmt: skip
        """Tell who looked (see `Reading.lookers`)."""
        return self._looking.lookers(
            caller, text, kind=kind, value=value, limit=limit, before=before
        )

    def overview(self, caller: Caller, period: str) -> OverviewAnswer:
        """Tell of the place as a whole (see `Reading.overview`)."""
        return self._overviewing.overview(caller, period)

    def _allowed(self, caller: Caller, query: Query, act: Act) -> Query:
        """Return the query cut to the caller's rights; a refusal is an event before it is raised.

        Raises AccessDeniedError.
        """
        try:
            return restrict(query, caller.rights)
        except AccessDeniedError as error:
            self._own.write(caller, msgspec.structs.replace(act, ok=False, reason=str(error)))
            raise

    def event(self, caller: Caller, event_id: str) -> Hit:
        """Return one event (see `Reading.event`)."""
        return self._showing.event(caller, event_id)

    def proof(self, caller: Caller, event_id: str) -> tuple[Hit, EventProof]:
        """Return one event with its proof (see `Reading.proof`)."""
        return self._showing.proof(caller, event_id)

    def verify_event(self, caller: Caller, event_id: str) -> tuple[Hit, EventVerdict]:
        """Check one event (see `Reading.verify_event`)."""
        return self._showing.verify_event(caller, event_id)

    def sources(self, caller: Caller) -> list[SourceInfo]:
        """Return the declared sources (see `Reading.sources`)."""
        return self._source_reading.sources(caller)

    def source_states(self, caller: Caller) -> list[SourceState]:
        """Return how the sources are doing (see `Reading.source_states`)."""
        return self._source_reading.states(caller)

    def follow(self, caller: Caller, text: str) -> Following:
        """Begin a live tail (see `Reading.follow`)."""
        act = Act("tail", "read", "ledger", "events", text)
        query = self._allowed(caller, events_only(parse(text)), act)
        resolve(query, self._clock())
        self._own.write(caller, act)
        return Tail(self, query, caller.rights, hides_own(query), self.durable)

    # --- acts ------------------------------------------------------------------------------------

    def record(
        self, caller: Caller, action: str, resource: str, *, ok: bool = True,
        reason: str | None = None, content: str | None = None,
    ) -> None:  # fmt: skip
        """Write an own event for what a face did itself (see `Reading.record`)."""
        self._own.write(
            caller,
            Act(action, _access_of(action), "whodid", resource, content, ok=ok, reason=reason),
        )  # fmt: skip

    def health(self) -> Health:
        """Tell where the server stands (see `Reading.health`)."""
        reasons = []
        try:
            status = self._port.status()
        except WhodidError as error:
            return Health(
                ready=False, reasons=[str(error)], size=0, published=0, sealed=0, indexed=0,
                stopped=None,
            )  # fmt: skip
        reasons += self._faults()
        if status.stopped:
            reasons.append(f"the log has stopped: {status.stopped}")
        return Health(
            ready=not reasons, reasons=reasons, size=status.size, published=status.published,
            sealed=status.sealed, indexed=self._indexed(), stopped=status.stopped,
            duplicates=status.duplicates, conflicts=status.conflicts,
        )  # fmt: skip

    def standing(self, caller: Caller, *, running: bool = True) -> Standing:
        """Return where the ledger stands (see `Reading.standing`)."""
        found = self.health(), self.sources(caller), self.integrity()
        with self._turns.turn():
            self._reader.refresh()
            return standing_of(self._reader, *found, self._clock(), running=running)

    def integrity(self) -> Integrity:
        """Tell what continuous validation found (see `Reading.integrity`)."""
        return self._integrity.read()

    def verify_now(self, caller: Caller) -> None:
        """Ask for a verification (see `Reading.verify_now`)."""
        self._integrity.verify_now(caller)

    def acknowledge_fault(self, caller: Caller, key: str) -> None:
        """Acknowledge a fault (see `Reading.acknowledge_fault`)."""
        self._integrity.acknowledge(caller, key)

    def _indexed(self) -> int:
        entries = read_catalog(self._directory, self._keys.ledger_id)
        return entries[-1].end if entries else 0

    def totals(self) -> tuple[int, int]:
        """Return (events in the ledger, declared sources but whodid's own); shows no content.

        While a long read goes on it is what was counted before: who watches the server must not
        wait for those who read.
        """
        durable, sources = self._port.status().size, len(self._port.sources()) - 1
        late_s = time.monotonic() + _COUNT_WAIT_S
        known = self._events_counted is not None
        try:
            with self._turns.turn(lambda: known and time.monotonic() > late_s):
                counts = self._searcher.source_counts(durable=durable)
                self._events_counted = sum(count.events for count in counts.values())
        except (
            LedgerError,
            LeftError,
        ):  # the other numbers of a damaged ledger matter all the more
            self._events_counted = self._events_counted or 0
        return self._events_counted or 0, sources

    def new_rows(self, first: int) -> tuple[list[StoredRow], int]:
        """Return durable rows from `first` on (bounded), and where they end."""
        size = self._port.status().size
        end = min(size, first + _TAIL_ROWS_MAX)
        rows: list[StoredRow] = []
        size_bytes = 0
        with self._turns.turn():
            self._reader.refresh()
            for row in self._reader.rows(first, end):
                rows.append(row)
                size_bytes += sum(len(group) for group in row.groups or ())
                if size_bytes > TAIL_BYTES_MAX:
                    return rows, row.index + 1
        return rows, end

    def freshen(self) -> None:
        """Take in what is new while somebody reads, so that the next search finds it ready."""
        if time.monotonic() - self._read_s < FRESH_FOR_S:
            durable = self._port.status().size
            with self._turns.turn():
                self._searcher.freshen(durable=durable)

    def now(self) -> int:
        """Return the clock, µs UTC."""
        return self._clock()

    @property
    def durable(self) -> int:
        """Number of entries that are durable."""
        return self._port.status().size

    def close(self) -> None:
        """Close files and the way to the sequencer."""
        self._reader.close()
        self._port.close()


_NEWEST_FIRST = Sort((Order("time", descending=True),))
_TAIL_ROWS_MAX, _COUNT_WAIT_S = 5000, 0.1


def _access_of(action: str) -> Access:
    if action.startswith("log "):
        return "authenticate"
    return "read" if action.startswith(("export", "list")) else "administer"
