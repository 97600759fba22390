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

    def get(path: str, page: Page, *, public: bool = False) -> Route:
        return Route(path, endpoint(site, page, public=public), methods=["GET"])

    def post(path: str, page: Page, *, public: bool = False) -> Route:
        return Route(path, endpoint(site, page, public=public), methods=["POST"])

    routes = [
        get("/", search.show),
        get("/events/{id}", event.show),
        get("/around", around.show),
        get("/events/{id}/verify", event.back),
        post("/events/{id}/verify", event.verify),
        get("/alerts", alerts.show),
        get("/alerts/{id}", alerts.detail),
        post("/alerts/{id}", alerts.act),
        get("/alerts/{id}/mute", silences.ask),
        post("/alerts/{id}/mute", silences.mute),
        get("/silences", silences.show),
        post("/silences/end", silences.end),
        get("/rules", rules.show),
        get("/rules/{id:path}", rules.detail),
        post("/backtests", backtests.begin),
        post("/backtests/end", backtests.end),
        get("/backtests/{id}", backtests.show),
        get("/outbox", outbox.show),
        post("/outbox", outbox.send_again),
        get("/trace", trace.ask),
        get("/trace/{id:path}", trace.show),
        get("/profile/{kind}/{value:path}", profile.show),
        get("/overview", overview.show),
        get("/lookers", lookers.show),
        get("/at/{size}", pinned.show),
        get("/views", views.show),
        post("/views", views.save),
        post("/views/change", views.change),
        post("/views/remove", views.remove),
        get("/sources", sources.show),
        get("/connect", connect.show),
        get("/integrity", integrity.show),
        post("/integrity/verify", integrity.verify_now),
        post("/integrity/acknowledge", integrity.acknowledge),
        get("/about", about.show),
        get("/people", people.show),
        post("/people", people.add),
        post("/people/remove", people.remove),
        get("/tokens", people.tokens),
        post("/tokens", people.issue),
        post("/tokens/revoke", people.revoke),
        get("/login", login.show, public=True),
        post("/login", login.log_in, public=True),
        get("/login/{token}", login.show_link, public=True),
        post("/login/{token}", login.follow_link, public=True),
        post("/logout", login.log_out),
        Route("/static/{name}", files.serve, methods=["GET"]),
        Route("/static/{tag}/{name}", files.serve, methods=["GET"]),
        get("/{path:path}", not_found, public=True),
    ]
    return Web(routes, [Middleware(SecurityHeaders)])
