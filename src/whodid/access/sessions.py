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
from whodid.access.tables import AccessTables
from whodid.access.users import User
from whodid.clock import Clock, system_clock
from whodid.errors import UsageError
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

_EXPIRED = "DELETE FROM access_sessions WHERE opened_us <= ? OR seen_us <= ?"


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
    """The sessions and links of one ledger. Changes are durable on return. Safe for threads."""

    def __init__(self, directory: Path, clock: Clock = system_clock) -> None:
        self._tables = AccessTables(directory)
        self._clock = clock

    def open(self, user: User) -> str:
        """Begin a session; return its token, which is not stored and cannot be shown again."""
        token = new_token(SESSION_PREFIX)
        now = self._clock()
        with self._tables.write() as db:
            db.execute(_EXPIRED, (now - SESSION_US_MAX, now - SESSION_IDLE_US_MAX))
            db.execute(
                "DELETE FROM access_sessions WHERE user = ? AND token_hash NOT IN (SELECT "
                "token_hash FROM access_sessions WHERE user = ? ORDER BY seen_us DESC LIMIT ?)",
                (user.name, user.name, SESSIONS_PER_USER_MAX - 1),
            )
            db.execute(
                "INSERT INTO access_sessions VALUES (?, ?, ?, ?)",
                (token_hash(token, SESSION_PREFIX), user.name, now, now),
            )
        return token

    def find(self, token: str, *, used: bool = True) -> Session | None:
        """Return the session of a token, None when there is none or it has ended.

        `used` puts off its end; False only looks.
        """
        key = token_hash(token, SESSION_PREFIX)
        if key is None:
            return None
        rows = self._tables.rows(
            "SELECT u.name, u.role, u.created_us, s.opened_us, s.seen_us FROM access_sessions s "
            "JOIN access_users u ON u.name = s.user WHERE s.token_hash = ?",
            (key,),
        )
        if not rows:
            return None
        name, role, created_us, opened_us, seen_us = rows[0]
        now = self._clock()
        if now >= min(opened_us + SESSION_US_MAX, seen_us + SESSION_IDLE_US_MAX):
            return None
        if used and now - seen_us >= _TOUCH_US:
            self._touch(key, now)
            seen_us = now
        expires_us = min(opened_us + SESSION_US_MAX, seen_us + SESSION_IDLE_US_MAX)
        user = User(name, role, created_us)
        return Session(public_id(key), user, _csrf(token), opened_us, expires_us)

    def _touch(self, key: bytes, now: int) -> None:
        with self._tables.write() as db:
            db.execute("UPDATE access_sessions SET seen_us = ? WHERE token_hash = ?", (now, key))

    def close(self, token: str) -> bool:
        """End a session; tell whether there was one."""
        key = token_hash(token, SESSION_PREFIX)
        if key is None:
            return False
        with self._tables.write() as db:
            done = db.execute("DELETE FROM access_sessions WHERE token_hash = ?", (key,))
            return done.rowcount > 0

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
            db.execute("DELETE FROM access_links WHERE expires_us <= ?", (now,))
            db.execute(
                "INSERT INTO access_links VALUES (?, ?, ?)",
                (token_hash(token, LINK_PREFIX), user.name, now + valid_us),
            )
        return token

    def redeem(self, token: str) -> User | None:
        """Use a link up: the user the first time, None ever after, also for concurrent callers."""
        key = token_hash(token, LINK_PREFIX)
        if key is None:
            return None
        with self._tables.write() as db:
            used = db.execute(
                "DELETE FROM access_links WHERE token_hash = ? RETURNING user, expires_us", (key,)
            ).fetchall()
            if not used or self._clock() >= used[0][1]:
                return None
            rows = db.execute(
                "SELECT name, role, created_us FROM access_users WHERE name = ?", (used[0][0],)
            ).fetchall()
        return User(*rows[0]) if rows else None


def _csrf(token: str) -> str:
    mac = hmac.new(token.encode(), b"whodid/csrf/v1", sha256).digest()
    return urlsafe_b64encode(mac).rstrip(b"=").decode()
