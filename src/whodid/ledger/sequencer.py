"""The sequencer: dedup → order → fsync → integrate → publish. The one writer of DIR.

Life of an entry here: received → durable (its receipt) → integrated (in the tree) → published
(in a signed checkpoint) → sealed (in the manifest).

Two kinds of failure. *Refuse and go on* (bad batch, unknown source, full disk): that batch has an
error for an answer, nothing of it is stored. *Stop the log* (failed write or fsync, a clock that
went back too far, a tree that contradicts the signed head): `stopped` holds the reason, every later
append is refused with it, reads go on.

It never opens a batch's body and does no network; `server` puts it behind a socket.
"""

import contextlib
import errno
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.clock import Clock
from whodid.errors import IntegrityError, RefusedError, StoppedError, UsageError, WhodidError
from whodid.ledger.batch import Batch, BatchBuilder, Row, parse_batch
from whodid.ledger.batch_rules import broken_rule
from whodid.ledger.checkpoints_log import append_checkpoint
from whodid.ledger.hash_tree import HashTree, Paths
from whodid.ledger.identity import IdentityTable
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import CHECKPOINT, MANIFEST
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.manifest import Manifest, read_manifest, with_files
from whodid.ledger.origins import Restart, restart_groups
from whodid.ledger.seal_request import SealRequest, check_seal, place
from whodid.ledger.sealed import SealedLeaves
from whodid.ledger.sequenced import CONFLICT, DUPLICATE, Sequenced
from whodid.ledger.signer import Signer
from whodid.ledger.source_entry import source_groups
from whodid.ledger.state_db import OWN_SOURCE, Receipt, Source, StateDb
from whodid.ledger.wal import Wal
from whodid.limits import BATCH_ID_KEPT_US, CLOCK_BACK_MAX_US
from whodid.merkle.batch import sha256_each
from whodid.merkle.tree import consistency_proof, root_of
from whodid.storage.posix import PosixDisk

_FULL = {errno.ENOSPC, errno.EDQUOT}


class Parts(Struct):
    """What a sequencer is made of; `opening` puts it together."""

    directory: Path
    keys: KeyFolder
    disk: PosixDisk
    clock: Clock
    free_bytes_min: int
    manifest: Manifest
    wal: Wal
    tree: HashTree
    sealed: SealedLeaves
    identity: IdentityTable
    state: StateDb
    signer: Signer
    appended_us: int
    receipts: dict[bytes, tuple[int, int, Receipt]]
    """batch id → (LSN, appended_us, receipt) of the records still in the write-ahead log."""
    saved_tiles: set[tuple[int, int]]


