"""The signer signs only what continues the last head that it signed."""

from hashlib import sha256

import pytest

from ledger_kit import FaultyDisk, Hand
from whodid.errors import IntegrityError, StoppedError
from whodid.ledger.signer import HEAD, Signer, read_head
from whodid.merkle.checkpoint import parse_body, verify_note
from whodid.merkle.tree import EMPTY_ROOT, consistency_proof, perfect_root, root_of
from whodid.storage.posix import PosixDisk

HASHES = [sha256(b"%d" % n).digest() for n in range(9)]


def node(level, index):
    return perfect_root(HASHES[index << level : (index + 1) << level])


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path)
    (hand.keys.path / HEAD).unlink()
    return hand


def signer_of(hand, disk=None):
    return Signer(hand.keys, "log.example/whodid/hand", disk or PosixDisk())


def sign(signer, size, *, old=None, root=None):
    old = (signer.head.size if signer.head else 0) if old is None else old
    proof = consistency_proof(old, size, node) if 0 < old < size else []
    return signer.sign(size, root or root_of(HASHES[:size]), proof)


def test_it_signs_what_grows(hand):
    signer = signer_of(hand)
    for size in (0, 1, 1, 4, 9, 9):
        note = sign(signer, size)
        head = parse_body(verify_note(note, hand.keys.vkey()))
        assert (head.size, head.root) == (size, root_of(HASHES[:size]))
        assert read_head(hand.keys) == head == signer_of(hand).head


@pytest.mark.parametrize(
    ("size", "root"), [(3, None), (4, b"x" * 32), (9, b"x" * 32), (0, EMPTY_ROOT)]
)
def test_it_refuses_what_does_not_continue(hand, size, root):
    sign(signer_of(hand), 4)
    signer = signer_of(hand)
    with pytest.raises(StoppedError, match="the signer refuses"):
        sign(signer, size, root=root, old=4 if size > 4 else 0)
    assert read_head(hand.keys).size == 4


@pytest.mark.parametrize("mode", ["lost", "torn", "kept"])
def test_nothing_is_signed_without_its_head(hand, mode):
    disk = FaultyDisk()
    signer = signer_of(hand, disk)
    sign(signer, 2)
    disk.arm("create", "head$", mode)
    with pytest.raises(OSError, match="as the test wants"):
        sign(signer, 4)
    assert signer.head.size == 2
    assert read_head(hand.keys).size == (4 if mode == "kept" else 2)
    assert "\n9\n" in sign(signer, 9)
    assert read_head(hand.keys).size == 9


def test_an_altered_head_is_named(hand):
    sign(signer_of(hand), 4)
    path = hand.keys.path / HEAD
    path.write_text(path.read_text().replace("\n4\n", "\n3\n"))
    with pytest.raises(IntegrityError, match=str(path)):
        read_head(hand.keys)
    path.write_bytes(b"\xff")
    with pytest.raises(IntegrityError, match=str(path)):
        signer_of(hand)
