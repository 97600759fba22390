"""`POST /v1/login`, `/v1/logout`, `/v1/password`: a person and his own password and token.

Bodies are JSON objects and must say so (`Content-Type: application/json`): a form of a foreign page
cannot send that without being asked first, and no cookie is read or set here. A login that fails is
an event before it is answered; one that the rate limit turned away was not looked at and is none.
"""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from whodid.access.doorkeeper import Doorkeeper
from whodid.access.users import User
from whodid.api.body import read_body
from whodid.api.caller import Credential, address, agent
from whodid.api.reply import BusyError, UnauthenticatedError, json_answer
from whodid.api.threads import Threads
from whodid.app.answer import Caller
from whodid.app.reads import Reading
from whodid.clock import to_rfc3339

_THREADS = 2
_NAME_CHARS_MAX = 64


class LoginRequest(Struct, forbid_unknown_fields=True):
    """The body of a login."""

    name: str
    password: str


class PasswordRequest(Struct, forbid_unknown_fields=True):
    """The body of a change of password; `password` is the one of before."""

    name: str
    password: str
    new: str


class Accounts:
    """The handlers. Argon2 runs in threads of their own, so that reads do not wait for it."""

    def __init__(self, reading: Reading, doorkeeper: Doorkeeper) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._threads = Threads(_THREADS)

    async def log_in(self, request: Request) -> Response:
        """Answer `POST /v1/login`: a short-lived read token."""
        asked = await read_body(request, LoginRequest)
        return await self._threads.run(self._log_in, request, asked)

    def _log_in(self, request: Request, asked: LoginRequest) -> Response:
        user = self._user(request, asked.name, asked.password)
        self._reading.record(_caller(request, user.name), "log in", "api", reason="password")
        token, expires_us = self._doorkeeper.read_tokens.log_in(user)
        return json_answer({"token": token, "expires": to_rfc3339(expires_us), "role": user.role})

    async def log_out(self, request: Request) -> Response:
        """Answer `POST /v1/logout`: the read token that it is sent with ends."""
        return await self._threads.run(self._log_out, request)

    def _log_out(self, request: Request) -> Response:
        credential = Credential(request)
        if credential.bearer is None:
            raise UnauthenticatedError("Send the token that shall end: `Authorization: Bearer …`.")
        identity = self._doorkeeper.bearer(credential.bearer)
        if identity is None:
            raise UnauthenticatedError("The token is not valid: unknown, expired or revoked.")
        caller = _caller(request, identity.user.name, identity.id)
        self._reading.record(caller, "log out", "api")
        self._doorkeeper.read_tokens.revoke(identity.id)
        return json_answer({"ended": True})

    async def set_password(self, request: Request) -> Response:
        """Answer `POST /v1/password`: another password for whoever knows the one of before."""
        asked = await read_body(request, PasswordRequest)
        return await self._threads.run(self._set_password, request, asked)

    def _set_password(self, request: Request, asked: PasswordRequest) -> Response:
        user = self._user(request, asked.name, asked.password)
        self._reading.record(_caller(request, user.name), "set password", user.name)
        self._doorkeeper.users.set_password(user.name, asked.new)
        return json_answer({"changed": True})

    def _user(self, request: Request, name: str, password: str) -> User:
        """Return the user. Raises BusyError or UnauthenticatedError, which is an event."""
        ip = address(request)
        login = self._doorkeeper.log_in(name, password, ip)
        if login.user is not None:
            return login.user
        if login.wait_s:
            raise BusyError("Too many attempts; wait.", login.wait_s)
        who = name[:_NAME_CHARS_MAX] or "unknown"
        self._reading.record(
            _caller(request, who), "log in", "api", ok=False, reason="wrong name or password"
        )
        raise UnauthenticatedError("The name or the password is wrong.")


def _caller(request: Request, name: str, session: str | None = None) -> Caller:
    return Caller(name, "api", address(request), agent(request), session)
