"""The sealer: a follower that turns the unsealed tail into immutable files.

For each unit (entries of one aligned range of 4,096): payload blocks by retention class and one
leaf file, each written beside its place, synced, read back and compared; their keys first. Then
the sequencer puts them in their places and names them in the signed manifest. A crash before that
leaves files that nobody names, which the sequencer removes when it starts.

It recomputes every commitment that a door gave: what does not match is kept and reported, as is
a row whose payload does not open, which is in no block.
"""

import contextlib
import secrets
from collections.abc import Callable
from hashlib import sha256

from whodid.clock import Clock
from whodid.errors import IntegrityError, RefusedError
from whodid.ledger.blocks import decode_block, encode_block
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import add_keys
from whodid.ledger.layout import PAYLOAD, block_path, leaves_path
from whodid.ledger.leaves import decode_leaf_file, encode_leaf_table
from whodid.ledger.manifest import SealedFile
from whodid.ledger.reader import LedgerReader
from whodid.ledger.seal_request import SealRequest
from whodid.ledger.unit import Unit
from whodid.limits import SEAL_AFTER_S, UNIT_ROWS
from whodid.storage.posix import PosixDisk

UNITS_AT_ONCE = 16
UNIT_BYTES_MAX = 256 * 1024 * 1024
"""A unit ends early, behind the row with which its payload passes this: memory is bounded."""


class Sealer:
    """Seals what is durable. Holds the private half of the key-encryption key.

    `mismatches` grows by the index of each entry whose payload is not what its leaf commits to,
    once it is sealed. When more than `soon_entries` wait, blocks are made sooner rather than small.
    """

    def __init__(
        self,
        reader: LedgerReader,
        keys: KeyFolder,
        submit: Callable[[SealRequest], None],
        clock: Clock,
        disk: PosixDisk | None = None,
        seal_after_s: float = SEAL_AFTER_S,
        soon_entries: int | None = None,
    ) -> None:
        self._soon_entries = soon_entries
        self._seal_after_s = seal_after_s
        self._reader = reader
        self._keys = keys
        self._submit = submit
        self._clock = clock
        self._disk = disk or PosixDisk()
        self.mismatches: list[int] = []

    def run_once(self, limit: int, *, force: bool = False) -> int:
        """Seal full units below `limit` (entries known durable), a partial one when it is due.

        Returns the number of entries sealed. `force` seals a partial unit now.
        """
        reader = self._reader
        reader.refresh()
        start = reader.manifest.sealed
        end = min(limit, reader.size, (start // UNIT_ROWS + UNITS_AT_ONCE) * UNIT_ROWS)
        if not force and not self._due(start):
            end = end // UNIT_ROWS * UNIT_ROWS
        if end <= start:
            return 0
        suffix = f".{secrets.token_hex(8)}"
        files: list[SealedFile] = []
        found: list[int] = []
        hashes, at = sha256(), start
        soon = self._soon_entries is not None and limit - start > self._soon_entries
        try:
            while at < end:
                stop = min(end, (at // UNIT_ROWS + 1) * UNIT_ROWS)
                unit = self._read(at, stop)
                found += unit.mismatches()
                for path, data in self._files(unit, soon=soon):
                    files.append(self._write(path, suffix, data, at, unit.count))
                hashes.update(unit.leaf_hashes())
                reader.opened(unit)
                at = unit.end
            lsn, digest = self._released(end)
            self._submit(SealRequest(files, suffix, end, hashes.digest(), lsn, digest))
        finally:
            self._clear(files, suffix)
        self.mismatches += found
        reader.refresh()
        return end - start

    def _read(self, first: int, end: int) -> Unit:
        parts: list[Unit] = []
        size, at = 0, first
        while at < end and size <= UNIT_BYTES_MAX:
            parts.append(self._reader.unsealed(at, end))
            size, at = size + parts[-1].size_bytes(), parts[-1].end
        unit = Unit.joined(parts)
        return unit.until(UNIT_BYTES_MAX) if size > UNIT_BYTES_MAX else unit

    def _clear(self, files: list[SealedFile], suffix: str) -> None:
        for file in files:  # nothing is there any more when the sequencer took them
            with contextlib.suppress(OSError):
                (self._reader.directory / (file.path + suffix)).unlink(missing_ok=True)

    def _due(self, start: int) -> bool:
        for record in self._reader.tail_records():
            if record.end > start:
                return self._clock() - record.appended_us >= self._seal_after_s * 1e6
        return False

    def _released(self, end: int) -> tuple[int, bytes]:
        manifest = self._reader.manifest
        found = (manifest.released_lsn, manifest.released_hash)
        for record in self._reader.tail_records():
            if record.end > end:
                break
            found = (record.lsn, record.hash)
        return found

    def _files(self, unit: Unit, *, soon: bool) -> list[tuple[str, bytes]]:
        """Return (path, bytes) of the files of one unit; the keys of its blocks are durable."""
        ledger_id, first, count = self._keys.ledger_id, unit.first, unit.count
        files, keys = [], {}
        for class_ in unit.classes():
            indexes, rows = unit.of_class(class_)
            data, key_id, key = encode_block(
                ledger_id, first, count, class_, indexes, rows, soon=soon
            )
            keys[key_id] = key
            files.append((block_path(first, count, class_), data))
        add_keys(self._reader.directory, ledger_id, self._keys.public_kek(), keys)
        leaf_file = encode_leaf_table(ledger_id, first, unit.table, unit.tails)
        if not decode_leaf_file(leaf_file, leaves_path(first, count)).is_of(unit.table, unit.tails):
            raise IntegrityError(f"leaves [{first}, {first + count}) cannot be stored as they are")
        return [*files, (leaves_path(first, count), leaf_file)]

    def _write(self, path: str, suffix: str, data: bytes, first: int, count: int) -> SealedFile:
        target = self._reader.directory / (path + suffix)
        try:
            self._disk.create(target, data)
        except OSError as error:
            raise RefusedError(f"{target}: cannot be written ({error})") from error
        if target.read_bytes() != data:
            raise IntegrityError(f"{target}: what was written does not read back")
        head = decode_block(data, target).head.hex() if path.startswith(PAYLOAD + "/") else ""
        return SealedFile(path, len(data), sha256(data).hexdigest(), first, count, head)
