"""The verb of one SQL statement, from its first words, and the kind of access it is.

It does not parse SQL: a statement that may be several, or begins with a comment, has no verb here.
"""

import re

from whodid.event import Access
from whodid.normalize.access import access_of

_WORD = re.compile(r"\s*+([A-Za-z]{2,12})\b(?:\s++([A-Za-z]{2,16})\b)?").match

_SQL_WORDS = frozenset({
    "SELECT", "TABLE", "VALUES", "FETCH", "SHOW", "INSERT", "CREATE", "UPDATE", "MERGE", "DELETE",
    "TRUNCATE", "DROP", "CALL", "DO", "EXECUTE", "GRANT", "REVOKE", "ALTER", "REASSIGN", "VACUUM",
    "REINDEX", "REFRESH", "CLUSTER", "COMMENT", "REPLACE", "RENAME",
})  # fmt: skip
"""First words that tell the kind of access; CREATE, ALTER and DROP with the word after them."""

_NEUTRAL_WORDS = frozenset({
    "WITH", "COPY", "EXPLAIN", "PREPARE", "BEGIN", "START", "COMMIT", "ROLLBACK", "END", "ABORT",
    "SET", "RESET", "DISCARD", "DECLARE", "CLOSE", "LISTEN", "UNLISTEN", "NOTIFY", "LOCK",
    "ANALYZE", "SAVEPOINT", "RELEASE", "DEALLOCATE", "LOAD", "CHECKPOINT",
    "USE", "HANDLER", "FLUSH", "KILL", "OPTIMIZE",
})  # fmt: skip
"""First words that do not."""


def verb_of_sql(sql: str) -> tuple[str | None, Access]:
    """Return the first word of one statement and its access; (None, other) when not certain."""
    if ";" in sql and ";" in sql.rstrip("; \t\r\n"):
        return None, "other"
    match = _WORD(sql)
    return (None, "other") if match is None else verb_of_words(match[1].upper(), match[2])


def verb_of_words(word: str, second: str | None) -> tuple[str | None, Access]:
    """Return the same for the first two words, the first in capitals."""
    if word in _SQL_WORDS:
        if word in ("CREATE", "ALTER", "DROP") and second is not None:
            return word, access_of(f"{word} {second.upper()}") or "other"
        return word, access_of(word) or "other"
    return (word if word in _NEUTRAL_WORDS else None), "other"
