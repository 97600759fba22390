"""The page of sources: `GET /sources`."""

from starlette.responses import Response

from whodid.app.answer import SourceInfo
from whodid.query.tree import Term
from whodid.web.links import search_url, text_of
from whodid.web.visit import Visit


def show(visit: Visit) -> Response:
    """Answer `GET /sources`."""
    sources = sorted(visit.site.reading.sources(visit.caller()), key=lambda source: source.name)
    return visit.page(
        "sources.html",
        sources=sources,
        events=sum(source.events for source in sources),
        href=_href,
        quarantined_href=lambda source: _href(source, Term("_quarantined", "has", value=True)),
    )


def _href(source: SourceInfo, *more: Term) -> str:
    return search_url(text_of([Term("source", "has", source.name), *more]))
