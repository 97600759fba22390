"""Local users: a name, a role with rights, a password (which may be missing: only a link lets in).

Names are compared without regard to case, so that `Alice` cannot pass for `alice`. A user's
`version` is new after every change: sessions, links and login tokens of an older one have ended.
"""

import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from msgspec import Struct

from whodid.access.password import RFC_9106_SECOND, Cost, PasswordHasher
from whodid.access.tables import AccessTables, OnForged, Transaction
from whodid.clock import Clock, system_clock
from whodid.errors import UsageError
from whodid.ledger.keys import StateKeys
from whodid.ledger.row_mac import Row
from whodid.limits import RIGHTS_FILTER_CHARS_MAX, USERS_MAX
from whodid.query.rights import rights

Role = Literal["reader", "investigator", "approver", "administrator"]
ROLES: tuple[Role, ...] = get_args(Role)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
RESERVED = frozenset({"validator", "sealer", "detector", "unknown", "somebody"})
"""Whom whodid's own events name where it is no user: nobody may pass for one of these."""

_BY_NAME = "name = ?"


class User(Struct, frozen=True):
    """A person who may use the faces. `created_us` in µs UTC.

    `filter` is a search that his rights are cut to (empty: none), `deny` names denied fields; both
    as they were given. `access.rights` says what they and the role mean.
    """

    name: str
    role: str
    created_us: int = 0
    filter: str = ""
    deny: tuple[str, ...] = ()
    version: int = 0


def check_user_name(name: str) -> None:
    """Raise UsageError for a name that no user can have."""
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            "A user name begins with a letter or digit and has 1 to 64 of A-Z a-z 0-9 . _ @ + -"
        )
    if name.casefold() in RESERVED:
        raise UsageError(f"{name!r} names a part of whodid in its own events; choose another name.")


def check_rights(role: str, filter_text: str, deny: Iterable[str]) -> None:
    """Raise UsageError (QueryError) for a role, a filter or denied fields that cannot be given."""
    if role not in ROLES:
        raise UsageError(f"There is no role of that name; there are {', '.join(ROLES)}.")
    if len(filter_text) > RIGHTS_FILTER_CHARS_MAX:
        raise UsageError(f"A filter of rights has at most {RIGHTS_FILTER_CHARS_MAX} characters.")
    rights(filter_text, deny)


class Users:
    """The users of one ledger. Changes are durable on return."""

    def __init__(
        self,
        directory: Path,
        keys: StateKeys,
        clock: Clock = system_clock,
        cost: Cost = RFC_9106_SECOND,
        on_forged: OnForged | None = None,
    ) -> None:
        self._tables = AccessTables(directory, keys, on_forged)
        self._hasher = PasswordHasher(cost)
        self._clock = clock

    def add(
        self,
        name: str,
        password: str | None,
        role: str,
        *,
        filter_text: str = "",
        deny: Iterable[str] = (),
    ) -> User:
        """Add a user. Raises UsageError for a bad or used name, role, right or password."""
        check_user_name(name)
        deny = tuple(deny)
        check_rights(role, filter_text, deny)
        stored = None if password is None else self._hasher.hash(password)
        now = self._clock()
        user = User(name, role, now, filter_text, deny, now)
        try:
            with self._tables.write() as db:
                if len(db.select("access_users")) >= USERS_MAX:
                    raise UsageError(f"There are {USERS_MAX} users; remove one first.")
                db.insert("access_users", password=stored, **_columns(user))
        except sqlite3.IntegrityError as error:
            raise UsageError(f"There is a user {name} already.") from error
        return user

    def check(self, name: str, password: str) -> User | None:
        """Return the user when the password is right; as slow for a name that is not known."""
        rows = self._tables.select("access_users", _BY_NAME, name) if _NAME.fullmatch(name) else []
        right = self._hasher.matches(password, rows[0]["password"] if rows else None)
        return user_of(rows[0]) if right else None

    def find(self, name: str) -> User | None:
        """Return a user by name."""
        rows = self._tables.select("access_users", _BY_NAME, name)
        return user_of(rows[0]) if rows else None

    def all(self) -> list[User]:
        """Return all users by name."""
        return [user_of(row) for row in self._tables.select("access_users", "TRUE ORDER BY name")]

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; ends his sessions, links and login tokens.

        Raises UsageError for an unknown user or a bad password.
        """
        stored = self._hasher.hash(password)
        with self._tables.write() as db:
            row = _one(db, name)
            db.change("access_users", row, password=stored, version=self._next(row))
            _end(db, name)

    def set_rights(
        self,
        name: str,
        *,
        role: str | None = None,
        filter_text: str | None = None,
        deny: Iterable[str] | None = None,
    ) -> User:
        """Change what is given of a user's rights; ends his sessions and login tokens.

        Raises UsageError for an unknown user or a right that cannot be given.
        """
        with self._tables.write() as db:
            row = _one(db, name)
            known = user_of(row)
            user = User(
                known.name,
                known.role if role is None else role,
                known.created_us,
                known.filter if filter_text is None else filter_text,
                known.deny if deny is None else tuple(deny),
                self._next(row),
            )
            check_rights(user.role, user.filter, user.deny)
            db.change("access_users", row, **_columns(user))
            _end(db, name)
        return user

    def remove(self, name: str) -> None:
        """Remove a user, and his views; his sessions, links and tokens end.

        Raises UsageError for an unknown.
        """
        with self._tables.write() as db:
            row = _one(db, name)
            db.delete("access_users", _BY_NAME, name)
            _end(db, name)
            db.delete("access_views", "owner = ?", name)
            held = "holder = ? COLLATE NOCASE AND kind = 'wdr_' AND revoked_us IS NULL"
            for token in db.select("access_tokens", held, row["name"]):
                db.change("access_tokens", token, revoked_us=self._clock())

    def _next(self, row: Row) -> int:
        return max(self._clock(), int(row["version"]) + 1)


def user_of(row: Row) -> User:
    """Return the user of a row."""
    deny = tuple(name for name in row["deny"].split(",") if name)
    return User(
        row["name"], row["role"], row["created_us"], row["filter"] or "", deny, row["version"]
    )


def _columns(user: User) -> Row:
    return {
        "name": user.name, "role": user.role, "created_us": user.created_us,
        "filter": user.filter or None, "deny": ",".join(user.deny), "version": user.version,
    }  # fmt: skip


def _one(db: Transaction, name: str) -> Row:
    rows = db.select("access_users", _BY_NAME, name)
    if not rows:
        raise UsageError(f"There is no user {name[:64]!r}.")
    return rows[0]


def _end(db: Transaction, name: str) -> None:
    """End what was let in as the user was before; the version would do, this keeps tables small."""
    db.delete("access_sessions", "user = ?", name)
    db.delete("access_links", "user = ?", name)
