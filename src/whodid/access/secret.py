"""Random tokens: made here, shown once, stored as SHA-256.

A token has 256 random bits, so a plain hash cannot be guessed back; passwords are another matter
(`password`). A token is looked up by its hash, so no comparison leaks how much of it was right.
"""

import base64
import re
import secrets
from hashlib import sha256

_TOKEN = re.compile(r"(wds_|wdl_|wdr_|wd_)[A-Za-z0-9_-]{43}")

SOURCE_PREFIX = "wd_"
READ_PREFIX = "wdr_"
SESSION_PREFIX = "wds_"
LINK_PREFIX = "wdl_"


def new_token(prefix: str) -> str:
    """Return a fresh token: the prefix and 256 random bits in base64url."""
    return prefix + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def token_hash(token: str, prefix: str) -> bytes | None:
    """Return what is stored of a token; None for text that is no token of this kind."""
    match = _TOKEN.fullmatch(token) if len(token) <= 64 else None
    if match is None or match[1] != prefix:
        return None
    return sha256(token.encode()).digest()


def public_id(hash_: bytes) -> str:
    """Return the name of a token that may be shown and logged: 48 bits of its hash, hex."""
    return hash_[:6].hex()
