"""Write tokens: who holds one may send records as one declared source, and nothing else.

Only their SHA-256 is stored. `SourceTokens` issues and revokes; `SourceTokenReader` is for the
ingest door, a process of its own that only reads state.db.
"""

import sqlite3
import threading
from pathlib import Path
from typing import Literal

from msgspec import Struct

from whodid.access.secret import SOURCE_PREFIX, token_hash
from whodid.access.tables import AccessTables, OnForged
from whodid.access.tokens import TokenInfo, TokenTable
from whodid.clock import Clock, system_clock
from whodid.errors import RefusedError, UsageError
from whodid.ledger.keys import StateKeys
from whodid.ledger.layout import STATE_DB
from whodid.ledger.row_mac import is_genuine, rows_of
from whodid.ledger.state_db import OWN_SOURCE
from whodid.limits import TOKEN_BELIEVED_US_MAX, TOKEN_CACHE_MAX, TOKEN_RECHECK_US


class SourceGrant(Struct, frozen=True):
    """What a write token stands for: the declared source and its format."""

    name: str
    format: str


class SourceTokens:
    """Issues, lists and revokes write tokens. Changes are durable on return."""

    def __init__(
        self,
        directory: Path,
        keys: StateKeys,
        clock: Clock = system_clock,
        on_forged: OnForged | None = None,
    ) -> None:
        self._tables = AccessTables(directory, keys, on_forged)
        self._tokens = TokenTable(self._tables, SOURCE_PREFIX, clock)

    def issue(self, source_name: str, name: str, expires_us: int | None = None) -> str:
        """Return a new token for a declared source; it cannot be shown again.

        Raises UsageError for a source that is not declared (or is whodid's own).
        """
        known = self._tables.select("sources", "name = ?", source_name)
        if source_name == OWN_SOURCE or not known:
            raise UsageError(f"There is no source {source_name!r} to write to; declare it first.")
        return self._tokens.issue(source_name, name, expires_us)

    def revoke(self, token_id: str) -> TokenInfo:
        """End a token by its id. Raises UsageError when there is none that is valid."""
        return self._tokens.revoke(token_id)

    def all(self, source_name: str | None = None) -> list[TokenInfo]:
        """Return the tokens, of one source or of all, the newest last."""
        return self._tokens.all(source_name)


Refusal = Literal["malformed", "unknown", "forged", "revoked", "expired"]
"""Why a token lets nobody write: no token of ours, not in the table or altered there, or ended."""


class _Known(Struct, frozen=True):
    """What was read of a token, and when; exactly one of `grant` and `refusal` is set."""

    at_us: int
    grant: SourceGrant | None = None
    refusal: Refusal | None = None
    expires_us: int | None = None
    token_id: str | None = None


class SourceTokenReader:
    """Tells what a write token stands for. Read-only, safe for threads.

    What was read is believed for 2 s, so a revoked token works that much longer at most; while
    state.db cannot be read, for 10 s, then RefusedError. It waits for a lock 0.25 s at most, so
    that it can be called on an event loop. `key` is doors.key: a row that it did not sign is none.
    """

    def __init__(self, directory: Path, key: bytes, clock: Clock = system_clock) -> None:
        self._path = directory / STATE_DB
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._known: dict[bytes, _Known] = {}

    def source_of(self, token: str) -> SourceGrant | None:
        """Return the grant of a token; None when it is unknown, expired or revoked.

        Raises RefusedError when state.db cannot be read now.
        """
        key = token_hash(token, SOURCE_PREFIX)
        if key is None:
            return None
        now = self._clock()
        known = self._known.get(key)
        age_us = now - known.at_us if known else -1
        if not 0 <= age_us < TOKEN_RECHECK_US:
            try:
                known = self._look_up(key, now)
            except RefusedError:
                if not 0 <= age_us < TOKEN_BELIEVED_US_MAX:
                    raise
        if known is None or (known.expires_us is not None and now >= known.expires_us):
            return None
        return known.grant

    def why_not(self, token: str) -> tuple[Refusal, str | None]:
        """Return why `source_of` gave None, and the token's public id where it is one of ours."""
        key = token_hash(token, SOURCE_PREFIX)
        if key is None:
            return "malformed", None
        with self._lock:
            known = self._read(key, self._clock())
        return known.refusal or "expired", known.token_id

    def _look_up(self, key: bytes, now: int) -> _Known | None:
        with self._lock:
            known = self._read(key, now)
            self._known.pop(key, None)
            if known.grant is None:
                return None
            if len(self._known) >= TOKEN_CACHE_MAX:
                self._known.clear()
            self._known[key] = known
            return known

    def _read(self, key: bytes, now: int) -> _Known:
        try:
            if self._db is None:
                self._db = _open_readonly(self._path)
            tokens = rows_of(self._db.execute(_TOKEN, (key,)))
            holder = tokens[0]["holder"] if tokens else None
            sources = rows_of(self._db.execute(_SOURCE, (holder,)))
        except sqlite3.Error as error:
            self._close()
            raise RefusedError(f"{self._path.name}: {error}; try again") from error
        if not tokens or not sources:
            return _Known(now, refusal="unknown")
        [token], [source] = tokens, sources
        if not (
            is_genuine(self._key, "access_tokens", token)
            and is_genuine(self._key, "sources", source)
        ):
            return _Known(now, refusal="forged")
        token_id = str(token["id"])
        if token["revoked_us"] is not None:
            return _Known(now, refusal="revoked", token_id=token_id)
        grant = SourceGrant(source["name"], source["format"])
        return _Known(now, grant, expires_us=token["expires_us"], token_id=token_id)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._close()


_TOKEN = f"SELECT * FROM access_tokens WHERE token_hash = ? AND kind = '{SOURCE_PREFIX}'"  # noqa: S608
_SOURCE = "SELECT * FROM sources WHERE name = ?"


def _open_readonly(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.25, check_same_thread=False
    )
