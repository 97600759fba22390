"""Many hashes in one call, where the compiled part is there."""

from collections.abc import Iterable
from hashlib import sha256

from whodid.native import native


def sha256_each(items: Iterable[bytes]) -> list[bytes]:
    """Return the SHA-256 of each; of leaves behind their 0x00, these are the leaf hashes."""
    if native is not None:
        return native.sha256_each(list(items))
    return [sha256(item).digest() for item in items]


def sha256_rows(data: bytes, step: int) -> bytes:
    """Return the SHA-256 of each `step` bytes of a table, joined."""
    if native is not None:
        return native.sha256_rows(data, step)
    return b"".join([sha256(data[at : at + step]).digest() for at in range(0, len(data), step)])
