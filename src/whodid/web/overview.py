"""The page of the place as a whole: `GET /overview`, for a day, a week or 30 days up to now."""

from typing import NamedTuple
from urllib.parse import quote_plus

from starlette.responses import Response

from whodid.app.overview import PERIODS, FieldSurvey, OverviewAnswer, Ranked
from whodid.app.profile import KINDS
from whodid.limits import SOURCE_LATE_S
from whodid.query.render import to_text
from whodid.query.tree import Node, Query, Term, all_of
from whodid.web import histogram
from whodid.web.html import count
from whodid.web.links import exact_term, profile_url, search_url, text_of
from whodid.web.stats import head_of
from whodid.web.time_range import Choice, span_term
from whodid.web.visit import Visit

PERIOD = "week"
_WORDS = {"day": "Last day", "week": "7 days", "month": "30 days"}
_BEFORE = {"day": "the day before", "week": "the week before", "month": "the 30 days before"}
_EARLIER = {"day": "four days", "week": "four weeks", "month": "120 days"}
_PLURAL = {
    "actor": "actors", "resource": "resources", "service": "services", "ip": "addresses",
    "source": "sources",
}  # fmt: skip
_LEVELS = 4
_SHARE = 100
_TOLD_MAX = 1000
_MINUS = "\N{MINUS SIGN}"
_MOVING = ("actor", "resource", "service", "source")


class Card(NamedTuple):
    """A number of this period, the same of the last one, and the events."""

    title: str
    now: int
    last: str
    href: str | None
    finding: str


class Item(NamedTuple):
    """Values in a list, each with its page; their events, with the search for them."""

    values: list[tuple[str, str | None]]
    events: int
    href: str | None
    told: str
    share: float | None


class Listing(NamedTuple):
    """A list of a section; `more` are not shown. `all_href` leads to all of them as a table."""

    title: str
    items: list[Item]
    more: int
    all_href: str | None = None


class Cell(NamedTuple):
    """A cell of the grid: how strong its colour is (0 to _LEVELS), its events, their search."""

    level: int
    events: int
    href: str | None


class Line(NamedTuple):
    """A row of the grid."""

    name: str
    href: str | None
    cells: list[Cell]


def show(visit: Visit) -> Response:
    """Answer `GET /overview`."""
    period = visit.asked("period") or PERIOD
    answer = visit.site.reading.overview(visit.caller(), period)
    page = _Page(answer)
    return visit.page(
        "overview.html",
        answer=answer,
        span=answer.span,
        periods=[Choice(_WORDS[p], f"/overview?period={p}", p == period) for p in PERIODS],
        before=_BEFORE[period],
        earlier=_EARLIER[period],
        cards=page.cards(),
        chart=histogram.chart(answer.histogram, Query(page.now), own=False),
        columns=answer.survey.grid.columns if answer.survey.grid else (),
        grid=page.grid(),
        tops=page.tops(),
        changes=page.changes(),
        gone=page.gone(),
        refused=page.refused(),
        late=page.late(),
        late_minutes=SOURCE_LATE_S // 60,
        known=any(answer.survey.events[1:]),
        head=head_of(answer.checkpoint),
    )


