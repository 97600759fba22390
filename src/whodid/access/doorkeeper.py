"""What a face asks about people: may this name and password in, whose request is this.

It decides and does not record: the face writes the event (`Reading.record`).
"""

import threading
from pathlib import Path
from typing import Literal

from msgspec import Struct

from whodid.access.failed_logins import FailedLogins
from whodid.access.password import RFC_9106_SECOND, Cost
from whodid.access.read_tokens import ReadTokens
from whodid.access.sessions import Session, Sessions
from whodid.access.source_tokens import SourceTokens
from whodid.access.users import User, Users
from whodid.access.views import Views
from whodid.clock import Clock, system_clock
from whodid.ledger.keys import StateKeys
from whodid.limits import FORGED_ROWS_MAX


class Login(Struct, frozen=True):
    """What became of a login: a user, or nobody; `wait_s` > 0 when it was not even checked."""

    user: User | None = None
    wait_s: float = 0.0


class Identity(Struct, frozen=True):
    """Whose request this is, and by what. `id` names the session or token and may be logged."""

    user: User
    by: Literal["session", "token"]
    id: str


class Doorkeeper:
    """Everything of this room for one ledger: `users`, `sessions`, `views`, both tokens.

    Calls block (SQLite, Argon2): a face on an event loop calls them in a thread. Safe for threads.
    """

    def __init__(
        self,
        directory: Path,
        keys: StateKeys,
        clock: Clock = system_clock,
        cost: Cost = RFC_9106_SECOND,
    ) -> None:
        self._lock = threading.Lock()
        self._forged: dict[str, bool] = {}
        self.users = Users(directory, keys, clock, cost, self._on_forged)
        self.sessions = Sessions(directory, keys, clock, self._on_forged)
        self.source_tokens = SourceTokens(directory, keys, clock, self._on_forged)
        self.read_tokens = ReadTokens(directory, keys, clock, self._on_forged)
        self.views = Views(directory, keys, clock, self._on_forged)
        self.failed_logins = FailedLogins(clock)

    def _on_forged(self, what: str) -> None:
        with self._lock:
            if len(self._forged) < FORGED_ROWS_MAX:
                self._forged.setdefault(what, False)

    def take_forged(self) -> list[str]:
        """Return what rows of state.db were met that whodid did not write, each of them once."""
        if not self._forged:
            return []
        with self._lock:
            fresh = [what for what, said in self._forged.items() if not said]
            self._forged.update(dict.fromkeys(fresh, True))
        return fresh

    def log_in(self, name: str, password: str, ip: str | None) -> Login:
        """Check a name and a password, within the rate limit of failures."""
        wait_s = self.failed_logins.begin(name, ip)
        if wait_s:
            return Login(wait_s=wait_s)
        user = self.users.check(name, password)
        if user is not None:
            self.failed_logins.succeeded(name, ip)
        return Login(user)

    def redeem(self, link_token: str, ip: str | None) -> Login:
        """Use up a login link; a wrong one counts as a failure of its address.

        256 random bits need no limit on guesses, so a right link is never made to wait.
        """
        user = self.sessions.redeem(link_token)
        return Login(user) if user else Login(wait_s=self.failed_logins.begin(None, ip))

    def bearer(self, token: str) -> Identity | None:
        """Return who holds a read token."""
        grant = self.read_tokens.find(token)
        return Identity(grant.user, "token", grant.token_id) if grant else None

    def session(self, token: str, *, used: bool = True) -> Session | None:
        """Return the session of a cookie's value."""
        return self.sessions.find(token, used=used)
