"""Steps 2, 3 and 6 of `verify` on disk: a sealed unit, its leaf file and its payload blocks.

Runs in worker processes: a `UnitJob` goes in, a small `Part` comes out.

1. A file is the one that the manifest names: its size, its SHA-256.
2. It decodes, and is of this ledger and of the range of its name.
3. Each frame decrypts. What of an altered block can still be opened is, so that the entries that
   were touched are named.
"""

from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from whodid.errors import WhodidError
from whodid.ledger.blocks import altered_frame, decode_block
from whodid.ledger.leaves import LeafFile, decode_leaf_file
from whodid.ledger.manifest import SealedFile
from whodid.ledger.verification.leaves import Part, read_leaves
from whodid.ledger.verification.payload import Content, PayloadCheck
from whodid.ledger.verification.verdict import Fault
from whodid.limits import VERIFY_PART_FAULTS_MAX


class BlockJob(Struct, frozen=True):
    """One block to check; `key` is its data key, None when it cannot be opened."""

    file: SealedFile
    key: bytes | None


class UnitJob(Struct, frozen=True):
    """One leaf file and the blocks of its range; `opened_before`: leave the blocks alone."""

    directory: str
    ledger_id: bytes
    leaves: SealedFile
    blocks: tuple[BlockJob, ...]
    cuts: tuple[int, ...]
    content: Content
    opened_before: bool = False


def check_unit(job: UnitJob) -> Part:
    """Check one sealed unit: its leaf file and its blocks."""
    file = job.leaves
    part = Part(file.path, file.first, file.first + file.count)
    decoded = _leaf_file(job, part)
    part.broken = decoded is None
    if decoded is not None:
        read_leaves(part, decoded.table, decoded.tails, job.cuts)
        if job.opened_before and not part.opens:  # what opened sources is compared with state.db
            part.opened_before = len(decoded.table)
            return part
    rows = PayloadCheck(part, decoded.table if decoded is not None else None, job.content)
    for block in job.blocks:
        _block(job, block, rows)
    rows.check_all_there()
    del part.faults[VERIFY_PART_FAULTS_MAX:]
    return part


def _read(job: UnitJob, file: SealedFile, faults: list[Fault]) -> bytes | None:
    try:
        data = (Path(job.directory) / file.path).read_bytes()
    except FileNotFoundError:
        faults.append(Fault(file.path, file.first, "the file is missing"))
        return None
    except OSError as error:
        faults.append(Fault(file.path, file.first, f"cannot be read ({error})"))
        return None
    if len(data) != file.size_bytes:
        faults.append(
            Fault(file.path, file.first, f"has {len(data)} bytes, signed were {file.size_bytes}")
        )
    elif sha256(data).hexdigest() != file.sha256:
        faults.append(Fault(file.path, file.first, "altered: its SHA-256 is not the signed one"))
    return data


def _leaf_file(job: UnitJob, part: Part) -> LeafFile | None:
    before = len(part.faults)
    data = _read(job, job.leaves, part.faults)
    if data is None or len(part.faults) > before:
        return None
    try:
        decoded = decode_leaf_file(data, job.leaves.path)
    except WhodidError as error:
        part.faults.append(Fault(part.where, part.first, str(error)))
        return None
    if (decoded.ledger_id, decoded.first, decoded.end) != (job.ledger_id, part.first, part.end):
        part.faults.append(
            Fault(part.where, part.first, "holds other entries, or those of another ledger")
        )
        return None
    return decoded


def _block(job: UnitJob, item: BlockJob, rows: PayloadCheck) -> None:
    """Check a block: all of it that can still be read, so that the altered entry is named."""
    file, faults = item.file, rows.part.faults
    data = _read(job, file, faults)
    if data is None:
        rows.lost = True
        return
    try:
        block = decode_block(data, file.path)
    except WhodidError as error:
        faults.append(Fault(file.path, file.first, str(error)))
        rows.lost = True
        return
    if (block.ledger_id, block.first, block.span) != (job.ledger_id, file.first, file.count):
        faults.append(Fault(file.path, file.first, "is a block of other entries or another ledger"))
        rows.lost = True
        return
    if file.head and (block.head.hex() != file.head or not block.digests):
        faults.append(Fault(file.path, file.first, "the SHA-256 of its head is not the signed one"))
    rows.take(block, file.path)
    start = 0
    for number, (at, size, count) in enumerate(block.frames):
        indexes = block.indexes[start : start + count]
        start += count
        if item.key is None:
            rows.part.unopened += len(indexes)
            if not block.has_digest(number, data[at : at + size]):
                faults.append(Fault(file.path, file.first, altered_frame(number)))
            continue
        try:
            opened = block.read_frame(number, item.key)
        except WhodidError as error:
            # An altered header may name any entry; those of another file would mislead.
            inside = bool(indexes) and file.first <= indexes[0] < file.first + file.count
            faults.append(Fault(file.path, indexes[0] if inside else file.first, str(error)))
            continue
        rows.check(indexes, opened, file.path)
