"""The web face put together: its routes and its middleware, for the server's one application."""

from typing import NamedTuple

from starlette.middleware import Middleware
from starlette.routing import Route

from whodid.access.doorkeeper import Doorkeeper
from whodid.app.desks import Desks
from whodid.app.reads import Reading
from whodid.web import (
    about,
    alerts,
    around,
    backtests,
    connect,
    event,
    integrity,
    login,
    lookers,
    outbox,
    overview,
    people,
    pinned,
    profile,
    rules,
    search,
    silences,
    sources,
    trace,
    views,
)
from whodid.web.headers import SecurityHeaders
from whodid.web.html import environment
from whodid.web.pages import Page, endpoint, not_found
from whodid.web.site import PublicLog, Site
from whodid.web.static_files import StaticFiles

_SHOWN: tuple[tuple[str, Page], ...] = (
    ("/", search.show),
    ("/events/{id}", event.show),
    ("/around", around.show),
    ("/events/{id}/verify", event.back),
    ("/alerts", alerts.show),
    ("/alerts/{id}", alerts.detail),
    ("/alerts/{id}/mute", silences.ask),
    ("/silences", silences.show),
    ("/rules", rules.show),
    ("/rules/{id:path}", rules.detail),
    ("/backtests/{id}", backtests.show),
    ("/outbox", outbox.show),
    ("/trace", trace.ask),
    ("/trace/{id:path}", trace.show),
    ("/profile/{kind}/{value:path}", profile.show),
    ("/overview", overview.show),
    ("/lookers", lookers.show),
    ("/at/{size}", pinned.show),
    ("/views", views.show),
    ("/sources", sources.show),
    ("/connect", connect.show),
    ("/integrity", integrity.show),
    ("/about", about.show),
    ("/people", people.show),
    ("/tokens", people.tokens),
)
"""Pages that are looked at."""

_DONE: tuple[tuple[str, Page], ...] = (
    ("/events/{id}/verify", event.verify),
    ("/alerts/{id}", alerts.act),
    ("/alerts/{id}/mute", silences.mute),
    ("/silences/end", silences.end),
    ("/backtests", backtests.begin),
    ("/backtests/end", backtests.end),
    ("/outbox", outbox.send_again),
    ("/views", views.save),
    ("/views/change", views.change),
    ("/views/remove", views.remove),
    ("/integrity/verify", integrity.verify_now),
    ("/integrity/acknowledge", integrity.acknowledge),
    ("/people", people.add),
    ("/people/remove", people.remove),
    ("/tokens", people.issue),
    ("/tokens/revoke", people.revoke),
    ("/logout", login.log_out),
)
"""What forms of pages do."""

_PUBLIC: tuple[tuple[str, str, Page], ...] = (
    ("GET", "/login", login.show),
    ("POST", "/login", login.log_in),
    ("GET", "/login/{token}", login.show_link),
    ("POST", "/login/{token}", login.follow_link),
)
"""What is there for who has not logged in."""


class Web(NamedTuple):
    """What the application takes over. The last route catches all: put `routes` behind others."""

    routes: list[Route]
    middleware: list[Middleware]


def make_web(
    reading: Reading, doorkeeper: Doorkeeper, log: PublicLog, desks: Desks, *, demo: bool
) -> Web:  # fmt: skip
    """Make the pages. `demo` says on each page that the people are invented."""
    files = StaticFiles()
    site = Site(reading, doorkeeper, log, desks, environment(), files, demo)
    routes = [
        *(_route(site, "GET", path, page) for path, page in _SHOWN),
        *(_route(site, "POST", path, page) for path, page in _DONE),
        *(_route(site, method, path, page, public=True) for method, path, page in _PUBLIC),
        Route("/static/{name}", files.serve, methods=["GET"]),
        Route("/static/{tag}/{name}", files.serve, methods=["GET"]),
        _route(site, "GET", "/{path:path}", not_found, public=True),
    ]
    return Web(routes, [Middleware(SecurityHeaders)])


def _route(site: Site, method: str, path: str, page: Page, *, public: bool = False) -> Route:
    return Route(path, endpoint(site, page, public=public), methods=[method])
