"""The reads that count: tables, histograms and facets, each an event of its own before it answers.

Rights hold here as for a search: the query is cut to them before it is planned, and a field that is
denied is neither grouped, summed nor shown as a facet.
"""

import msgspec

from whodid.app.answer import Caller
from whodid.app.counts import FacetsAnswer, HistogramAnswer, TableAnswer
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.errors import AccessDeniedError, QueryError, UsageError
from whodid.index.analyst import Analyst, Overview, Wanted
from whodid.limits import FACET_FIELDS_MAX, FACET_VALUES_MAX, HISTOGRAM_BARS_MAX
from whodid.query.countable import why_not_counted
from whodid.query.fields import SEARCH_FIELDS, suggest
from whodid.query.parse import parse
from whodid.query.render_pipes import bucket_text
from whodid.query.rights import Rights, check_field, may_ask
from whodid.query.times import resolve
from whodid.query.tree import Query


class Counting:
    """The counting half of `LedgerReading`, which shares its turns, its searcher and its rights."""

    def __init__(self, context: ReadContext, analyst: Analyst) -> None:
        self._context = context
        self._analyst = analyst

    def table(self, caller: Caller, text: str, *, own: bool) -> TableAnswer:
        """Return the table of a search (see `Reading.table`)."""
        act = Act("search", "read", "ledger", "events", text)
        query = parse(text)
        if query.stats is None:
            raise QueryError("this search has no | stats", len(text))
        query = resolve(self._context.allowed(caller, query, act), self._context.clock())
        durable = self._context.port.status().size
        with self._context.turn(caller, act):
            found = self._analyst.stats(query, durable=durable, own=own)
            note = self._context.note()
            self._context.own.write(
                caller, msgspec.structs.replace(act, rows=len(found.table.rows))
            )
        table = found.table
        return TableAnswer(
            table.columns, table.rows, table.groups, table.events, table.exact, table.other,
            found.hidden_own, note, found.size, [*found.warnings, *kept_back(caller.rights)],
        )  # fmt: skip

    def histogram(self, caller: Caller, text: str, *, bars: int, own: bool) -> HistogramAnswer:
        """Return a histogram (see `Reading.histogram`)."""
        wanted = Wanted(max(1, min(bars, HISTOGRAM_BARS_MAX)), outcomes=_shows_outcome(caller))
        note, found = self._overview(caller, text, wanted, own=own)
        return histogram_answer(found, note, kept_back(caller.rights))

    def facets(
        self, caller: Caller, text: str, fields: tuple[str, ...], *, values: int, own: bool
    ) -> FacetsAnswer:
        """Return facets (see `Reading.facets`)."""
        known = tuple(dict.fromkeys(_facet_field(field) for field in fields))
        if not 0 < len(known) <= FACET_FIELDS_MAX:
            raise UsageError(f"ask for 1 to {FACET_FIELDS_MAX} fields")
        wanted = Wanted(0, known, max(1, min(values, FACET_VALUES_MAX)))
        note, found = self._overview(caller, text, wanted, own=own)
        return FacetsAnswer(
            found.facets, found.events, found.exact, found.hidden_own, note, found.size,
            [*found.warnings, *kept_back(caller.rights)],
        )  # fmt: skip

    def _overview(
        self, caller: Caller, text: str, wanted: Wanted, *, own: bool
    ) -> tuple[str, Overview]:
        act = Act("count", "read", "ledger", "events", text)
        query = events_only(parse(text))
        allowed = self._context.allowed(caller, query, act)
        self._check(caller, wanted, act)
        query = resolve(allowed, self._context.clock())
        durable = self._context.port.status().size
        with self._context.turn(caller, act):
            found = self._analyst.overview(query, wanted, durable=durable, own=own)
            note = self._context.note()
            self._context.own.write(caller, act)
        return note, found

    def _check(self, caller: Caller, wanted: Wanted, act: Act) -> None:
        """Refuse a facet of a denied field; the refusal is an event before it is raised."""
        try:
            for field in wanted.fields:
                check_field(field, caller.rights)
        except AccessDeniedError as error:
            self._context.own.write(
                caller, msgspec.structs.replace(act, ok=False, reason=str(error))
            )
            raise


def page_overview(caller: Caller, fields: tuple[str, ...], bars: int, values: int) -> Wanted:
    """Return what a page shows beside its events; fields that are denied are left out."""
    shown = tuple(field for field in fields if may_ask(field, caller.rights))
    return Wanted(bars, shown, values, outcomes=_shows_outcome(caller))


def histogram_answer(found: Overview, note: str, kept: list[str]) -> HistogramAnswer:
    """Return the histogram of an overview as an answer."""
    made = found.histogram
    return HistogramAnswer(
        bucket_text(made.bucket) if made else "", made.bars if made else [], found.events,
        found.exact and (made is None or made.exact), found.hidden_own, note, found.size,
        [*found.warnings, *kept],
    )  # fmt: skip


_CHAINS = "| sequence finds chains"


def no_table(query: Query) -> Query:
    """Return a query whose answer is events. Raises QueryError for another."""
    for pipe, made in ((query.stats, "| stats makes a table"), (query.sequence, _CHAINS)):
        if pipe is not None:
            place = max(query.text.find("|"), 0)
            raise QueryError(f"{made}, and here events are asked for", place)
    return query


def events_only(query: Query) -> Query:
    """Return a query that has no pipes. Raises QueryError for another."""
    for pipe in (query.stats, query.sequence, query.sort, query.limit):
        if pipe is not None:
            place = query.text.find("|")
            raise QueryError(
                "pipes are not answered here; leave out the first | and what follows", max(place, 0)
            )
    return query


def kept_back(reader: Rights) -> list[str]:
    """Return what must be said with an answer that was cut to a reader's rights."""
    said = []
    if reader.filter is not None:
        said.append("your rights show a part of the events; others are not counted")
    if reader.withheld:
        said.append(f"withheld from you: {', '.join(sorted(reader.withheld))}")
    return said


def _shows_outcome(caller: Caller) -> bool:
    return may_ask("outcome", caller.rights)


def _facet_field(name: str) -> str:
    field = SEARCH_FIELDS.get(name.strip().lower())
    if field is None:
        closest = suggest(name)
        hint = f"; did you mean {closest}?" if closest else ""
        raise UsageError(f"there is no field {name[:64]!r}{hint}")
    reason = why_not_counted(field)
    if field.kind in {"time", "state"}:
        reason = f"'{field.name}' is a {field.kind}"
    if reason is not None:
        raise UsageError(f"no facet of it: {reason}")
    return field.name
