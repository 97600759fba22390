"""Named bearer tokens with an end: what write and read tokens have in common.

A revoked token stays in the table, so that a list shows who once had access.
"""

from msgspec import Struct

from whodid.access.secret import new_token, public_id, token_hash
from whodid.access.tables import AccessTables
from whodid.clock import Clock
from whodid.errors import UsageError
from whodid.ledger.row_mac import Row
from whodid.limits import EVENT_TIME_MAX_US, TOKEN_NAME_CHARS_MAX


class TokenInfo(Struct, frozen=True):
    """A token without its secret. `holder` is a source or a user; times in µs UTC.

    `user_version` is set on a token that a login gave: it ends with that version of its user.
    """

    id: str
    holder: str
    name: str
    issued_us: int
    expires_us: int | None
    revoked_us: int | None
    user_version: int | None = None

    def valid(self, now_us: int) -> bool:
        """Tell whether it lets somebody in now."""
        return self.revoked_us is None and (self.expires_us is None or now_us < self.expires_us)


class TokenTable:
    """The tokens of one kind, which is their prefix. Changes are durable on return.

    A token is hashed with its prefix, so a hash is never found as another kind.
    """

    def __init__(self, tables: AccessTables, prefix: str, clock: Clock) -> None:
        self._tables = tables
        self._prefix = prefix
        self._clock = clock

    def issue(
        self, holder: str, name: str, expires_us: int | None, user_version: int | None = None
    ) -> str:
        """Make a token. Raises UsageError for a bad name or an end that has passed."""
        if not 0 < len(name) <= TOKEN_NAME_CHARS_MAX or not name.isprintable():
            raise UsageError(
                f"A token's name has 1 to {TOKEN_NAME_CHARS_MAX} printable characters."
            )
        now = self._clock()
        if expires_us is not None and not now < expires_us <= EVENT_TIME_MAX_US:
            raise UsageError("A token expires in the future and before 2100.")
        token = new_token(self._prefix)
        key = token_hash(token, self._prefix)
        assert key is not None
        with self._tables.write() as db:
            db.insert(
                "access_tokens", token_hash=key, kind=self._prefix, id=public_id(key),
                holder=holder, name=name, issued_us=now, expires_us=expires_us, revoked_us=None,
                user_version=user_version,
            )  # fmt: skip
        return token

    def find(self, token: str) -> TokenInfo | None:
        """Return what a token stands for; None when it is unknown, expired or revoked."""
        key = token_hash(token, self._prefix)
        if key is None:
            return None
        found = self._select("token_hash = ?", key)
        return found[0] if found and found[0].valid(self._clock()) else None

    def revoke(self, token_id: str) -> TokenInfo:
        """End a token. Raises UsageError when no token of this id is unrevoked."""
        with self._tables.write() as db:
            where = "kind = ? AND id = ? AND revoked_us IS NULL"
            found = db.select("access_tokens", where, self._prefix, token_id)
            if not found:
                raise UsageError(
                    f"There is no valid token {token_id[:64]}; see `whodid token list`."
                )
            now = self._clock()
            db.change("access_tokens", found[0], revoked_us=now)
        return _info({**found[0], "revoked_us": now})

    def drop_ended(self, holder: str, older_than_us: int) -> None:
        """Forget login tokens of a holder that ended before: nobody lists a year of logins."""
        with self._tables.write() as db:
            db.delete(
                "access_tokens",
                "kind = ? AND holder = ? AND user_version IS NOT NULL AND expires_us < ?",
                self._prefix, holder, older_than_us,
            )  # fmt: skip

    def all(self, holder: str | None = None) -> list[TokenInfo]:
        """Return all tokens, the newest last."""
        if holder is None:
            return self._select("TRUE")
        return self._select("holder = ?", holder)

    def _select(self, where: str, *values: object) -> list[TokenInfo]:
        where = f"kind = ? AND {where} ORDER BY issued_us, id"
        return [
            _info(row) for row in self._tables.select("access_tokens", where, self._prefix, *values)
        ]


def _info(row: Row) -> TokenInfo:
    return TokenInfo(
        row["id"], row["holder"], row["name"], row["issued_us"], row["expires_us"],
        row["revoked_us"], row["user_version"],
    )  # fmt: skip
