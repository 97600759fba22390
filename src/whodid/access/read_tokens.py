"""Read tokens (`WHODID_TOKEN`): who holds one reads through the API as the user that it names."""

from pathlib import Path

from msgspec import Struct

from whodid.access.secret import READ_PREFIX
from whodid.access.tables import AccessTables, OnForged
from whodid.access.tokens import TokenInfo, TokenTable
from whodid.access.users import User, user_of
from whodid.clock import Clock, system_clock
from whodid.ledger.keys import StateKeys
from whodid.limits import LOGIN_TOKEN_US

LOGIN_TOKEN_NAME = "login"  # noqa: S105 - a name
"""What a token that `whodid login` gave is called in lists."""


class ReadGrant(Struct, frozen=True):
    """The user a token acts for, and the token's id, which may be logged."""

    user: User
    token_id: str
    name: str


class ReadTokens:
    """Issues, finds and revokes read tokens. Changes are durable on return."""

    def __init__(
        self,
        directory: Path,
        keys: StateKeys,
        clock: Clock = system_clock,
        on_forged: OnForged | None = None,
    ) -> None:
        self._tables = AccessTables(directory, keys, on_forged)
        self._tokens = TokenTable(self._tables, READ_PREFIX, clock)
        self._clock = clock

    def issue(self, user: User, name: str, expires_us: int | None = None) -> str:
        """Return a new token of a user; it cannot be shown again."""
        return self._tokens.issue(user.name, name, expires_us)

    def log_in(self, user: User) -> tuple[str, int]:
        """Return (a short-lived token of a user who gave his password, when it ends).

        It ends sooner when the user is changed in any way.
        """
        now = self._clock()
        self._tokens.drop_ended(user.name, now)
        token = self._tokens.issue(user.name, LOGIN_TOKEN_NAME, now + LOGIN_TOKEN_US, user.version)
        return token, now + LOGIN_TOKEN_US

    def find(self, token: str) -> ReadGrant | None:
        """Return the grant of a token; None when it is unknown, expired, revoked or orphaned."""
        info = self._tokens.find(token)
        if info is None:
            return None
        rows = self._tables.select("access_users", "name = ?", info.holder)
        if not rows or info.user_version not in {None, rows[0]["version"]}:
            return None
        return ReadGrant(user_of(rows[0]), info.id, info.name)

    def revoke(self, token_id: str) -> TokenInfo:
        """End a token by its id. Raises UsageError when there is none that is valid."""
        return self._tokens.revoke(token_id)

    def all(self, user: User | None = None) -> list[TokenInfo]:
        """Return the tokens, of one user or of all, the newest last."""
        return self._tokens.all(user.name if user else None)