class Sequencer:
    """Owns every mutable file of DIR but the sealer's new blocks and the index.

    Invariants: entries are numbered without gaps; `appended_us` never decreases; an identity tag
    is an entry twice only as a conflict; a receipt is given only for what is fsynced; the signed
    head never runs ahead of the durable log.
    A batch whose rows are all duplicates leaves nothing behind but its answer.
    """

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self.stopped: str | None = None
        self.duplicates = 0
        self.conflicts = 0
        self.seal_wanted = 0
        self._restarting = False
        self._note = ""  # of the signer's head, once it was published here
        self.sources = parts.state.sources()
        self._classes = {source.source_id: source.class_ for source in self.sources.values()}
        self._kek_versions = set(parts.keys.kek_versions())
        self._builder = BatchBuilder(parts.keys.ledger_id, parts.keys.public_kek())

    # --- reading ---------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of entries that are durable."""
        return self._p.tree.size

    @property
    def durable_lsn(self) -> int:
        """Last durable write-ahead record."""
        return self._p.wal.durable_lsn

    @property
    def published(self) -> int:
        """Size of the last signed checkpoint."""
        return self._p.signer.head.size if self._p.signer.head else 0

    @property
    def manifest(self) -> Manifest:
        """What is sealed."""
        return self._p.manifest

    # --- appending -------------------------------------------------------------------------------

    def commit(self, batches: Sequence[Batch]) -> list[Receipt | WhodidError]:
        """Order these batches and make them durable with one fsync; one answer each, in order.

        A retried batch id (within 24 h) gets its first receipt again. Never raises for a batch.
        """
        if self.stopped:
            return [StoppedError(self.stopped)] * len(batches)
        staged: dict[bytes, tuple[bytes, ...]] = {}
        answers: list[Receipt | WhodidError] = []
        hashes: list[bytes] = []
        fresh: list[tuple[int, int, Receipt]] = []
        try:
            now = self._now()
            self._check_space()
            for batch in batches:
                answer, lsn = self._one(batch, now, staged, hashes)
                answers.append(answer)
                if lsn and isinstance(answer, Receipt):
                    fresh.append((lsn, now, answer))
                    self._p.receipts[answer.batch_id] = fresh[-1]
            if fresh:
                self._p.wal.sync()
        except RefusedError as error:
            return [*answers, *[error] * (len(batches) - len(answers))]
        except (StoppedError, OSError) as error:
            return self._stop(str(error), len(batches))
        self._p.appended_us = now
        self.duplicates += sum(receipt.duplicate for _, _, receipt in fresh)
        self.conflicts += sum(receipt.conflict for _, _, receipt in fresh)
        self._p.tree.append(hashes)
        self._p.identity.keep(staged, self._p.tree.size)
        self._p.identity.flush_if_large()
        return answers

    def _one(
        self,
        batch: Batch,
        now: int,
        staged: dict[bytes, tuple[bytes, ...]],
        hashes: list[bytes],
    ) -> tuple[Receipt | WhodidError, int]:
        answer = self._answered(batch) or self._refusal(batch)
        if answer is not None:
            return answer, 0
        overlay: dict[bytes, tuple[bytes, ...]] = {}
        verdicts = self._verdicts(batch, staged, overlay)
        sequenced = Sequenced(self._p.tree.size + len(hashes), now, verdicts, batch)
        if not sequenced.accepted:
            # Nothing is written: a retry finds the same, and redelivery does not fill the disk.
            return receipt_of(sequenced, []), 0
        try:
            lsn = self._p.wal.append(sequenced.encode())
        except RefusedError as error:
            return error, 0
        staged.update(overlay)
        leaf_hashes = sha256_each(sequenced.leaves())
        hashes += leaf_hashes
        return receipt_of(sequenced, leaf_hashes), lsn

    def _answered(self, batch: Batch) -> Receipt | WhodidError | None:
        """Return the receipt that this batch has already, None for a new one."""
        known = self._p.receipts.get(batch.batch_id)
        try:
            receipt = known[2] if known else self._p.state.receipt(batch.batch_id)
            if receipt is None:
                return None
            when = known[1] if known else self._p.state.appended_us(batch.batch_id)
        except OSError as error:
            return RefusedError(f"it is unknown whether this batch was stored: {error}", 10)
        if not _is_of(receipt, when, batch):
            return RefusedError("another batch was stored under this batch id")
        return receipt

    def _refusal(self, batch: Batch) -> WhodidError | None:
        if batch.ledger_id != self._p.keys.ledger_id:
            return RefusedError("a batch for another ledger")
        problem = broken_rule(batch, self._p.tree.size, restarting=self._restarting)
        if problem:
            return RefusedError(problem)
        if batch.kek_version not in self._kek_versions:
            return RefusedError(f"a batch under an unknown key (version {batch.kek_version})")
        classes = []
        for source_id in batch.sources:
            if source_id not in self._classes:
                return RefusedError(f"a batch of an undeclared source {source_id.hex()}")
            classes.append(self._classes[source_id])
        # A door says the class of each row; what it may be was committed to with the source.
        if (batch.table["class"] != np.array(classes, ">u2")[batch.table["source"]]).any():
            return RefusedError("a batch with rows of another retention class than their source's")
        return None

    def _verdicts(
        self,
        batch: Batch,
        staged: dict[bytes, tuple[bytes, ...]],
        overlay: dict[bytes, tuple[bytes, ...]],
    ) -> bytes:
        table = batch.table
        has_identity = (
            (table["type"] == int(LeafType.EVENT))
            & ((table["flags"] & int(LeafFlag.NO_IDENTITY)) == 0)
        ).tolist()
        tags = _cut(table["identity_tag"].tobytes(), 16)
        contents = _cut(table["content_tag"].tobytes(), 8)
        return self._p.identity.stage(tags, contents, has_identity, staged, overlay)

    def _now(self) -> int:
        now = self._p.clock()
        last = self._p.appended_us
        if now < last - CLOCK_BACK_MAX_US:
            raise StoppedError(
                f"the system clock went back {(last - now) / 1e6:.1f} s behind the last entry; "
                "mend the clock, then start again"
            )
        return max(now, last)

    def _check_space(self) -> None:
        free = self._p.disk.free_bytes(self._p.directory)
        if free < self._p.free_bytes_min:
            raise RefusedError(
                f"the disk of the ledger has {free >> 20} MiB left, "
                f"less than the {self._p.free_bytes_min >> 20} MiB it keeps: free some space",
                retry_after_s=10,
            )

    def _stop(self, reason: str, count: int) -> list[Receipt | WhodidError]:
        self.stopped = reason
        return [StoppedError(reason)] * count

    # --- sources ---------------------------------------------------------------------------------

    def declare_source(self, name: str, format_name: str, domain: str, class_: int = 0) -> Source:
        """Open a source: an entry of type 2 that commits to its settings, then state.db.

        A source declared before is returned as it is. Raises RefusedError or StoppedError.
        """
        if name in self.sources:
            return self.sources[name]
        source = Source(name, secrets.token_bytes(16), format_name, domain, class_, self._now())
        flags = int(LeafFlag.NO_IDENTITY)
        row = Row(
            LeafType.SOURCE, flags, class_, source.source_id, 0, 0, bytes(16), bytes(8),
            source_groups(source),
        )  # fmt: skip
        self._classes[source.source_id] = class_
        [answer] = self.commit([parse_batch(self._builder.build([row]))])
        if isinstance(answer, WhodidError):
            del self._classes[source.source_id]
            raise answer
        try:
            self._p.state.add_source(source)
        except OSError as error:
            raise RefusedError(f"the source cannot be kept: {error}") from error
        self.sources[name] = source
        return source

    def restart(self, restart: Restart, reason: str) -> None:
        """Append the entry that says what the old origin ended with, durably.

        Called by a restore, before anything else is appended. Raises what `commit` refuses with.
        """
        if restart.size != self.size:
            raise IntegrityError(
                f"the restored log has {self.size} entries, its head says {restart.size}"
            )
        row = Row(
            LeafType.RESTART, int(LeafFlag.NO_IDENTITY), 0, self.sources[OWN_SOURCE].source_id,
            0, 0, bytes(16), bytes(8), restart_groups(restart, self._p.manifest.origin, reason),
            restart.line().encode(),
        )  # fmt: skip
        self._restarting = True
        [answer] = self.commit([parse_batch(self._builder.build([row]))])
        self._restarting = False
        if isinstance(answer, WhodidError):
            raise answer

    # --- publishing ------------------------------------------------------------------------------

    def publish(self, *, keep: bool = False) -> str:
        """Sign the tree as it is and put the checkpoint in place; `keep` also logs it.

        Returns the signed note. Raises RefusedError when the disk is full, and when it fails or the
        signer refuses StoppedError, and stops the log.
        """
        p = self._p
        old = p.signer.head.size if p.signer.head else 0
        size = p.tree.size
        try:
            if old > size:
                raise StoppedError(f"the signer has signed {old} entries, the log has only {size}")
            proof = consistency_proof(old, size, p.tree.node) if 0 < old < size else []
            self._note = ""  # what follows may fail behind the signature
            note = p.signer.sign(size, p.tree.root(), proof)
            p.disk.create(p.directory / CHECKPOINT, note.encode(), 0o644)
            if keep:
                append_checkpoint(p.directory, note, p.disk)
        except (StoppedError, IntegrityError, OSError) as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise RefusedError(f"no checkpoint can be written: {error}", 10) from error
            self.stopped = f"publishing failed: {error}"
            raise StoppedError(self.stopped) from error
        with contextlib.suppress(OSError):  # a cache
            p.tree.save_tiles(p.directory, p.saved_tiles)
        self._note = note
        return note

    def prove(self, index: int) -> tuple[str, list[bytes]]:
        """Return a signed checkpoint that covers entry `index`, and its inclusion proof there.

        Publishes first when the entry is younger than the last checkpoint. Raises UsageError for
        an index that is not in the log.
        """
        if not 0 <= index < self.size:
            raise UsageError(f"entry {index} is not in the log of {self.size} entries")
        if index >= self.published or not self._note:
            self.publish(keep=True)
        return self._note, self._p.tree.inclusion(index, self.published)

    def prove_at(self, size: int, indexes: Sequence[int], edge: int) -> Paths:
        """Return what `HashTree.paths` does, of entries that are published."""
        if size > self.published:
            raise UsageError(f"{self.published} entries are published, not {size}")
        return self._p.tree.paths(size, indexes, edge)

    def head_at(self, size: int) -> str:
        """Return a signed checkpoint of the first `size` entries: what a backup of them names.

        Publishes first when they are not all published. Raises UsageError for a size that the log
        does not have.
        """
        if not 0 < size <= self.size:
            raise UsageError(f"the log has {self.size} entries, there is no head of {size}")
        if size > self.published:
            self.publish(keep=True)
        proof = consistency_proof(size, self.published, self._p.tree.node)
        return self._p.signer.sign_past(size, self._p.tree.root(size), proof)

    # --- sealing ---------------------------------------------------------------------------------

    def want_sealed(self, size: int) -> None:
        """Ask for these entries to be sealed soon, though their unit is not full."""
        self.seal_wanted = max(self.seal_wanted, min(size, self.size))

    def seal(self, request: SealRequest) -> Manifest:
        """Name new sealed files in the signed manifest, then recycle what they make needless.

        Raises IntegrityError when the files do not continue the manifest or their leaves are not
        those of the tree, RefusedError when the disk fails or a file is not there: what was sealed
        before stays as it was, and sealing can be tried again. A request that was done already
        changes nothing.
        """
        p = self._p
        if request.files and set(request.files) <= set(p.manifest.files):
            return p.manifest
        check_seal(request, p.manifest, p.tree)
        released = (request.released_lsn, request.released_hash)
        manifest, chapters = with_files(p.manifest, request.files, request.sealed, released)
        note = p.signer.sign_manifest(manifest.body())
        try:
            place(request, p.directory, p.disk)
            for path, data in chapters.items():
                p.disk.create(p.directory / path, data)
            p.disk.create(p.directory / MANIFEST, note.encode(), 0o644)
        except OSError as error:
            self._adopt(read_manifest(p.directory, p.keys.vkey()))
            raise RefusedError(f"sealing up to {request.sealed} failed: {error}") from error
        self._adopt(manifest)
        p.tree.release(request.sealed)
        try:
            self._release(request.released_lsn)
        except OSError as error:
            raise RefusedError(f"the write-ahead log cannot be recycled: {error}") from error
        return manifest

    def _adopt(self, manifest: Manifest) -> None:
        # After an error it is unknown which manifest the disk will keep: the one that can be read
        # now counts, and nothing is recycled before one is known to be durable.
        known = set(self._p.manifest.files)
        new = [file for file in manifest.files if file not in known]
        self._p.manifest = manifest
        self._p.sealed.extend(iter(new))

    def _release(self, lsn: int) -> None:
        p = self._p
        files = p.wal.files()
        if len(files) < 2 or files[0].last_lsn > lsn:
            return
        limit = max(file.last_lsn for file in files[:-1] if file.last_lsn <= lsn)
        p.identity.flush()
        gone = [item for item in p.receipts.values() if item[0] <= limit]
        p.state.keep_receipts(
            [(when, receipt) for _, when, receipt in gone], p.appended_us - BATCH_ID_KEPT_US
        )
        for _, _, receipt in gone:
            del p.receipts[receipt.batch_id]
        p.wal.release(limit)

    def close(self) -> None:
        """Publish, flush what is derived and close the files; the log itself is durable already."""
        try:
            if not self.stopped:
                with contextlib.suppress(RefusedError):  # the next start publishes
                    self.publish(keep=True)
                with contextlib.suppress(OSError):
                    self._p.identity.flush()
        finally:
            self._p.wal.close()
            self._p.state.close()


def receipt_of(s: Sequenced, leaf_hashes: list[bytes]) -> Receipt:
    """Return the receipt of a sequenced batch, given the hashes of its leaves."""
    duplicate, conflict = s.verdicts.count(DUPLICATE), s.verdicts.count(CONFLICT)
    root = root_of(leaf_hashes)
    return Receipt(s.batch.batch_id, s.first, s.end, duplicate, conflict, s.verdicts, root, s.end)


def _is_of(receipt: Receipt, appended_us: int, batch: Batch) -> bool:
    """Tell whether a receipt is that of this batch: its entries would be the same."""
    if len(receipt.verdicts) != batch.rows:
        return False
    again = Sequenced(receipt.first, appended_us, receipt.verdicts, batch)
    return again.end == receipt.end and root_of(sha256_each(again.leaves())) == receipt.root


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]
