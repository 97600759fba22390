"""Reading an overview: this period counted against those before, in one turn, one event of its own.

Rights hold as for a search: the events are cut to them, a denied field is not in it.
"""

import msgspec

from whodid.app.answer import Caller
from whodid.app.counting import kept_back
from whodid.app.counts import HistogramAnswer
from whodid.app.overview import PERIODS, OverviewAnswer, Span3
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.errors import UsageError
from whodid.index.analyst import Analyst
from whodid.index.survey import Asked
from whodid.limits import SOURCE_LATE_S
from whodid.query.render_pipes import bucket_text
from whodid.query.rights import Rights, may_ask
from whodid.query.times import resolve
from whodid.query.tree import Query, Range, Span, Term

_BARS = 60
_MINUTE_US = 60_000_000
_FIELDS = ("actor", "resource", "service", "ip", "source")


class Overviewing:
    """The reads of overviews; it shares turns, analyst and rights with `LedgerReading`."""

    def __init__(self, context: ReadContext, analyst: Analyst) -> None:
        self._context = context
        self._analyst = analyst

    def overview(self, caller: Caller, period: str) -> OverviewAnswer:
        """Return the overview of a period up to now (see `Reading.overview`)."""
        if period not in PERIODS:
            raise UsageError(f"there are overviews of a: {', '.join(PERIODS)}")
        act = Act("overview", "read", "ledger", period)
        now_us = self._context.clock()
        # whole minutes: a search of the same time can be written down
        span = Span3.until(-(-(now_us + 1) // _MINUTE_US) * _MINUTE_US, PERIODS[period])
        queries = [
            resolve(self._context.allowed(caller, Query(within(*stretch)), act), now_us)
            for stretch in span.stretches
        ]
        durable = self._context.port.status().size
        with self._context.turn(caller, act):
            found = self._analyst.survey(queries, _asked(caller.rights, span), durable=durable)
            note = self._context.note()
            events = found.survey.events[0]
            self._context.own.write(caller, msgspec.structs.replace(act, rows=events))
        made = found.survey.histogram
        warnings = [*found.warnings, *kept_back(caller.rights)]
        if events and not any(found.survey.events[1:]):
            warnings.append("nothing is known of the time before: all of it is new")
        return OverviewAnswer(
            period, span, found.survey,
            HistogramAnswer(
                bucket_text(made.bucket) if made else "", made.bars if made else [], events,
                made is None or made.exact, found.hidden_own, note, found.size, [],
            ),
            found.survey.exact, found.hidden_own, note, found.size, warnings,
        )  # fmt: skip


def within(start_us: int, end_us: int) -> Term:
    """Return the time range of [start, end)."""
    return Term("time", "range", Range(Span(start_us, start_us + 1), Span(end_us - 1, end_us)))


def _asked(reader: Rights, span: Span3) -> Asked:
    def all_of_it(*fields: str) -> tuple[str, ...]:
        return fields if all(may_ask(field, reader) for field in fields) else ()

    return Asked(
        tuple(field for field in _FIELDS if may_ask(field, reader)),
        all_of_it("actor", "resource"), all_of_it("actor", "service"),
        may_ask("outcome", reader), all_of_it("actor", "outcome"), span.stretches[0],
        _BARS, SOURCE_LATE_S * 1_000_000,
    )  # fmt: skip
