"""Login sessions and one-time login links.

A session is a random token in a cookie; it ends 12 h after its last use or 7 days after its start.
Its CSRF token is HMAC-SHA256 keyed by the session token, which a foreign page cannot know.
Cookie attributes are the face's; it should set HttpOnly, SameSite and, under TLS, Secure.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from whodid.access.secret import LINK_PREFIX, SESSION_PREFIX, new_token, public_id, token_hash
from whodid.access.tables import AccessTables, OnForged
from whodid.access.users import User, user_of
from whodid.clock import Clock, system_clock
from whodid.errors import UsageError
from whodid.ledger.keys import StateKeys
from whodid.ledger.row_mac import Row
from whodid.limits import (
    LINK_US_MAX,
    SESSION_IDLE_US_MAX,
    SESSION_US_MAX,
    SESSIONS_PER_USER_MAX,
)

SESSION_COOKIE = "whodid_session"
LINK_US = 15 * 60 * 1_000_000
_TOUCH_US = 60 * 1_000_000
"""`seen_us` is written at most this often, because each write is an fsync."""

_EXPIRED = "opened_us <= ? OR seen_us <= ?"
_TOO_MANY = (
    "user = ? AND token_hash NOT IN (SELECT token_hash FROM access_sessions WHERE user = ? "
    "ORDER BY seen_us DESC LIMIT ?)"
)


class Session(Struct, frozen=True):
    """An open login. `id` may be logged; `csrf` belongs into the forms of this session only."""

    id: str
    user: User
    csrf: str
    opened_us: int
    expires_us: int

    def allows(self, csrf: str) -> bool:
        """Tell, in constant time, whether a form came from a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace"))


class Sessions:
    """The sessions and links of one ledger. Changes are durable on return. Safe for threads.

    A session or link holds the version of its user: any change of the user ends it.
    """

    def __init__(
        self,
        directory: Path,
        keys: StateKeys,
        clock: Clock = system_clock,
        on_forged: OnForged | None = None,
    ) -> None:
        self._tables = AccessTables(directory, keys, on_forged)
        self._clock = clock

    def open(self, user: User) -> str:
        """Begin a session; return its token, which is not stored and cannot be shown again."""
        token = new_token(SESSION_PREFIX)
        now = self._clock()
        with self._tables.write() as db:
            db.delete("access_sessions", _EXPIRED, now - SESSION_US_MAX, now - SESSION_IDLE_US_MAX)
            db.delete("access_sessions", _TOO_MANY, user.name, user.name, SESSIONS_PER_USER_MAX - 1)
            db.insert(
                "access_sessions", token_hash=token_hash(token, SESSION_PREFIX), user=user.name,
                opened_us=now, seen_us=now, user_version=user.version,
            )  # fmt: skip
        return token

    def find(self, token: str, *, used: bool = True) -> Session | None:
        """Return the session of a token, None when there is none or it has ended.

        `used` puts off its end; False only looks.
        """
        key = token_hash(token, SESSION_PREFIX)
        if key is None:
            return None
        rows = self._tables.select("access_sessions", "token_hash = ?", key)
        if not rows:
            return None
        row = rows[0]
        now = self._clock()
        if now >= min(row["opened_us"] + SESSION_US_MAX, row["seen_us"] + SESSION_IDLE_US_MAX):
            return None
        users = self._tables.select("access_users", "name = ?", row["user"])
        if not users or users[0]["version"] != row["user_version"]:
            return None
        if used and now - row["seen_us"] >= _TOUCH_US:
            row = self._touch(row, now)
        expires_us = min(row["opened_us"] + SESSION_US_MAX, row["seen_us"] + SESSION_IDLE_US_MAX)
        user = user_of(users[0])
        return Session(public_id(key), user, _csrf(token), row["opened_us"], expires_us)

    def _touch(self, row: Row, now: int) -> Row:
        """Write that a session was used, unless it was ended meanwhile."""
        with self._tables.write() as db:
            found = db.select("access_sessions", "token_hash = ?", row["token_hash"])
            if found:
                db.change("access_sessions", found[0], seen_us=now)
        return {**row, "seen_us": now}

    def close(self, token: str) -> bool:
        """End a session; tell whether there was one."""
        key = token_hash(token, SESSION_PREFIX)
        if key is None:
            return False
        with self._tables.write() as db:
            return db.delete("access_sessions", "token_hash = ?", key) > 0

    # --- one-time links --------------------------------------------------------------------------

    def issue_link(self, user: User, *, valid_us: int = LINK_US) -> str:
        """Return the token of a link that logs `user` in once, for at most 24 h.

        Raises UsageError for a longer time.
        """
        if not 0 < valid_us <= LINK_US_MAX:
            raise UsageError("A login link is valid for at most 24 hours.")
        token = new_token(LINK_PREFIX)
        now = self._clock()
        with self._tables.write() as db:
            db.delete("access_links", "expires_us <= ?", now)
            db.insert(
                "access_links", token_hash=token_hash(token, LINK_PREFIX), user=user.name,
                expires_us=now + valid_us, user_version=user.version,
            )  # fmt: skip
        return token

    def redeem(self, token: str) -> User | None:
        """Use a link up: the user the first time, None ever after, also for concurrent callers."""
        key = token_hash(token, LINK_PREFIX)
        if key is None:
            return None
        with self._tables.write() as db:
            links = db.select("access_links", "token_hash = ?", key)
            db.delete("access_links", "token_hash = ?", key)
            if not links or self._clock() >= links[0]["expires_us"]:
                return None
            users = db.select("access_users", "name = ?", links[0]["user"])
        if not users or users[0]["version"] != links[0]["user_version"]:
            return None
        return user_of(users[0])


def _csrf(token: str) -> str:
    mac = hmac.new(token.encode(), b"whodid/csrf/v1", sha256).digest()
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
