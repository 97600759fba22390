"""Who asks: a read token (`Authorization: Bearer`) or the session cookie of the pages.

A wrong token is an event, and counts against its address. The cookie is believed only for requests
of our own pages or typed addresses (Sec-Fetch-Site), so that no foreign page searches in
somebody's name; there are no cross-origin answers at all.
"""

import ipaddress

from starlette.requests import Request

from whodid.access.doorkeeper import Doorkeeper, Identity
from whodid.access.rights import may_handle, rights_of
from whodid.access.secret import SOURCE_PREFIX
from whodid.access.sessions import SESSION_COOKIE
from whodid.api.reply import BusyError, UnauthenticatedError
from whodid.app.answer import Caller
from whodid.app.forged_rows import record_forged
from whodid.app.leaving import left_of
from whodid.app.reads import Reading
from whodid.errors import AccessDeniedError

_AGENT_CHARS_MAX = 512
_OWN_SITES = frozenset({None, "same-origin", "none"})
_PROXIED = "x-whodid-proxied"
"""What the door adds (`sources.proxy_headers`); nobody else can take it away."""
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Credential:
    """What a request carries to say who asks. `None` fields were not sent."""

    __slots__ = ("bearer", "cookie")

    def __init__(self, request: Request) -> None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        self.bearer = value.strip() if scheme.lower() == "bearer" else None
        own = request.headers.get("sec-fetch-site") in _OWN_SITES
        self.cookie = request.cookies.get(SESSION_COOKIE) if own else None

    def identity(self, doorkeeper: Doorkeeper, *, used: bool = True) -> Identity | None:
        """Return whose it is. Blocks."""
        if self.bearer is not None:
            return doorkeeper.bearer(self.bearer)
        if self.cookie is None:
            return None
        session = doorkeeper.session(self.cookie, used=used)
        return Identity(session.user, "session", session.id) if session else None


def identify(request: Request, doorkeeper: Doorkeeper, reading: Reading) -> Caller:
    """Return the caller. Blocks.

    Raises UnauthenticatedError, AccessDeniedError (a write token), BusyError (too many failures).
    """
    credential = Credential(request)
    identity = credential.identity(doorkeeper)
    record_forged(doorkeeper, reading, "api")
    if identity is not None:
        return _caller(request, identity)
    if credential.bearer is None:
        raise UnauthenticatedError(
            "Log in, or send a read token: `Authorization: Bearer wdr_…` (`whodid token`)."
        )
    # Nobody guesses 256 bits: the limit is for the log, which strangers must not fill.
    ip = address(request)
    wait_s = doorkeeper.failed_logins.begin(None, ip)
    if wait_s:
        raise BusyError("Too many wrong tokens came from this address; wait.", wait_s)
    caller = Caller("unknown", "api", ip, agent(request), request=request_id(request))
    reading.record(caller, "log in", "api", ok=False, reason="the token is not valid")
    if credential.bearer.startswith(SOURCE_PREFIX):
        raise AccessDeniedError("A source's token writes and does not read.")
    raise UnauthenticatedError("The token is not valid: unknown, expired or revoked.")


def identify_holder(request: Request, doorkeeper: Doorkeeper, reading: Reading) -> Caller:
    """Return who asks with a token. Raises UnauthenticatedError for a cookie, and as `identify`."""
    if not request.headers.get("authorization"):
        raise UnauthenticatedError("Send a read token: `Authorization: Bearer wdr_…`.")
    return identify(request, doorkeeper, reading)


def check_still(doorkeeper: Doorkeeper, caller: Caller, credential: Credential) -> None:
    """Raise UnauthenticatedError when a login, token or rights have ended or changed. Blocks."""
    identity = credential.identity(doorkeeper, used=False)
    if identity is None:
        raise UnauthenticatedError("The login or token has ended.")
    if rights_of(identity.user) != caller.rights:
        raise UnauthenticatedError("Your rights have changed; begin again.")


def address(request: Request) -> str | None:
    """Return the client's address (the server, not we, believes proxies)."""
    return request.client.host if request.client else None


def is_local(request: Request) -> bool:
    """Tell whether the request came over loopback and to a loopback name.

    A browser that was made to resolve a foreign name to 127.0.0.1 sends that name. What a proxy on
    this machine passes on is not local, if the proxy says so (X-Forwarded-For, Via …). One that
    adds nothing and sends our own name makes strangers local: it must not pass /metrics on.
    """
    if _PROXIED in request.headers:
        return False
    host = request.headers.get("host", "").lower()
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    try:
        loopback = ipaddress.ip_address(address(request) or "").is_loopback
    except ValueError:
        return False
    return loopback and name in _LOOPBACK_NAMES


def request_id(request: Request) -> str | None:
    """Return the id that the door gave the request."""
    return request.headers.get("x-request-id")


def _caller(request: Request, identity: Identity) -> Caller:
    return Caller(
        identity.user.name, "api", address(request), agent(request), identity.id,
        rights_of(identity.user), request_id(request), left_of(request.scope),
        may_handle(identity.user),
    )  # fmt: skip


def agent(request: Request) -> str | None:
    """Return what the client calls itself."""
    found = request.headers.get("user-agent")
    return found[:_AGENT_CHARS_MAX] if found else None
