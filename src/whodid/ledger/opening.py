"""Making a ledger, and opening it for writing: the crash rule.

1. Take the writer lock; DIR must be the one writable directory.
2. Read the signed manifest: entries [0, sealed) are in sealed files.
3. Read the write-ahead log to the end of its chain; it must reach from `sealed` without a gap.
4. Rebuild the tree: tile cache, leaf files, write-ahead log.
5. Nothing that was signed may be missing: the tree must continue the signer's head and DIR's
   checkpoint, else the log stays stopped.
6. Zero a torn tail, which nobody has a receipt for.
7. Complete the dedup table and the receipts.
"""

import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from whodid.clock import Clock, system_clock
from whodid.errors import IntegrityError, LedgerError, UsageError, WhodidError
from whodid.ledger.checkpoints_log import heal_checkpoints
from whodid.ledger.formats import check_formats
from whodid.ledger.hash_tree import HashTree
from whodid.ledger.identity import IdentityTable
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import create_keys_db
from whodid.ledger.layout import (
    BACKUP,
    CHECKPOINT,
    FOLDERS,
    KEYS_DB,
    LEAVES,
    MANIFEST,
    PAYLOAD,
    STATE_DB,
    is_ledger,
)
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.manifest import Manifest, all_files, read_manifest
from whodid.ledger.payload import SealedPayload
from whodid.ledger.sealed import SealedLeaves
from whodid.ledger.sequenced import Sequenced, parse_sequenced
from whodid.ledger.sequencer import Parts, Sequencer, receipt_of
from whodid.ledger.signer import Signer
from whodid.ledger.state_db import OWN_SOURCE, Receipt, StateDb
from whodid.ledger.wal import Wal
from whodid.ledger.wal_scan import WalScan
from whodid.ledger.writer_lock import WriterLock, bind, is_writable_directory, refresh_binding
from whodid.limits import DISK_FREE_BYTES_MIN, WAL_FILE_BYTES
from whodid.merkle.batch import sha256_each
from whodid.merkle.checkpoint import Checkpoint, Vkey, parse_body, verify_note
from whodid.merkle.tiles import TILE_WIDTH, tile_path
from whodid.merkle.tree import perfect_root
from whodid.storage.posix import PosixDisk


class Settings(Struct, frozen=True):
    """What a deployment or a test may set."""

    wal_file_bytes: int = WAL_FILE_BYTES
    free_bytes_min: int = DISK_FREE_BYTES_MIN
    lock_wait_s: float = 10.0


def init_ledger(
    directory: Path,
    *,
    origin: str | None = None,
    keys_root: Path | None = None,
    clock: Clock = system_clock,
    settings: Settings | None = None,
) -> KeyFolder:
    """Make a ledger in DIR (missing or empty) and its key folder; whodid's own source is declared.

    Raises UsageError when DIR holds anything, LedgerError when keys exist already.
    """
    if directory.exists() and any(directory.iterdir()):
        raise UsageError(f"{directory}: not empty; a ledger is made in a new folder")
    ledger_id = secrets.token_bytes(16)
    origin = origin or f"{socket.gethostname()}/whodid/{ledger_id.hex()}"
    Checkpoint(origin, 0, bytes(32))
    disk = PosixDisk()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in FOLDERS:
        (directory / folder).mkdir()
    keys = KeyFolder.create(ledger_id, origin, keys_root)
    create_keys_db(directory)
    StateDb(directory, keys.doors_key()).close()
    bind(keys, directory, disk)
    signer = Signer(keys, origin, disk)
    body = Manifest(origin, ledger_id).body()
    disk.create(directory / MANIFEST, signer.sign_manifest(body).encode(), 0o644)
    disk.sync_folder(directory.parent)
    opened, lock = open_ledger(directory, keys_root=keys_root, clock=clock, settings=settings)
    try:
        opened.declare_source(OWN_SOURCE, "json", OWN_SOURCE)
        opened.close()
    finally:
        lock.release()
    return keys


def keys_of(directory: Path, keys_root: Path | None = None) -> KeyFolder:
    """Return the key folder of the ledger in DIR (it may not exist on this machine)."""
    if not is_ledger(directory):
        raise UsageError(f"{directory}: no ledger here; make one with `whodid init {directory}`")
    return KeyFolder(read_manifest(directory, None).ledger_id, keys_root)


def open_ledger(
    directory: Path,
    *,
    keys_root: Path | None = None,
    disk: PosixDisk | None = None,
    clock: Clock = system_clock,
    settings: Settings | None = None,
    adopting: bool = False,
) -> tuple[Sequencer, WriterLock]:
    """Open DIR for writing (the numbered steps above); `adopting` opens what is still a copy.

    Raises LedgerError when another process writes, DIR is a copy or the disk fails, IntegrityError
    when what was acknowledged or signed is not there.
    """
    settings = settings or Settings()
    keys = keys_of(directory, keys_root)
    if not keys.exists():
        raise LedgerError(f"{keys.path}: the keys of this ledger are not on this machine")
    _check_folder(keys, directory, adopting=adopting)
    lock = WriterLock(keys)
    lock.acquire(settings.lock_wait_s)  # 1
    try:
        disk = disk or PosixDisk()
        if not adopting:
            refresh_binding(keys, directory, disk)
        check_formats(directory, keys)
        return _Opening(directory, keys, disk, clock, settings).run(), lock
    except OSError as error:
        lock.release()
        raise LedgerError(f"{directory}: the ledger cannot be opened ({error})") from error
    except BaseException:
        lock.release()
        raise


