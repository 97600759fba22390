"""A sealed block on disk, checked whole once, then read frame by frame.

Whole: its SHA-256 is the manifest's. That holds while the file keeps its stamp (inode, size, times
of change); with another stamp it is checked again before anything of it is believed. In between a
frame is still AES-256-GCM under the block's own key, bound to the header that was checked: only who
holds the private half of the key-encryption key could make other bytes that decrypt.

It does not see what is altered in a frame that nobody reads without the stamp changing: continuous
validation reads every byte, and so does `verify`.
"""

import os
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger import frame
from whodid.ledger.blocks import Block, decode_block

_TRIES = 3
Stamp = tuple[int, int, int, int]


class BlockFile(Struct, frozen=True):
    """A block file that was found sound at `stamp`; `head` is the block without its data."""

    path: Path
    digest: str
    stamp: Stamp
    head: Block

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        listed = 0 if isinstance(self.head.indexes, range) else len(self.head.indexes)
        return 4096 + 40 * listed

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
            if sealed is not None:
                return file.head.decrypt(number, key, sealed)
            file = check_block(file.path, file.digest)  # e.g. a backup has linked it
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


def check_block(path: Path, digest: str) -> BlockFile:
    """Read a block and check it against its hash in the manifest. Raises IntegrityError."""
    try:
        with path.open("rb") as file:
            stamp = _stamp(os.fstat(file.fileno()))  # before: what changes meanwhile shows later
            data = file.read()
    except OSError as error:
        raise _unreadable(path, error) from error
    if sha256(data).hexdigest() != digest:
        raise IntegrityError(f"{path}: altered (its SHA-256 is not the manifest's)")
    return BlockFile(
        path, digest, stamp, msgspec.structs.replace(decode_block(data, path), data=b"")
    )


def _unreadable(path: Path, error: OSError) -> IntegrityError:
    return IntegrityError(f"{path}: a sealed block cannot be read ({error})")


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