class _Page:
    """What the page shows of an answer. `now`, `last` and `before` are the times of its links."""

    def __init__(self, answer: OverviewAnswer) -> None:
        self.answer = answer
        span = answer.span
        self.now = span_term(span.last_us, span.end_us)
        self.last = span_term(span.before_us, span.last_us)
        self.before = span_term(span.start_us, span.last_us)
        self._times: dict[Term, str] = {}

    def cards(self) -> list[Card]:
        """Return the numbers above the chart."""
        found = self.answer.survey
        cards = [self._card("Events", found.events, self.now)]
        for outcome, title, finding in (
            ("denied", "Refused", "bad"),
            ("failure", "Failed", "warn"),
        ):
            if found.outcomes:
                term = Term("outcome", "has", outcome)
                counts = found.outcomes.get(outcome, (0, 0, 0))
                cards.append(self._card(title, counts, all_of([term, self.now]), finding=finding))
        for one in found.fields:
            [field] = one.fields
            text = f"{text_of([self.now])} | stats by ({field}) | sort -count"
            cards.append(
                self._card(_PLURAL[field].capitalize(), one.distinct, None, search_url(text))
            )
        return cards

    def _card(
        self, title: str, counts: tuple[int, ...], node: Node | None, href: str | None = None,
        *, finding: str = "",
    ) -> Card:  # fmt: skip
        if node is not None:
            href = search_url(text_of([node]))
        return Card(
            title, counts[0], _against(counts[0], counts[1]), href, finding if counts[0] else ""
        )

    def grid(self) -> list[Line]:
        """Return the actors and what they use."""
        grid = self.answer.survey.grid
        if grid is None or not grid.rows:
            return []
        most = max(max(row) for row in grid.counts) or 1
        return [
            Line(
                name, self._href("actor", name),
                [
                    Cell(
                        _level(events, most), events,
                        self._search(("actor", "service"), (name, service), self.now)
                        if events else None,
                    )
                    for service, events in zip(grid.columns, row, strict=True)
                ],
            )
            for name, row in zip(grid.rows, grid.counts, strict=True)
        ]  # fmt: skip

    def tops(self) -> list[Listing]:
        """Return the most frequent values of each field, and pairs."""
        found = self.answer.survey
        listings = []
        for one in (*found.fields, *([found.pairs] if found.pairs else ())):
            text = f"{text_of([self.now])} | stats by ({', '.join(one.fields)}) | sort -count"
            listings.append(
                self._listing(_title(one), one.fields, one.top, share=True)._replace(
                    all_href=search_url(text)
                )
            )
        return [listing for listing in listings if listing.items]

    def changes(self) -> list[Listing]:
        """Return what is new, what rose and what fell."""
        found = self.answer.survey
        listings = [self._listing(f"New {_title(one).lower()}", one.fields, one.new)
                    for one in found.fields]  # fmt: skip
        if found.pairs:
            pairs = found.pairs
            listings.append(
                self._listing("New together, both known before", pairs.fields, pairs.new)
            )
        for one in found.fields:
            if one.fields[0] in _MOVING:
                both = Ranked([*one.more.rows, *one.less.rows], one.more.total + one.less.total)
                title = f"More and fewer: {_title(one).lower()}"
                listings.append(self._listing(title, one.fields, both, moved=True))
        return [listing for listing in listings if listing.items]

    def gone(self) -> list[Listing]:
        """Return what was used before and is not now."""
        listings = [
            self._listing(_title(one), one.fields, one.gone, when=self.before)
            for one in self.answer.survey.fields
        ]
        return [listing for listing in listings if listing.items]

    def refused(self) -> Listing:
        """Return who was refused or failed most."""
        return self._listing("", ("actor", "outcome"), self.answer.survey.ended)

    def late(self) -> list[Item]:
        """Return the sources of which events came late."""
        return [
            Item(
                [(one.source, self._href("source", one.source))], one.late, None,
                f"{count(one.late)} of {count(one.events, 'event')}", None,
            )
            for one in self.answer.survey.late
        ]  # fmt: skip

    def _listing(
        self, title: str, fields: tuple[str, ...], found: Ranked, *, share: bool = False,
        moved: bool = False, when: Term | None = None,
    ) -> Listing:  # fmt: skip
        events = self.answer.survey.events[0] or 1
        items = []
        for values, counts in found.rows:
            here = counts[0] if when is None else sum(counts[1:])
            told = _against(counts[0], counts[1]) if moved or share else ""
            links = [
                (value, self._href(field, value))
                for field, value in zip(fields, values, strict=True)
            ]
            items.append(
                Item(
                    links, here, self._search(fields, values, when or self.now), told,
                    round(here * _SHARE / events, 1) if share else None,
                )
            )  # fmt: skip
        return Listing(title, items, found.total - len(items))

    def _href(self, field: str, value: str) -> str | None:
        if field in KINDS:
            return profile_url(field, value)
        return self._search((field,), (value,), self.now) if field != "outcome" else None

    def _search(self, fields: tuple[str, ...], values: tuple[str, ...], when: Term) -> str | None:
        terms: list[Node] = []
        for field, value in zip(fields, values, strict=True):
            term = exact_term(field, value)
            if term is None:
                return None
            terms.append(Term(field, "is", value) if term.field != "ip" else term)
        return search_url(text_of(terms)) + self._at(when)

    def _at(self, when: Term) -> str:
        """Return what narrows an address to a time; most links of the page have one of three."""
        known = self._times.get(when)
        if known is None:
            known = self._times[when] = "+" + quote_plus(to_text(when), safe=",")
        return known


def _title(one: FieldSurvey) -> str:
    return " and ".join(_PLURAL[field] for field in one.fields).capitalize()


def _level(events: int, most: int) -> int:
    """Return a colour for a count: by the square root, so that small ones are seen."""
    return -int(-((events / most) ** 0.5) * _LEVELS // 1) if events else 0


def _against(now: int, last: int) -> str:
    """Return this number against the last one, in words."""
    if not last:
        return "none before" if now else ""
    share = round((now - last) * _SHARE / last)
    if not share:
        return "as before"
    if abs(share) >= _TOLD_MAX:
        return f"{count(last)} before"
    return f"{'+' if share > 0 else _MINUS}{abs(share)} %, {count(last)} before"
