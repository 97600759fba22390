"""The Merkle tree of RFC 6962 and RFC 9162 with SHA-256: hashes, compact ranges and proofs.

Leaf: SHA-256(0x00 || data). Inner node: SHA-256(0x01 || left || right). Empty tree: SHA-256("").
Proofs are made from a `Node`, a function that knows the perfect subtrees, wherever they are kept.
It does not store hashes and knows nothing of signatures.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Self

from whodid.errors import IntegrityError
from whodid.merkle.batch import sha256_each

HASH_BYTES = 32

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves (RFC 6962 section 2.1)."""

Node = Callable[[int, int], bytes]
"""node(level, index): hash of the perfect subtree over [index << level, (index + 1) << level)."""


def hash_leaf(data: bytes) -> bytes:
    """Return the leaf hash of one entry."""
    return sha256(b"\x00" + data).digest()


def hash_leaves(items: Iterable[bytes]) -> list[bytes]:
    """Return the leaf hashes of many entries."""
    return sha256_each([b"\x00" + data for data in items])


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two nodes."""
    return sha256(b"\x01" + left + right).digest()


def pair_up(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the parents of an even number of neighbours, one level up."""
    each = iter(hashes)
    return sha256_each([b"\x01" + left + right for left, right in zip(each, each, strict=True)])


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root above 2**k hashes; ValueError when their number is no power of two."""
    while len(hashes) > 1:
        hashes = pair_up(hashes)
    return hashes[0] if hashes else EMPTY_ROOT


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree with these leaf hashes, any number of them."""
    frontier = Frontier()
    frontier.append_hashes(hashes)
    return frontier.root()


class Frontier:
    """The compact range [0, size): roots of the perfect subtrees that make up `size` leaves.

    Invariants: bit l of `size` is set exactly when a peak of level l is kept; appending costs one
    hash per leaf, whole levels at a time; the root depends on the leaves only, not on the batches.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        """Start empty, or go on from the `nodes()` of a log of `size` leaves.

        Raises IntegrityError when the number of nodes does not belong to that size.
        """
        if size < 0 or len(nodes) != size.bit_count():
            raise IntegrityError(
                f"{len(nodes)} nodes cannot be the compact range of {size} leaves."
            )
        self.size = size
        self._peaks: list[bytes | None] = [None] * size.bit_length()
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        for level, node in zip(levels, nodes, strict=True):
            self._peaks[level] = node

    def append_hashes(self, hashes: Sequence[bytes]) -> None:
        """Append leaf hashes in order; a big batch is hashed level by level."""
        carry: Sequence[bytes] = hashes
        peaks = self._peaks
        level = 0
        while carry:
            if level == len(peaks):
                peaks.append(None)
            peak = peaks[level]
            if peak is not None:
                carry = [peak, *carry]
            if len(carry) & 1:
                peaks[level] = carry[-1]
                carry = carry[:-1]
            else:
                peaks[level] = None
            carry = pair_up(carry)
            level += 1
        self.size += len(hashes)

    def root(self) -> bytes:
        """Return the root of all leaves appended so far."""
        root: bytes | None = None
        for peak in self._peaks:
            if peak is not None:
                root = peak if root is None else hash_node(peak, root)
        return EMPTY_ROOT if root is None else root

    def nodes(self) -> list[bytes]:
        """Return the peaks from left (the greatest subtree) to right."""
        return [peak for peak in reversed(self._peaks) if peak is not None]

    def copy(self) -> Self:
        """Return an independent frontier of the same leaves."""
        return type(self)(self.size, self.nodes())


def root_at(size: int, node: Node) -> bytes:
    """Return the root of the first `size` leaves."""
    return _root_between(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves (RFC 9162, 2.1.3.1).

    Raises IntegrityError when there is no such leaf.
    """
    if not 0 <= index < size:
        raise IntegrityError(f"There is no leaf {index} in a log of {size} leaves.")
    return _path(index, size, node, 0)


def consistency_proof(old_size: int, new_size: int, node: Node) -> list[bytes]:
    """Return the proof that the tree of `new_size` extends that of `old_size` (RFC 9162, 2.1.4.1).

    It is empty when the sizes are equal or the old tree is. Raises IntegrityError when the log
    would have shrunk.
    """
    if not 0 <= old_size <= new_size:
        raise IntegrityError(f"A log of {new_size} leaves cannot extend one of {old_size}.")
    if old_size in (0, new_size):
        return []
    # The old tree ends with a perfect subtree; the proof is the path from there up.
    level = (old_size & -old_size).bit_length() - 1
    last = (old_size >> level) - 1
    # When that subtree is the whole old tree the verifier knows its hash already.
    start = [node(level, last)] if last else []
    return start + _path(last, new_size, node, level)


