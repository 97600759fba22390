"""The Merkle tree of RFC 6962 and RFC 9162: what is needed to check proofs of inclusion."""

from collections.abc import Iterable
from hashlib import sha256


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def root_of_path(hashed: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """Return the root to which a path leads (RFC 9162, 2.1.3.2), None for a wrong length."""
    if not 0 <= index < size:
        return None
    here, last = index, size - 1
    for sibling in path:
        if not last:
            return None
        if here & 1 or here == last:
            hashed = node_hash(sibling, hashed)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        here, last = here >> 1, last >> 1
    return None if last else hashed


def root_from_edge(edge: list[bytes], first: int, hashes: Iterable[bytes]) -> bytes | None:
    """Return the root of the log whose first entries have this compact range, and then these.

    `edge` are the roots of the perfect trees of the first `first` entries, the greatest in front.
    None when they are not as many as there must be, and for a log without an entry.
    """
    levels = [level for level in reversed(range(first.bit_length())) if first >> level & 1]
    if len(levels) != len(edge):
        return None
    peaks = list(zip(levels, edge, strict=True))
    for hashed in hashes:
        level, node = 0, hashed
        while peaks and peaks[-1][0] == level:
            node = node_hash(peaks.pop()[1], node)
            level += 1
        peaks.append((level, node))
    if not peaks:
        return None
    root = peaks.pop()[1]
    while peaks:
        root = node_hash(peaks.pop()[1], root)
    return root
