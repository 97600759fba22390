"""Local users: a name, a role, a password (which may be missing: then only a link lets in).

Names are compared without regard to case, so that `Alice` cannot pass for `alice`.
"""

import re
import sqlite3
from pathlib import Path
from typing import Any, Literal, get_args

from msgspec import Struct

from whodid.access.password import RFC_9106_SECOND, Cost, PasswordHasher
from whodid.access.tables import AccessTables
from whodid.clock import Clock, system_clock
from whodid.errors import UsageError

Role = Literal["reader", "investigator", "approver", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


class User(Struct, frozen=True):
    """A person who may use the faces. `created_us` in µs UTC."""

    name: str
    role: str
    created_us: int = 0


def check_user_name(name: str) -> None:
    """Raise UsageError for a name that no user can have."""
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            "A user name begins with a letter or digit and has 1 to 64 of A-Z a-z 0-9 . _ @ + -"
        )


class Users:
    """The users of one ledger. Changes are durable on return."""

    def __init__(
        self, directory: Path, clock: Clock = system_clock, cost: Cost = RFC_9106_SECOND
    ) -> None:
        self._tables = AccessTables(directory)
        self._hasher = PasswordHasher(cost)
        self._clock = clock

    def add(self, name: str, password: str | None, role: Role = "administrator") -> User:
        """Add a user. Raises UsageError for a bad or used name, role or password."""
        check_user_name(name)
        if role not in ROLES:
            raise UsageError(f"There is no role of that name; there are {', '.join(ROLES)}.")
        stored = None if password is None else self._hasher.hash(password)
        user = User(name, role, self._clock())
        try:
            with self._tables.write() as db:
                db.execute(
                    "INSERT INTO access_users VALUES (?, ?, ?, ?)",
                    (user.name, user.role, stored, user.created_us),
                )
        except sqlite3.IntegrityError as error:
            raise UsageError(f"There is a user {name} already.") from error
        return user

    def check(self, name: str, password: str) -> User | None:
        """Return the user when the password is right; as slow for a name that is not known."""
        rows = self._rows("WHERE name = ?", name) if _NAME.fullmatch(name) else []
        stored = rows[0][3] if rows else None
        right = self._hasher.matches(password, stored)
        return User(*rows[0][:3]) if right else None

    def find(self, name: str) -> User | None:
        """Return a user by name."""
        rows = self._rows("WHERE name = ?", name)
        return User(*rows[0][:3]) if rows else None

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; ends all sessions and links of that user.

        Raises UsageError for an unknown user or a bad password.
        """
        stored = self._hasher.hash(password)
        with self._tables.write() as db:
            changed = db.execute(
                "UPDATE access_users SET password = ? WHERE name = ?", (stored, name)
            )
            if changed.rowcount == 0:
                raise UsageError(f"There is no user {name}.")
            db.execute("DELETE FROM access_sessions WHERE user = ?", (name,))
            db.execute("DELETE FROM access_links WHERE user = ?", (name,))

    def all(self) -> list[User]:
        """Return all users by name."""
        return [User(*row[:3]) for row in self._rows("ORDER BY name")]

    def _rows(self, where: str, *values: str) -> list[tuple[Any, ...]]:
        query = f"SELECT name, role, created_us, password FROM access_users {where}"  # noqa: S608 - constants
        return self._tables.rows(query, values)
