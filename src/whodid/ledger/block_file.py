"""A sealed block on disk, whose head is checked once, then read frame by frame.

The head is the one whose SHA-256 the manifest has; it has the SHA-256 of each frame, so that a
frame is as it was sealed, or is refused. The head holds while the file keeps its stamp (inode,
size, times of change); with another stamp it is checked again.

A block of format 1 has no such hashes and is checked whole. While the stamp stays a frame is still
AES-256-GCM under the block's own key, bound to the header that was checked: only who holds the
private half of the key-encryption key could make other bytes that decrypt.

What is altered in a frame that nobody reads is not seen here: continuous validation reads every
byte, and so does `verify`.
"""

import os
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger import frame
from whodid.ledger.blocks import Block, altered_frame, decode_head, head_bytes
from whodid.ledger.manifest import SealedFile

_TRIES = 3
_HEAD_BYTES = 16 * 1024
"""So much is read at first: the head of most blocks."""
Stamp = tuple[int, int, int, int]


class BlockFile(Struct, frozen=True):
    """A block file that was found sound at `stamp`; `head` is the block without its data."""

    path: Path
    file: SealedFile
    stamp: Stamp
    head: Block

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        listed = 0 if isinstance(self.head.indexes, range) else len(self.head.indexes)
        return 4096 + 40 * listed + 200 * len(self.head.frames)

    def is_as_checked(self) -> bool:
        """Tell whether the file is still the one that was checked."""
        try:
            return _stamp(self.path.stat()) == self.stamp
        except OSError:
            return False

    def open_frame(self, number: int, key: bytes) -> frame.OpenFrame:
        """Read and decrypt one frame. Raises IntegrityError, also for what was altered since."""
        file = self
        for _ in range(_TRIES):
            sealed = file._read(number)
            if sealed is not None and not file.head.has_digest(number, sealed):
                raise IntegrityError(f"{self.path}: {altered_frame(number)}")
            if sealed is not None:
                return file.head.decrypt(number, key, sealed)
            file = check_block(file.path, file.file)  # e.g. a backup has linked it
        raise IntegrityError(f"{self.path}: it changes faster than it can be read")

    def _read(self, number: int) -> bytes | None:
        """Return the bytes of a frame; None when the file has another stamp by now.

        The stamp is asked of the very file that is read.
        """
        offset, size, _ = self.head.frames[number]
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if _stamp(os.fstat(fd)) != self.stamp:
                return None
            return os.pread(fd, size, offset)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        finally:
            os.close(fd)


def check_block(path: Path, file: SealedFile) -> BlockFile:
    """Read as much of a block as says what each frame is, and check it against the manifest.

    Raises IntegrityError or FormatError.
    """
    try:
        with path.open("rb", buffering=0) as opened:
            stamp = _stamp(os.fstat(opened.fileno()))  # before: what changes meanwhile shows later
            data = opened.read(_HEAD_BYTES) if file.head else opened.read()
            if file.head and len(data) >= _HEAD_BYTES:
                data += opened.read(max(0, head_bytes(data, path) - len(data)))
    except OSError as error:
        raise _unreadable(path, error) from error
    if not file.head:
        if sha256(data).hexdigest() != file.sha256:
            raise IntegrityError(f"{path}: altered (its SHA-256 is not the manifest's)")
        return BlockFile(path, file, stamp, decode_head(data, len(data), path))
    head = decode_head(data, stamp[1], path)
    if head.head.hex() != file.head or stamp[1] != file.size_bytes or not head.digests:
        raise IntegrityError(f"{path}: altered (the SHA-256 of its head is not the manifest's)")
    return BlockFile(path, file, stamp, head)


def _unreadable(path: Path, error: OSError) -> IntegrityError:
    return IntegrityError(f"{path}: a sealed block cannot be read ({error})")


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
