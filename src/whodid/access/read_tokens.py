"""Read tokens (`WHODID_TOKEN`): who holds one reads through the API as the user that it names."""

from pathlib import Path

from msgspec import Struct

from whodid.access.secret import READ_PREFIX
from whodid.access.tables import AccessTables
from whodid.access.tokens import TokenInfo, TokenTable
from whodid.access.users import User
from whodid.clock import Clock, system_clock


class ReadGrant(Struct, frozen=True):
    """The user a token acts for, and the token's id, which may be logged."""

    user: User
    token_id: str
    name: str


class ReadTokens:
    """Issues, finds and revokes read tokens. Changes are durable on return."""

    def __init__(self, directory: Path, clock: Clock = system_clock) -> None:
        self._tables = AccessTables(directory)
        self._tokens = TokenTable(self._tables, READ_PREFIX, clock)

    def issue(self, user: User, name: str, expires_us: int | None = None) -> str:
        """Return a new token of a user; it cannot be shown again."""
        return self._tokens.issue(user.name, name, expires_us)

    def find(self, token: str) -> ReadGrant | None:
        """Return the grant of a token; None when it is unknown, expired, revoked or orphaned."""
        info = self._tokens.find(token)
        if info is None:
            return None
        rows = self._tables.rows(
            "SELECT name, role, created_us FROM access_users WHERE name = ?", (info.holder,)
        )
        return ReadGrant(User(*rows[0]), info.id, info.name) if rows else None

    def revoke(self, token_id: str) -> TokenInfo:
        """End a token by its id. Raises UsageError when there is none that is valid."""
        return self._tokens.revoke(token_id)

    def all(self, user: User | None = None) -> list[TokenInfo]:
        """Return the tokens, of one user or of all, the newest last."""
        return self._tokens.all(user.name if user else None)
