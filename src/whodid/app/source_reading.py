"""Reading the declared sources: what each sent and how it is doing, cut to the rights of who asks.

Times, receipts and names of sources are told to everybody who may see the event; numbers of events
only to who sees all of them, since a gap would tell of an event that is kept from him.
"""

from collections.abc import Iterable

import msgspec
import numpy as np

from whodid.app.answer import Caller, SourceInfo
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.app.source_state import Gaps, SourceState
from whodid.app.standing import first_since
from whodid.index.analyst import Analyst
from whodid.index.page import Page
from whodid.index.rhythm import MINUTE_US, MINUTES
from whodid.index.search import Searcher
from whodid.ledger.reader import LedgerReader
from whodid.ledger.state_db import Source
from whodid.ledger.verification.sequences import sequence_runs
from whodid.limits import QUERY_LIMIT_ROWS_MAX
from whodid.query.pipes import Key, Limit, Measure, Stats
from whodid.query.rights import Rights
from whodid.query.times import DAY_US, resolve_node
from whodid.query.tree import Node, Query, Range, Span, Term, all_of

_HOUR_US = DAY_US // 24
_NUMBERED_MAX = 200_000
"""Gaps are looked for in so many of the newest entries."""

_QUARANTINED = Term("_quarantined", "has", value=True)


class SourceReading:
    """The reads of sources; it shares turns and searcher with `LedgerReading`."""

    def __init__(
        self, context: ReadContext, searcher: Searcher, analyst: Analyst, reader: LedgerReader
    ) -> None:
        self._context = context
        self._searcher = searcher
        self._analyst = analyst
        self._reader = reader

    def sources(self, caller: Caller) -> list[SourceInfo]:
        """Return the declared sources (see `Reading.sources`)."""
        act = Act("list", "read", "ledger", "sources")
        declared = self._context.port.sources().values()
        durable = self._context.port.status().size
        with self._context.turn(caller, act):
            infos = self._infos(caller.rights, declared, durable)
            self._context.own.write(caller, msgspec.structs.replace(act, rows=len(infos)))
        return infos

    def states(self, caller: Caller) -> list[SourceState]:
        """Return how the sources are doing (see `Reading.source_states`)."""
        act = Act("list", "read", "ledger", "sources")
        with self._context.turn(caller, act):
            found = self.look(caller.rights)
            self._context.own.write(caller, msgspec.structs.replace(act, rows=len(found)))
        return found

    def look(self, reader: Rights) -> list[SourceState]:
        """Return how the sources are doing, for who holds the turn; it writes no event."""
        declared = self._context.port.sources()
        durable = self._context.port.status().size
        now_us = self._context.clock()
        infos = self._infos(reader, declared.values(), durable)
        heard = self._heard(reader, durable)
        rhythms, ways, _ = self._analyst.sending(
            self._received(reader, now_us, MINUTES * MINUTE_US),
            self._received(reader, now_us, _HOUR_US), now_us + 1, durable=durable,
        )  # fmt: skip
        gaps = self._gaps(durable, now_us) if reader.filter is None else None
        return [
            SourceState(
                info, heard.get(info.name), rhythms.get(info.name), ways.get(info.name),
                None if gaps is None
                else gaps.get(declared[info.name].source_id, Gaps(0, 0, 0)),
            )
            for info in infos
        ]  # fmt: skip

    def _infos(self, reader: Rights, declared: Iterable[Source], durable: int) -> list[SourceInfo]:
        if reader.filter is None:
            return self._all_sources(declared, durable)
        return self._seen_sources(declared, durable, reader)

    def _received(self, reader: Rights, now_us: int, span_us: int) -> Query:
        """Return what was received lately, of what a reader may see."""
        when = Range(Span(now_us - span_us, now_us - span_us + 1), Span(now_us, now_us + 1))
        term = Term("received", "range", when)
        node = [] if reader.filter is None else [resolve_node(reader.filter, now_us)]
        return Query(all_of([*node, term]))

    def _heard(self, reader: Rights, durable: int) -> dict[str, int]:
        """Return when something last came from each source."""
        if reader.filter is None:
            counts = self._searcher.source_counts(durable=durable)
            return {name: count.received_us for name, count in counts.items()}
        last = Measure("max", "received")
        query = Query(
            resolve_node(reader.filter, self._context.clock()),
            stats=Stats((Key("source"),), (last,)), limit=Limit(QUERY_LIMIT_ROWS_MAX),
        )  # fmt: skip
        found = self._analyst.stats(query, durable=durable, own=True)
        return {name: heard_us for name, heard_us in found.table.rows if heard_us is not None}

    def _gaps(self, durable: int, now_us: int) -> dict[bytes, Gaps]:
        """Return the gaps in the numbers of the newest entries, by source id."""
        size = min(durable, self._reader.refresh())
        first = max(first_since(self._reader, size, now_us - DAY_US), size - _NUMBERED_MAX)
        found: dict[bytes, Gaps] = {}
        tables = list(self._reader.leaf_tables(first, size))
        for run in sequence_runs(np.concatenate(tables)) if tables else ():
            known = found.get(run.source_id, Gaps(0, 0, 0))
            came = sum(high - low + 1 for low, high in run.ranges)
            span = run.ranges[-1][1] - run.ranges[0][0] + 1
            found[run.source_id] = Gaps(
                known.numbers + came, known.gaps + len(run.ranges) - 1,
                known.missing + span - came,
            )  # fmt: skip
        return found

    def _all_sources(self, declared: Iterable[Source], durable: int) -> list[SourceInfo]:
        counts = self._searcher.source_counts(durable=durable)
        infos = []
        for source in declared:
            count = counts.get(source.name)
            bad = self._of_source(source, durable, _QUARANTINED).total if count else 0
            infos.append(
                _info(source, count.events, bad, count.newest_us)
                if count
                else _info(source, 0, 0, None)
            )
        return infos

    def _seen_sources(
        self, declared: Iterable[Source], durable: int, reader: Rights
    ) -> list[SourceInfo]:
        """Return the sources of which the reader may see an event, with counts of those only."""
        assert reader.filter is not None
        infos = []
        node = resolve_node(reader.filter, self._context.clock())
        for source in declared:
            seen = self._of_source(source, durable, node)
            if not seen.total:
                continue
            bad = self._of_source(source, durable, node, _QUARANTINED).total
            infos.append(_info(source, seen.total, bad, seen.rows[0].time_us))
        return infos

    def _of_source(self, source: Source, durable: int, *more: Node) -> Page:
        query = Query(all_of([Term("source", "is", source.name), *more]))
        return self._searcher.search(query, limit=1, durable=durable, own=True)


def _info(source: Source, events: int, quarantined: int, newest_us: int | None) -> SourceInfo:
    return SourceInfo(
        source.name, source.format, source.domain, source.opened_us, events, quarantined, newest_us
    )
