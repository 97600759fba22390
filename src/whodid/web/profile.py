"""The page of an actor, a resource or an address: `GET /profile/{kind}/{value}`."""

from typing import NamedTuple

from starlette.responses import Response

from whodid.app.profile import HEAT_DAYS, KINDS, NEWS_DAYS, ProfileAnswer
from whodid.app.profiling import term_of
from whodid.errors import UsageError
from whodid.query.tree import Query
from whodid.web import facets, histogram
from whodid.web.html import count, days_of_week
from whodid.web.links import exact_term, lookers_url, profile_url, search_url, text_of
from whodid.web.stats import head_of
from whodid.web.visit import Visit

_TITLES = {"actor": "Actor", "resource": "Resource", "ip": "Address"}
_ALSO = {
    "actor": "Others who used the same resources",
    "resource": "Also used by the same people",
    "ip": "Other addresses of the same people",
}
_LEVELS = 4


class Cell(NamedTuple):
    """An hour of a weekday: how strong its colour is (0 to _LEVELS), and what it says."""

    level: int
    label: str


class Linked(NamedTuple):
    """A value with its own profile, or the search for it; what is said beside it."""

    field: str
    value: str
    href: str | None
    told: str
    first_us: int = 0


def show(visit: Visit) -> Response:
    """Answer `GET /profile/{kind}/{value}`."""
    kind, value = visit.request.path_params["kind"], visit.request.path_params["value"]
    if kind not in KINDS:
        raise UsageError(f"There are profiles of: {', '.join(KINDS)}.")
    answer = visit.site.reading.profile(visit.caller(), kind, value)
    query = Query(term_of(kind, value))
    return visit.page(
        "profile.html",
        200 if answer.events else 404,
        answer=answer,
        kind=_TITLES[kind],
        lookers_href=lookers_url(kind, value, ""),
        events_href=search_url(text_of([query.filter])),
        heat=_heat(answer.heat),
        heat_days=HEAT_DAYS,
        news_days=NEWS_DAYS,
        chart=histogram.chart(answer.histogram, query, own=False),
        boxes=facets.boxes(answer.facets, query, answer.events, own=False),
        news=None if answer.news is None else _news(answer),
        peers=_peers(answer),
        also=_ALSO[kind],
        head=head_of(answer.checkpoint),
    )


def _heat(heat: list[list[int]]) -> list[tuple[str, list[Cell]]]:
    most = max(max(hours) for hours in heat)
    rows = []
    for day, hours in zip(days_of_week(), heat, strict=True):
        cells = [
            Cell(
                -(-events * _LEVELS // most) if events else 0,
                f"{day} {hour:02d}:00 to {hour + 1:02d}:00: {count(events, 'event')}",
            )
            for hour, events in enumerate(hours)
        ]
        rows.append((day[:3], cells))
    return rows


def _news(answer: ProfileAnswer) -> list[Linked]:
    return [
        Linked(
            facets.TITLES.get(one.field, one.field), one.value, _href(one.field, one.value),
            count(one.events, "event"), one.first_us,
        )
        for one in answer.news or ()
    ]  # fmt: skip


def _peers(answer: ProfileAnswer) -> list[Linked]:
    shared = {"resource": "resource", "actor": "actor"}[answer.via]
    return [
        Linked(
            "", peer.value, _href(answer.kind, peer.value),
            f"{count(peer.shared, shared)} in common, {count(peer.events, 'event')}",
        )
        for peer in answer.peers
    ]  # fmt: skip


def _href(field: str, value: str) -> str | None:
    if field in KINDS:
        return profile_url(field, value)
    term = exact_term(field, value)
    return search_url(text_of([term])) if term is not None else None