def _path(index: int, size: int, node: Node, level: int) -> list[bytes]:
    """Return the siblings, bottom up, from node `index` of `level` to the root of `size` leaves."""
    last = (size - 1) >> level
    proof = []
    # Below the fork of the ways to the node and to the last leaf every sibling is perfect, but for
    # the one at the fork itself, which holds the last leaf.
    while index >> 1 != last >> 1:
        proof.append(node(level, index ^ 1))
        index, last, level = index >> 1, last >> 1, level + 1
    if index != last:
        proof.append(_root_between(last << level, size, node))
        index, last, level = index >> 1, last >> 1, level + 1
    # Above it both ways are one, along the right edge: only left siblings exist.
    while index:
        if index & 1:
            proof.append(node(level, index - 1))
        index, level = index >> 1, level + 1
    return proof


def _root_between(start: int, end: int, node: Node) -> bytes:
    """Return MTH(D[start:end]) for a `start` aligned to a power of two not below end - start."""
    root: bytes | None = None
    width, level = end - start, 0
    while width >> level:
        if width >> level & 1:
            peak = node(level, (end >> level) - 1)
            root = peak if root is None else hash_node(peak, root)
        level += 1
    assert root is not None
    return root


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that leaf `index` of the tree (size, root) has this hash (RFC 9162, 2.1.3.2).

    Raises IntegrityError when the proof does not show it. The numbers are the steps of the RFC.
    """
    if not 0 <= index < size:  # 1
        raise IntegrityError(f"There is no leaf {index} in a log of {size} leaves.")
    _check_hashes(leaf_hash, root, *proof)
    fn, sn = index, size - 1  # 2
    r = leaf_hash  # 3
    for p in proof:  # 4
        if sn == 0:  # 4a
            raise IntegrityError(f"The inclusion proof of leaf {index} is too long.")
        if fn & 1 or fn == sn:  # 4b
            r = hash_node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hash_node(r, p)
        fn, sn = fn >> 1, sn >> 1  # 4c
    if sn:  # 5
        raise IntegrityError(f"The inclusion proof of leaf {index} is too short.")
    if r != root:
        raise IntegrityError(f"The inclusion proof of leaf {index} leads to another root.")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree (new_size, new_root) extends (old_size, old_root) (RFC 9162, 2.1.4.2).

    Beyond the RFC: two equal heads are consistent, and every tree extends the empty one, whose
    root must be `EMPTY_ROOT`; both need an empty proof. Raises IntegrityError otherwise.
    The numbers are the steps of the RFC.
    """
    if not 0 <= old_size <= new_size:
        raise IntegrityError(f"A log of {new_size} leaves cannot extend one of {old_size}.")
    if old_size in (0, new_size):
        _check_trivial(old_size, old_root, new_size, new_root, proof)
        return
    if not proof:  # 1
        raise IntegrityError("The consistency proof is empty.")
    _check_hashes(old_root, new_root, *proof)
    fr, sr = _fold_consistency(old_size, old_root, new_size, proof)
    if fr != old_root:  # 7
        raise IntegrityError(f"The log is not the one whose first {old_size} leaves were signed.")
    if sr != new_root:
        raise IntegrityError(f"The consistency proof leads to another root at size {new_size}.")


def _fold_consistency(
    old_size: int, old_root: bytes, new_size: int, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the roots (fr, sr) that the proof leads to: steps 2 to 6 of RFC 9162, 2.1.4.2."""
    path = [old_root, *proof] if old_size.bit_count() == 1 else proof  # 2
    fn, sn = old_size - 1, new_size - 1  # 3
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]  # 5
    for c in path[1:]:  # 6
        if sn == 0:  # 6a
            raise IntegrityError("The consistency proof is too long.")
        if fn & 1 or fn == sn:  # 6b
            fr, sr = hash_node(c, fr), hash_node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hash_node(sr, c)
        fn, sn = fn >> 1, sn >> 1  # 6c
    if sn:  # first half of 7
        raise IntegrityError("The consistency proof is too short.")
    return fr, sr


def _check_trivial(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise IntegrityError("The consistency proof must be empty: there is nothing to prove.")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise IntegrityError("The root of the empty log must be SHA-256 of nothing.")
    if old_size == new_size and old_root != new_root:
        raise IntegrityError(f"Two logs of {new_size} leaves have different roots.")
    if old_size != new_size:
        _check_hashes(new_root)


def _check_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise IntegrityError(f"A hash must have {HASH_BYTES} bytes, not {len(value)}.")
