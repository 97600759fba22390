"""Forms that pages send: reading them, and refusing those that come from elsewhere.

Two checks, of which both must hold (OWASP, Cross-Site Request Forgery Prevention):

1. The browser does not say that another site sent it: `Sec-Fetch-Site` must be same-origin; where
   a browser sends none (plain HTTP to a name), an `Origin` that names a site must name this one.
2. The form carries the token of its session, or before a login that of its own cookie.
"""

import hmac
import secrets
from hashlib import sha256
from urllib.parse import parse_qsl

from starlette.requests import Request

from whodid.errors import AccessDeniedError, InputError, TooLargeError
from whodid.limits import WEB_FORM_BYTES_MAX

LOGIN_COOKIE = "whodid_login"
"""Ties the form of the login page to the browser it was shown in; lives until the login."""

_TYPE = "application/x-www-form-urlencoded"
_ELSEWHERE = "This form was sent from another site, or its page is too old. Open the page again."


async def read_form(request: Request) -> dict[str, str]:
    """Read a form; of a repeated name the last counts. Raises InputError for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise InputError("This address takes a form that was sent by a page.")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > WEB_FORM_BYTES_MAX:
            raise TooLargeError(f"The form is longer than {WEB_FORM_BYTES_MAX:,} bytes.")
    try:
        return dict(parse_qsl(data.decode("ascii"), keep_blank_values=True, max_num_fields=32))
    except ValueError:
        raise InputError("The form could not be read.") from None


def check_site(request: Request) -> None:
    """Check 1. Raises AccessDeniedError when the browser says that the form is foreign."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise AccessDeniedError(_ELSEWHERE)
        return
    # Under our referrer policy our own forms say "null" here, which tells nothing.
    origin = request.headers.get("origin", "null")
    if origin not in {"null", f"{request.url.scheme}://{request.url.netloc}"}:
        raise AccessDeniedError(_ELSEWHERE)


def check_token(sent: str, expected: str | None) -> None:
    """Check 2, in constant time. Raises AccessDeniedError when the token is not the expected."""
    if expected is None or not hmac.compare_digest(
        sent.encode("utf-8", "replace"), expected.encode()
    ):
        raise AccessDeniedError(_ELSEWHERE)


def login_cookie(request: Request) -> str:
    """Return this browser's login cookie, or a fresh one."""
    known = request.cookies.get(LOGIN_COOKIE, "")
    return known if len(known) == 43 else secrets.token_urlsafe(32)


def login_token(cookie: str) -> str:
    """Return the token that belongs to a login cookie."""
    return hmac.new(cookie.encode(), b"whodid/login/v1", sha256).hexdigest()
