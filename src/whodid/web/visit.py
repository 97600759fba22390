"""One request to a page: who is there, what was sent, and how to answer with a template."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from whodid.access.rights import may_handle, rights_of
from whodid.access.sessions import SESSION_COOKIE, Session
from whodid.app.answer import Caller
from whodid.app.leaving import left_of
from whodid.errors import AccessDeniedError, WhodidError
from whodid.limits import ALERT_BADGE_MAX
from whodid.query.rights import NOTHING
from whodid.web.site import Site

_AGENT_CHARS_MAX = 512
_NAME_CHARS_MAX = 64


@dataclass(slots=True)
class Visit:
    """One request. `session` is None for somebody who is not logged in."""

    site: Site
    request: Request
    session: Session | None
    form: dict[str, str] = field(default_factory=dict)

    def caller(self, name: str | None = None) -> Caller:
        """Return who asks, for the log of the log; `name` for somebody not logged in (yet)."""
        rights = NOTHING
        if name is None:
            if self.session is None:
                raise AccessDeniedError("Log in first.")
            name = self.session.user.name
            rights = rights_of(self.session.user)
        agent = self.request.headers.get("user-agent")
        return Caller(
            name[:_NAME_CHARS_MAX],
            "web",
            self.ip,
            agent[:_AGENT_CHARS_MAX] if agent else None,
            self.session.id if self.session else None,
            rights,
            self.request.headers.get("x-request-id"),
            left_of(self.request.scope),
            handles=self.session is not None and may_handle(self.session.user),
        )

    @property
    def ip(self) -> str | None:
        """The address of the client (the server, not we, believes proxies)."""
        return self.request.client.host if self.request.client else None

    def asked(self, name: str) -> str:
        """Return a parameter of the address, without blanks around it; empty when missing."""
        return self.request.query_params.get(name, "").strip()

    def page(self, template: str, status: int = 200, **content: Any) -> Response:
        """Answer with a template, the banners of a log that has stopped or may not be whole."""
        site = self.site
        html = site.templates.get_template(template).render(
            **content,
            session=self.session,
            here=self.request.url.path,
            parameters=urlencode(self.request.query_params.multi_items()),
            demo=site.demo,
            stopped=self._stopped(),
            alarms=self._alarms(),
            alerts_open=self._alerts_open(),
            files=site.files,
        )
        return HTMLResponse(html, status)

    def _stopped(self) -> str | None:
        try:
            return self.site.reading.health().stopped
        except WhodidError as error:
            return str(error)

    def _alarms(self) -> list[str]:
        return self.site.reading.integrity().alarms if self.session else []

    def _alerts_open(self) -> str:
        """Return how many open alerts he sees, as the navigation shows it; empty for none."""
        if self.session is None:
            return ""
        number = self.site.reading.alerts.open_count(self.caller())
        return (
            f"{number}" if 0 < number <= ALERT_BADGE_MAX else f"{ALERT_BADGE_MAX}+" * bool(number)
        )

    def set_cookie(self, response: Response, name: str, value: str, path: str = "/") -> None:
        """Set a cookie for this browser session; an empty value takes it away.

        SameSite is Lax, since with Strict a link to an event from a chat would meet a login page.
        """
        response.set_cookie(
            name, value, max_age=None if value else 0, path=path,
            secure=self.request.url.scheme == "https", httponly=True, samesite="lax",
        )  # fmt: skip

    def session_token(self) -> str:
        """Return the value of the session's cookie, empty when there is none."""
        return self.request.cookies.get(SESSION_COOKIE, "")


def redirect(address: str) -> Response:
    """Send the browser to another of our pages, as a GET."""
    return RedirectResponse(address, 303)
