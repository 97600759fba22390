"""Of a block the head is hashed once, and each frame that is read; an older block whole, once."""

import hashlib
import os

import msgspec
import pytest

from older_ledger import encode_block_1
from whodid.errors import IntegrityError
from whodid.ledger import block_file
from whodid.ledger.block_file import check_block
from whodid.ledger.blocks import decode_block, encode_block
from whodid.ledger.frame import Columns, Rows
from whodid.ledger.kept import Kept
from whodid.ledger.manifest import SealedFile
from whodid.limits import FRAME_ROWS

LEDGER = bytes(range(16))
COUNT = 3 * FRAME_ROWS


@pytest.fixture
def rows():
    return Rows(
        [bytes([n % 256]) * 16 for n in range(COUNT)],
        [tuple(b"%d.%d" % (n, group) for group in range(8)) for n in range(COUNT)],
        [bytes([n % 251]) * 8 for n in range(COUNT)],
    )


@pytest.fixture
def made(tmp_path, rows):
    data, _, key = encode_block(LEDGER, 0, 4096, 0, range(COUNT), Columns.of(rows))
    path = tmp_path / "block"
    path.write_bytes(data)
    head = decode_block(data, path).head.hex()
    return path, SealedFile("block", len(data), digest_of(data), 0, 4096, head), key


@pytest.fixture
def older(tmp_path, rows):
    data, _, key = encode_block_1(LEDGER, 0, 4096, 0, range(COUNT), Columns.of(rows))
    path = tmp_path / "older"
    path.write_bytes(data)
    return path, SealedFile("older", len(data), digest_of(data), 0, 4096), key


def digest_of(data):
    return hashlib.sha256(data).hexdigest()


def alter(path, at, *, keep_stamp=False):
    """Flip a byte in place; `keep_stamp` is what a disk does, without the file system."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    stat = path.stat()
    with path.open("r+b") as file:
        file.write(data)
    if not keep_stamp:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10))


def test_frames_are_read_alone(made, rows, monkeypatch):
    path, file, key = made
    block = check_block(path, file)
    assert not block.head.data
    assert isinstance(block.head.indexes, range), "no list of a block without gaps"
    read = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, n, at: read.append(n) or pread(fd, n, at))
    monkeypatch.setattr(block_file, "check_block", None)
    found = [block.open_frame(number, key).rows() for number in range(3)]
    assert [group for part in found for group in part.groups] == rows.groups
    assert read == [size for _, size, _ in block.head.frames]


def test_no_more_is_read_than_the_head_and_the_frame(made):
    path, file, key = made
    data = bytearray(path.read_bytes())
    size, at = os.path.getsize(path), decode_block(bytes(data), path).frames[1][0]
    data[at:] = bytes(size - at)  # all frames but the first
    path.write_bytes(data)
    block = check_block(path, file)
    assert block.open_frame(0, key).seeds
    for number in (1, 2):
        with pytest.raises(IntegrityError, match=rf"block: frame {number} is altered"):
            block.open_frame(number, key)


def test_a_long_head_is_read_whole(tmp_path, monkeypatch, made):
    monkeypatch.setattr(block_file, "_HEAD_BYTES", 70)
    path, file, key = made
    assert check_block(path, file).open_frame(2, key).seeds


@pytest.mark.parametrize("at", [30, 70, 1700, -20])
def test_what_is_altered_later_is_altered(made, at):
    path, file, key = made
    block = check_block(path, file)
    assert block.is_as_checked()
    alter(path, at)
    assert not block.is_as_checked()
    with pytest.raises(IntegrityError, match=r"altered|add up"):
        block.open_frame(2, key)


def test_without_another_stamp_the_frame_itself_shows_it(made, monkeypatch):
    path, file, key = made
    block = check_block(path, file)
    monkeypatch.setattr(block_file, "_stamp", lambda _stat: block.stamp)
    alter(path, -20, keep_stamp=True)
    assert block.is_as_checked(), "nothing shows that it is another"
    assert block.open_frame(0, key).seeds
    with pytest.raises(IntegrityError, match="frame 2 is altered"):
        block.open_frame(2, key)


def test_another_block_of_the_same_writer_is_none(made, rows):
    """It decrypts: its key is its own, and whoever has the public half can wrap one."""
    path, file, _ = made
    data, _, _ = encode_block(LEDGER, 0, 4096, 0, range(COUNT), Columns.of(rows))
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="its head is not the manifest's"):
        check_block(path, file)


def test_an_older_block_is_checked_whole(older, rows, monkeypatch):
    path, file, key = older
    block = check_block(path, file)
    assert block.open_frame(0, key).rows().groups == rows.groups
    alter(path, -20)
    with pytest.raises(IntegrityError, match="its SHA-256 is not the manifest's"):
        block.open_frame(0, key)
    monkeypatch.setattr(block_file, "_stamp", lambda _stat: block.stamp)
    with pytest.raises(IntegrityError, match="does not decrypt"):
        block.open_frame(0, key)


def test_a_head_without_hashes_vouches_for_nothing(older):
    path, file, _ = older
    head = decode_block(path.read_bytes(), path).head.hex()
    with pytest.raises(IntegrityError, match="its head is not the manifest's"):
        check_block(path, msgspec.structs.replace(file, head=head))


def test_a_link_or_a_copy_in_its_place_is_no_fault(made, tmp_path):
    path, file, key = made
    block = check_block(path, file)
    os.link(path, tmp_path / "backup")
    assert block.open_frame(1, key).seeds
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    assert block.open_frame(1, key).seeds


def test_a_file_that_is_gone_or_changes_without_end(made, monkeypatch):
    path, file, key = made
    block = check_block(path, file)
    with monkeypatch.context() as patch:
        patch.setattr(block_file, "_stamp", lambda stat: (0, stat.st_size, 0, object()))
        with pytest.raises(IntegrityError, match="changes faster"):
            block.open_frame(1, key)
    path.unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        block.open_frame(1, key)


def test_kept_is_bounded_by_bytes_and_keeps_what_is_used():
    kept = Kept(100)
    for name in "abc":
        kept.put(name, name.upper(), 40)
    assert [kept.get(name) for name in "abc"] == [None, "B", "C"]
    assert kept.get("b") == "B"
    kept.put("d", "D", 40)
    assert [kept.get(name) for name in "bcd"] == ["B", None, "D"]
    kept.put("e", "E", 1000)
    assert [kept.get(name) for name in "bde"] == [None, None, "E"], "one value always fits"
    kept.put("e", "e", 50)
    kept.put("f", "F", 50)
    assert [kept.get(name) for name in "ef"] == ["e", "F"]
    kept.drop("e")
    kept.drop("e")
    kept.put("g", "G", 50)
    assert [kept.get(name) for name in "efg"] == [None, "F", "G"]