def _check_folder(keys: KeyFolder, directory: Path, *, adopting: bool) -> None:
    if (directory / BACKUP).exists():
        raise LedgerError(
            f"{directory} is a backup: make a ledger of it with `whodid restore {directory} DIR`"
        )
    if not adopting and not is_writable_directory(keys, directory):
        raise LedgerError(
            f"{directory} is a read-only copy: the writable folder of this ledger is another one "
            f"(to move the ledger here: `whodid restore --adopt {directory}`; `whodid verify` and "
            "`tiles` work on copies)"
        )
    for name in (KEYS_DB, STATE_DB):
        if not (directory / name).is_file():
            raise IntegrityError(f"{directory / name} is missing: put it back from a backup")


class _Opening:
    """One run of steps 2 to 7."""

    def __init__(
        self, directory: Path, keys: KeyFolder, disk: PosixDisk, clock: Clock, settings: Settings
    ) -> None:
        self.directory = directory
        self.keys = keys
        self.disk = disk
        self.clock = clock
        self.settings = settings
        self.tail: list[tuple[int, Sequenced]] = []
        self.receipts: dict[bytes, tuple[int, int, Receipt]] = {}
        self.head_lsn = 0

    def run(self) -> Sequencer:
        vkey = self.keys.vkey()
        manifest = read_manifest(self.directory, vkey)  # 2
        signer = Signer(self.keys, manifest.origin, self.disk)
        heads = [head for head in (signer.head, self._checkpoint(vkey)) if head]
        sealed = SealedLeaves(self.directory, manifest)
        scan = WalScan(self.directory, self.keys.ledger_id)
        size = self._read_wal(scan, manifest, max((head.size for head in heads), default=0))  # 3
        tree, done = self._tree(sealed, manifest.sealed, size, heads)  # 4, 5
        scan.durable_lsn = max(scan.durable_lsn, self.head_lsn, manifest.released_lsn)
        wal = Wal(self.directory, self.keys.ledger_id, self.settings.wal_file_bytes, self.disk)
        if not scan.last_lsn:  # an empty chain goes on from what was released
            scan.last_lsn, scan.last_hash = manifest.released_lsn, manifest.released_hash
        wal.resume(scan)  # 6
        self._clear_unnamed(manifest)
        heal_checkpoints(self.directory, manifest.origin, self.disk)
        identity = self._identity(sealed, manifest)  # 7
        state = StateDb(self.directory, self.keys.doors_key())
        return Sequencer(
            Parts(
                self.directory, self.keys, self.disk, self.clock, self.settings.free_bytes_min,
                manifest, wal, tree, sealed, identity, state, signer,
                self._last_time(sealed, manifest.sealed), self.receipts, done,
            )
        )  # fmt: skip

    def _checkpoint(self, vkey: Vkey) -> Checkpoint | None:
        path = self.directory / CHECKPOINT
        if not path.exists():
            return None
        try:
            return parse_body(verify_note(path.read_bytes(), vkey))
        except WhodidError as error:
            raise IntegrityError(f"{path}: not a checkpoint of this ledger ({error})") from error

    def _read_wal(self, scan: WalScan, manifest: Manifest, head_size: int) -> int:
        size = manifest.sealed
        for record in scan.records():
            sequenced = parse_sequenced(record.body)
            if sequenced.first > size:
                raise IntegrityError(
                    f"the write-ahead log goes on at entry {sequenced.first}, "
                    f"entries from {size} are missing"
                )
            if sequenced.first < size and size > manifest.sealed:
                raise IntegrityError(
                    f"write-ahead record {record.lsn} starts at entry {sequenced.first}, "
                    f"the log ends at {size}: run `whodid verify`"
                )
            size = max(size, sequenced.end)
            if sequenced.end > manifest.sealed:
                self.tail.append((record.lsn, sequenced))
            if sequenced.first < head_size <= sequenced.end:
                self.head_lsn = record.lsn
            self._receipt(record.lsn, sequenced)
        if size < head_size:
            at = scan.breaks[0] if scan.breaks else None
            where = f"; {at.path} offset {at.offset}: {at.reason}" if at else ""
            raise IntegrityError(
                f"{head_size} entries were signed, only {size} are here: the tail was cut or an "
                f"older copy was put in place{where}"
            )
        return size

    def _clear_unnamed(self, manifest: Manifest) -> None:
        """Remove sealed files that the manifest never named: what a crash left of a sealing.

        Their rows are still in the write-ahead log (3); an erasure would not find these copies.
        A follower that outlived the last sequencer may be at its sealing: it takes its own files
        away, or finds them gone and seals anew.
        """
        named = {file.path for file in all_files(self.directory, manifest)}
        for folder in (LEAVES, PAYLOAD):
            for path in (self.directory / folder).iterdir():
                if f"{folder}/{path.name}" not in named and path.is_file():
                    path.unlink(missing_ok=True)

    def _receipt(self, lsn: int, s: Sequenced) -> None:
        if s.batch.batch_id in self.receipts:
            raise IntegrityError(
                f"write-ahead record {lsn} repeats the batch of record "
                f"{self.receipts[s.batch.batch_id][0]}: it was replayed; run `whodid verify`"
            )
        receipt = receipt_of(s, sha256_each(s.leaves()))
        self.receipts[s.batch.batch_id] = (lsn, s.appended_us, receipt)

    # --- the tree --------------------------------------------------------------------------------

    def _tree(
        self, sealed: SealedLeaves, sealed_end: int, size: int, heads: list[Checkpoint]
    ) -> tuple[HashTree, set[tuple[int, int]]]:
        wrong: list[Checkpoint] = []
        for cached in (True, False):  # a cache that is wrong is made again
            tree = HashTree(sealed.tile_hashes)
            done = self._load_nodes(tree, sealed, sealed_end, cached=cached)
            tree.append(sealed.hashes(tree.size, sealed_end))
            for _, sequenced in self.tail:
                leaves = sequenced.leaves()[max(tree.size - sequenced.first, 0) :]
                tree.append(sha256_each(leaves))
            wrong = [head for head in heads if tree.root(head.size) != head.root]
            if not wrong and tree.size == size:
                return tree, done
        raise IntegrityError(
            "the stored leaves do not give the root that was signed at size "
            f"{wrong[0].size if wrong else size}: run `whodid verify` to see where"
        )

    def _load_nodes(
        self, tree: HashTree, sealed: SealedLeaves, sealed_end: int, *, cached: bool
    ) -> set[tuple[int, int]]:
        nodes = bytearray()
        tiles = 0
        full = sealed_end // TILE_WIDTH
        while cached and (tiles + 1) * TILE_WIDTH <= full:
            data = b""
            with contextlib.suppress(OSError):
                data = (self.directory / tile_path(1, tiles)).read_bytes()
            if len(data) != 32 * TILE_WIDTH:
                break
            nodes += data
            tiles += 1
        for tile in range(tiles * TILE_WIDTH, full):
            nodes += perfect_root(sealed.tile_hashes(tile))
        tree.load(bytes(nodes))
        return {(1, tile) for tile in range(tiles)}

    def _last_time(self, sealed: SealedLeaves, sealed_end: int) -> int:
        if self.tail:
            return self.tail[-1][1].appended_us
        return sealed.last_time() if sealed_end else 0

    # --- dedup -----------------------------------------------------------------------------------

    def _identity(self, sealed: SealedLeaves, manifest: Manifest) -> IdentityTable:
        table = IdentityTable(self.directory, self.disk)
        if table.covered > max(manifest.sealed, self._tail_end()):
            table.forget()
        start = self.tail[0][1].first if self.tail else manifest.sealed
        if table.covered < start:
            _derive_runs(table, sealed, start, self._contents(manifest))
        for _, s in self.tail:
            staged: dict[bytes, tuple[bytes, ...]] = {}
            if s.end <= table.covered:
                continue
            rows = s.batch.table
            for i in s.kept():
                if rows["flags"][i] & LeafFlag.NO_IDENTITY or rows["type"][i] != LeafType.EVENT:
                    continue
                tag, content = rows["identity_tag"][i].tobytes(), rows["content_tag"][i].tobytes()
                staged[tag] = (*staged.get(tag, ()), content)
            table.keep_more(staged, s.end)
        return table

    def _tail_end(self) -> int:
        return self.tail[-1][1].end if self.tail else 0

    def _contents(self, manifest: Manifest) -> Callable[[int, int], dict[int, bytes]]:
        payload = SealedPayload(self.directory, self.keys)
        payload.extend(all_files(self.directory, manifest))
        return lambda first, end: {index: row[2] for index, row in payload.rows(first, end)}


def _derive_runs(
    table: IdentityTable,
    sealed: SealedLeaves,
    end: int,
    contents: Callable[[int, int], dict[int, bytes]],
) -> None:
    """Make missing runs from leaf files, content tags from the blocks (zero when unreadable)."""
    at = table.covered
    for file in sealed.files(at, end):
        first = max(file.first, at)
        tags: dict[int, bytes] = {}
        with contextlib.suppress(WhodidError):
            tags = contents(first, file.end)
        rows = file.table[first - file.first :]
        found: dict[bytes, tuple[bytes, ...]] = {}
        for i, row in enumerate(rows):
            if row["type"] == LeafType.EVENT and not row["flags"] & LeafFlag.NO_IDENTITY:
                tag = row["identity_tag"].tobytes()
                found[tag] = (*found.get(tag, ()), tags.get(first + i, bytes(8)))
        table.keep_more(found, file.end)
        table.flush_if_large()
        at = file.end
    table.flush()
