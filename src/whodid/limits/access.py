"""Bounds of users, sessions and tokens."""

# --- access ------------------------------------------------------------------------------------
USERS_MAX = 10_000
"""Most local users."""

RIGHTS_FILTER_CHARS_MAX = 2000
"""Longest filter of a user's rights, which is a part of every search of his."""

PASSWORD_CHARS_MIN = 8
"""Shortest password (NIST SP 800-63B, 3.1.1.2)."""

PASSWORD_BYTES_MAX = 1024
"""Longest password, so that nobody makes the server hash a book."""

SESSION_IDLE_US_MAX = 12 * 3600 * 1_000_000
"""A login session ends this long after its last use."""

SESSION_US_MAX = 7 * 24 * 3600 * 1_000_000
"""A login session ends this long after it began, used or not."""

SESSIONS_PER_USER_MAX = 32
"""Most sessions of one user; a further login ends the one that was used least recently."""

FORGED_ROWS_MAX = 100
"""Rows of state.db that whodid did not write and that a process names; further ones count too."""

REFUSALS_MAX = 100
"""Kinds of refused write tokens (reason, token, network) that are counted apart within a minute."""

REFUSALS_US = 60 * 1_000_000
"""How often the events of refused write tokens are written."""

REFUSALS_REPORT_S = 2.0
"""How often a door reports what it refused."""

LOGIN_TOKEN_US = 8 * 3600 * 1_000_000
"""How long a read token lives that `whodid login` gives for a password: a working day."""

LINK_US_MAX = 24 * 3600 * 1_000_000
"""Longest time for which a one-time login link is valid."""

LOGIN_KEYS_MAX = 10_000
"""Most names, and most addresses, whose failed logins are remembered."""

TOKEN_NAME_CHARS_MAX = 100
"""Longest name of a token."""

TOKEN_RECHECK_US = 2 * 1_000_000
"""How long a door believes what it read about a token; a revoked one works no longer than this."""

TOKEN_BELIEVED_US_MAX = 10 * 1_000_000
"""The same while state.db cannot be read (it is locked for long, or the disk fails)."""

TOKEN_CACHE_MAX = 4096
"""Most tokens that a door remembers."""
