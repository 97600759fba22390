"""The write-ahead log: append, make durable, recycle. One owner: the sequencer.

Faults per write, each of which may have been persisted, torn or lost:
    preallocating a file   refused; a leftover is removed or overwritten
    writing records        stopped; recovery keeps what is whole and zeroes the rest
    fdatasync              stopped; what is on disk is unknown until the next start
    giving a file back     it stays in the chain, and is given back the next time
    zeroing                the file is dropped instead of used again

After a failed fdatasync the kernel may hold pages for clean that are not on disk (`fsync` errors
are reported once). So what nobody is known to have made durable is written again at a start.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError, RefusedError, StoppedError
from whodid.ledger.layout import WAL, wal_path
from whodid.ledger.wal_record import (
    FILE_HEADER_BYTES,
    NO_HASH,
    RECORD_HEADER_BYTES,
    FileHeader,
    encode_record,
)
from whodid.ledger.wal_scan import WalFile, WalScan
from whodid.storage.posix import PosixDisk

SPARES_MAX = 2


class _Pending(Struct):
    fd: int
    offset: int
    data: list[bytes]


class Wal:
    """Appends records and recycles files.

    Invariants: `durable_lsn` <= `last_lsn`; what `sync` returned for is on disk; files in
    `_files` are in order of generation, the last one is open and has room or is full.
    After StoppedError no method appends again.
    """

    def __init__(self, directory: Path, ledger_id: bytes, file_bytes: int, disk: PosixDisk) -> None:
        self._directory = directory
        self._ledger_id = ledger_id
        self._file_bytes = file_bytes
        self._disk = disk
        self._files: list[WalFile] = []
        self._fd = -1
        self._offset = 0
        self._size = 0
        self._pending: list[_Pending] = []
        self._last_hash = NO_HASH
        self.last_lsn = 0
        self.durable_lsn = 0
        self._spare_lock = threading.Lock()
        self._workers: list[threading.Thread] = []

    # --- opening ---------------------------------------------------------------------------------

    def resume(self, scan: WalScan) -> None:
        """Go on behind a chain that was read to its end, zeroing a torn tail.

        Raises IntegrityError for a break at or below the durable mark (rule 4 of `wal_scan`);
        the caller has already raised `scan.durable_lsn` to what the signed head covers.
        """
        self._files = list(scan.files)
        self.last_lsn = self.durable_lsn = scan.last_lsn
        self._last_hash = scan.last_hash or NO_HASH
        _check_breaks(scan)
        for path in self._leftovers():
            path.unlink()
        for broken in scan.breaks:
            self._heal(broken.path, broken.offset)
        for file in self._files:  # what a killed process left in the page cache
            self._settle(file, scan.doubtful.get(file.path))
        if self._files:
            last = self._files[-1]
            self._fd = os.open(last.path, os.O_RDWR | os.O_CLOEXEC)
            self._offset, self._size = last.end, os.fstat(self._fd).st_size

    def _settle(self, file: WalFile, start: int | None) -> None:
        fd = os.open(file.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if start is not None:
                start = start if start > FILE_HEADER_BYTES else 0
                self._disk.write_at(fd, os.pread(fd, file.end - start, start), start)
            self._disk.sync_data(fd)
        finally:
            os.close(fd)

    def _leftovers(self) -> list[Path]:
        folder = self._directory / WAL
        wrong = [path for path in self._spares() if path.stat().st_size != self._file_bytes]
        return [*folder.glob("*.tmp"), *folder.glob("*.dirty"), *wrong]

    def _heal(self, path: Path, offset: int) -> None:
        if offset < FILE_HEADER_BYTES:  # a new file whose header never became durable
            self._disk.remove(path)
            return
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._zero(fd, offset, os.fstat(fd).st_size)
            self._disk.sync_data(fd)
        finally:
            os.close(fd)

    # --- appending -------------------------------------------------------------------------------

    def append(self, body: bytes, lsn_durable: int | None = None) -> int:
        """Stage one record and return its LSN; nothing is durable before `sync`.

        Raises RefusedError when a new file is needed and the disk has no room for it.
        """
        size = RECORD_HEADER_BYTES + len(body)
        if size > self._file_bytes - FILE_HEADER_BYTES:
            raise RefusedError(f"a batch of {len(body)} bytes is larger than a write-ahead file")
        if self._fd < 0 or self._offset + size > self._size:
            self._roll()
        current = self._files[-1]
        durable = self.durable_lsn if lsn_durable is None else lsn_durable
        lsn = self.last_lsn + 1
        header, own = encode_record(
            self._ledger_id, current.header.generation, lsn, durable, self._last_hash, body
        )
        if not self._pending or self._pending[-1].fd != self._fd:
            self._pending.append(_Pending(self._fd, self._offset, []))
        self._pending[-1].data += (header, body)
        self._offset = current.end = self._offset + size
        current.last_lsn = self.last_lsn = lsn
        current.last_hash = self._last_hash = own
        return lsn

    def sync(self) -> None:
        """Make all staged records durable. Raises RefusedError or StoppedError (table above)."""
        pending, self._pending = self._pending, []
        for item in pending:
            data = b"".join(item.data)
            try:
                self._disk.write_at(item.fd, data, item.offset)
            except OSError as error:
                raise StoppedError(f"write-ahead log: write failed ({error})") from error
        for item in pending:
            try:
                self._disk.sync_data(item.fd)
            except OSError as error:
                raise StoppedError(
                    f"write-ahead log: fsync failed ({error}); what is on disk is unknown"
                ) from error
            if item.fd != self._fd:
                os.close(item.fd)
        self.durable_lsn = self.last_lsn

    def _roll(self) -> None:
        generation = self._files[-1].header.generation + 1 if self._files else 1
        path = self._directory / wal_path(generation)
        header = FileHeader(self._ledger_id, generation, self.last_lsn + 1, self._last_hash)
        try:
            self._take_spare(path)
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            size = os.fstat(fd).st_size
        except OSError as error:
            word = "disk is full" if error.errno == errno.ENOSPC else "disk failed"
            raise RefusedError(f"write-ahead log: {word} ({error}); nothing was stored") from error
        if self._fd >= 0 and not any(item.fd == self._fd for item in self._pending):
            os.close(self._fd)
        self._fd, self._size, self._offset = fd, size, FILE_HEADER_BYTES
        self._pending.append(_Pending(fd, 0, [header.encode()]))
        self._files.append(WalFile(path, header, FILE_HEADER_BYTES, self.last_lsn + 1))
        self._beside(self._keep_spare, f"spare-{generation:016d}")

    def _take_spare(self, path: Path) -> None:
        with self._spare_lock:
            spares = self._spares()
            if spares and spares[0].stat().st_size == self._file_bytes:
                self._disk.rename(spares[0], path)
            else:
                self._disk.preallocate(path, self._file_bytes)

    def _beside(self, work: Callable[..., None], *arguments: object) -> None:
        self._workers = [worker for worker in self._workers if worker.is_alive()]
        worker = threading.Thread(target=work, args=arguments, daemon=True)
        self._workers.append(worker)
        worker.start()

    def _spares(self) -> list[Path]:
        return sorted((self._directory / WAL).glob("spare-*[0-9]"))

    def _keep_spare(self, name: str) -> None:
        with self._spare_lock, contextlib.suppress(OSError):
            # When it fails, the next roll meets the full disk itself, and says so.
            if not self._spares():
                self._disk.preallocate(self._directory / WAL / name, self._file_bytes)

    # --- recycling -------------------------------------------------------------------------------

    def files(self) -> list[WalFile]:
        """Return the files of the chain, oldest first."""
        return list(self._files)

    def release(self, lsn: int) -> None:
        """Give back the files whose records are all at or below `lsn` (sealed, durable elsewhere).

        The newest file always stays: it holds the chain's end. Raises OSError; a file that could
        not be given back is still in the chain then.
        """
        while len(self._files) > 1 and self._files[0].last_lsn <= lsn:
            path = self._files[0].path
            dirty = path.with_suffix(".dirty")
            try:
                self._disk.rename(path, dirty)
            except OSError:
                if path.exists():
                    raise
            del self._files[0]
            self._beside(self._reuse, dirty)

    def _reuse(self, dirty: Path) -> None:
        with self._spare_lock:
            try:
                if len(self._spares()) >= SPARES_MAX or dirty.stat().st_size != self._file_bytes:
                    dirty.unlink()
                    return
                fd = os.open(dirty, os.O_RDWR | os.O_CLOEXEC)
                try:
                    self._zero(fd, 0, self._file_bytes)
                    self._disk.sync_data(fd)
                finally:
                    os.close(fd)
                self._disk.rename(dirty, dirty.with_name(f"spare-{dirty.stem}"))
            except OSError:
                with contextlib.suppress(OSError):
                    dirty.unlink(missing_ok=True)

    def _zero(self, fd: int, start: int, end: int) -> None:
        step = 1 << 20
        for at in range(start, end, step):
            self._disk.write_at(fd, bytes(min(step, end - at)), at)

    def close(self) -> None:
        """Close the open file; staged records that were not synced are lost."""
        for worker in self._workers:
            worker.join()
        for fd in {item.fd for item in self._pending} | ({self._fd} if self._fd >= 0 else set()):
            os.close(fd)
        self._pending, self._fd = [], -1


def _check_breaks(scan: WalScan) -> None:
    """Raise IntegrityError for a break at or below the durable mark (rule 4 of `wal_scan`)."""
    if scan.last_lsn < scan.durable_lsn:
        where = scan.breaks[0] if scan.breaks else None
        at = f"{where.path} offset {where.offset}: {where.reason}" if where else "the log ends"
        raise IntegrityError(
            f"write-ahead record {scan.last_lsn + 1} was durable and is not readable ({at}); "
            "the log stops here: run `whodid verify`, restore a copy"
        )
    for broken in scan.breaks:
        if broken.expected_lsn <= scan.durable_lsn:
            raise IntegrityError(
                f"{broken.path} offset {broken.offset}: {broken.reason}, in a part that was "
                "durable; the log stops here: run `whodid verify`, restore a copy"
            )
