"""Reading the declared sources: what each sent, cut to the rights of who asks."""

from collections.abc import Iterable

import msgspec

from whodid.app.answer import Caller, SourceInfo
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.index.page import Page
from whodid.index.search import Searcher
from whodid.ledger.state_db import Source
from whodid.query.rights import Rights
from whodid.query.times import resolve_node
from whodid.query.tree import Node, Query, Term, all_of

_QUARANTINED = Term("_quarantined", "has", value=True)


class SourceReading:
    """The reads of sources; it shares turns and searcher with `LedgerReading`."""

    def __init__(self, context: ReadContext, searcher: Searcher) -> None:
        self._context = context
        self._searcher = searcher

    def sources(self, caller: Caller) -> list[SourceInfo]:
        """Return the declared sources (see `Reading.sources`)."""
        act = Act("list", "read", "ledger", "sources")
        declared = self._context.port.sources().values()
        durable = self._context.port.status().size
        with self._context.turn(caller, act):
            if caller.rights.filter is None:
                infos = self._all_sources(declared, durable)
            else:
                infos = self._seen_sources(declared, durable, caller.rights)
            self._context.own.write(caller, msgspec.structs.replace(act, rows=len(infos)))
        return infos

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
