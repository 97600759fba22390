"""Logging in by name and password or by a one-time link, and logging out.

A link's page has a button, and only the button uses the link up: previews of chat programs and
browsers that load ahead send GETs, which must change nothing (RFC 9110, section 9.2.1), and
nobody can be logged in as somebody else by an address alone. It costs one press of Enter.

Each login, failed or not, is an event before it is answered. An attempt that the rate limit turned
away is none: it was not looked at, and strangers could fill the ledger with such events.
"""

from urllib.parse import urlsplit

from starlette.responses import Response

from whodid.access.doorkeeper import Login
from whodid.access.sessions import SESSION_COOKIE
from whodid.web.forms import LOGIN_COOKIE, check_token, login_cookie, login_token
from whodid.web.visit import Visit, redirect

_UNKNOWN = "somebody"


def show(visit: Visit) -> Response:
    """Answer `GET /login`."""
    back = safe_next(visit.asked("next"))
    if visit.session is not None:
        return redirect(back)
    return _form(visit, back=back)


def log_in(visit: Visit) -> Response:
    """Answer `POST /login`."""
    _check(visit)
    back = safe_next(visit.form.get("next", ""))
    name = visit.form.get("name", "").strip()
    login = visit.site.doorkeeper.log_in(name, visit.form.get("password", ""), visit.ip)
    if login.user is not None:
        return _begin(visit, login, back, "password")
    if login.wait_s:
        return _wait(visit, login, back, name)
    reason = "wrong name or password"
    visit.site.reading.record(
        visit.caller(name or _UNKNOWN), "log in", "web", ok=False, reason=reason
    )
    return _form(visit, 401, back=back, name=name, error="The name or the password is wrong.")


def show_link(visit: Visit) -> Response:
    """Answer `GET /login/{token}`: the button, whatever the token is."""
    cookie = login_cookie(visit.request)
    response = visit.page("login_link.html", csrf=login_token(cookie))
    visit.set_cookie(response, LOGIN_COOKIE, cookie, "/login")
    return response


def follow_link(visit: Visit) -> Response:
    """Answer `POST /login/{token}`."""
    _check(visit)
    login = visit.site.doorkeeper.redeem(visit.request.path_params["token"], visit.ip)
    if login.user is not None:
        return _begin(visit, login, "/", "one-time link")
    if login.wait_s:
        return _wait(visit, login, "/", "")
    reason = "the link was used before, or is too old"
    visit.site.reading.record(visit.caller(_UNKNOWN), "log in", "web", ok=False, reason=reason)
    error = "This link was used before, or is too old. Ask for a new one, or log in by password."
    return _form(visit, 401, back="/", error=error)


def log_out(visit: Visit) -> Response:
    """Answer `POST /logout`."""
    visit.site.reading.record(visit.caller(), "log out", "web")
    visit.site.doorkeeper.sessions.close(visit.session_token())
    response = redirect("/login")
    visit.set_cookie(response, SESSION_COOKIE, "")
    return response


def safe_next(address: str) -> str:
    """Return where to go after a login: a page of ours, never another site."""
    try:
        parts = urlsplit(address) if address.isprintable() else None
    except ValueError:  # `//[` begins an IPv6 address that does not end
        return "/"
    if (
        parts is None
        or parts.scheme
        or parts.netloc
        or not address.startswith("/")
        or address.startswith(("//", "/\\", "/login"))
    ):
        return "/"
    return address


def _check(visit: Visit) -> None:
    cookie = visit.request.cookies.get(LOGIN_COOKIE)
    check_token(visit.form.get("csrf", ""), login_token(cookie) if cookie else None)


def _begin(visit: Visit, login: Login, back: str, how: str) -> Response:
    """Record, then open the session: nobody is let in unrecorded."""
    assert login.user is not None
    visit.site.reading.record(visit.caller(login.user.name), "log in", "web", reason=how)
    sessions = visit.site.doorkeeper.sessions
    if visit.session is not None:
        sessions.close(visit.session_token())
    response = redirect(back)
    visit.set_cookie(response, SESSION_COOKIE, sessions.open(login.user))
    visit.set_cookie(response, LOGIN_COOKIE, "", "/login")
    return response


def _wait(visit: Visit, login: Login, back: str, name: str) -> Response:
    seconds = max(1, round(login.wait_s))
    error = f"Too many attempts. Try again in {seconds} s."
    response = _form(visit, 429, back=back, name=name, error=error)
    response.headers["retry-after"] = str(seconds)
    return response


def _form(
    visit: Visit, status: int = 200, *, back: str, name: str = "", error: str = ""
) -> Response:
    cookie = login_cookie(visit.request)
    response = visit.page(
        "login.html", status, csrf=login_token(cookie), next=back, name=name, error=error
    )
    visit.set_cookie(response, LOGIN_COOKIE, cookie, "/login")
    return response
