"""What the sealer asks of the sequencer: to name new sealed files in the signed manifest."""

import re
from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.hash_tree import HashTree
from whodid.ledger.layout import LEAVES, PAYLOAD, block_path, leaves_path
from whodid.ledger.manifest import Manifest, SealedFile
from whodid.storage.posix import PosixDisk

_HASH = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[0-9a-z]+")


class SealRequest(Struct, frozen=True):
    """What the sealer made durable: files that hold entries up to `sealed`.

    The files stand beside their places, with `suffix` behind their names: only the sequencer puts
    a sealed file in its place, so that none that is named is ever overwritten.
    `digest` is SHA-256 over the concatenated leaf hashes that the sealer computed from the leaves
    it wrote, from the manifest's old end to `sealed`;
    `released` the last write-ahead record (LSN, hash) that holds nothing beyond.
    """

    files: list[SealedFile]
    suffix: str
    sealed: int
    digest: bytes
    released_lsn: int
    released_hash: bytes


def check_seal(request: SealRequest, old: Manifest, tree: HashTree) -> None:
    """Raise IntegrityError unless the files continue what is sealed and have the tree's leaves."""
    if not old.sealed < request.sealed <= tree.size:
        raise IntegrityError(f"cannot seal up to {request.sealed} (sealed {old.sealed})")
    if _SUFFIX.fullmatch(request.suffix) is None:
        raise IntegrityError(f"files to seal with a suffix of {request.suffix[:40]!r}")
    at = old.sealed
    for file in request.files:
        for digest in (file.sha256, file.head) if file.head else (file.sha256,):
            if _HASH.fullmatch(digest) is None:
                raise IntegrityError(f"{file.path[:80]}: {digest[:80]!r} is no SHA-256")
        if file.path == leaves_path(at, file.count) and file.first == at:
            at += file.count
        elif not _is_block(file) or file.first < old.sealed:
            raise IntegrityError(f"{file.path} does not continue the sealed files")
    if at != request.sealed:
        raise IntegrityError(f"the files to seal end at entry {at}, not {request.sealed}")
    if tree.digest(old.sealed, request.sealed) != request.digest:
        raise IntegrityError(f"the leaves sealed up to {request.sealed} are not the tree's")


def _is_block(file: SealedFile) -> bool:
    class_ = file.path.rpartition("-")[2]
    if re.fullmatch(r"0|[1-9][0-9]{0,4}", class_) is None:
        return False
    return file.path == block_path(file.first, file.count, int(class_))


def place(request: SealRequest, directory: Path, disk: PosixDisk) -> None:
    """Put the new files in their places, durably. Raises OSError when one is not there."""
    for file in request.files:
        path = directory / file.path
        path.with_name(path.name + request.suffix).rename(path)
    for folder in (LEAVES, PAYLOAD):
        disk.sync_folder(directory / folder)
