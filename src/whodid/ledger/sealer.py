"""The sealer: a follower that turns the unsealed tail into immutable files.

For each unit (entries of one aligned range of 4,096): payload blocks by retention class and one
leaf file, each written, synced, read back and hashed, renamed; their keys first. Then the
sequencer names them in the signed manifest. A crash before that leaves files that nobody names;
they are written again under the same name with new keys.

It recomputes every commitment that a door gave: what does not match is kept and reported.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from whodid.clock import Clock
from whodid.errors import IntegrityError
from whodid.ledger.blocks import encode_block
from whodid.ledger.frame import Rows
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import add_keys
from whodid.ledger.layout import block_path, leaves_path
from whodid.ledger.leaf import LEAF_BYTES
from whodid.ledger.leaves import encode_leaf_file
from whodid.ledger.manifest import SealedFile
from whodid.ledger.reader import LedgerReader, StoredRow
from whodid.ledger.sequencer import SealRequest
from whodid.limits import SEAL_AFTER_S, UNIT_ROWS
from whodid.merkle.commitment import commit_rows
from whodid.storage.posix import PosixDisk

UNITS_AT_ONCE = 16
_COMMITMENT = slice(LEAF_BYTES - 32, LEAF_BYTES)


class Sealer:
    """Seals what is durable. Holds the private half of the key-encryption key.

    `mismatches` grows by the index of each entry whose payload is not what its leaf commits to.
    """

    def __init__(
        self,
        reader: LedgerReader,
        keys: KeyFolder,
        submit: Callable[[SealRequest], None],
        clock: Clock,
        disk: PosixDisk | None = None,
    ) -> None:
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
        files, hashes, at = [], sha256(), start
        while at < end:
            stop = min(end, (at // UNIT_ROWS + 1) * UNIT_ROWS)
            files += self._unit(at, stop, hashes.update)
            at = stop
        lsn, digest = self._released(end)
        self._submit(SealRequest(files, end, hashes.digest(), lsn, digest))
        reader.refresh()
        return end - start

    def _due(self, start: int) -> bool:
        for record in self._reader.tail_records():
            if record.end > start:
                return self._clock() - record.appended_us >= SEAL_AFTER_S * 1e6
        return False

    def _released(self, end: int) -> tuple[int, bytes]:
        manifest = self._reader.manifest
        found = (manifest.released_lsn, manifest.released_hash)
        for record in self._reader.tail_records():
            if record.end > end:
                break
            found = (record.lsn, record.hash)
        return found

    def _unit(self, first: int, end: int, hashed: Callable[[bytes], None]) -> list[SealedFile]:
        rows = list(self._reader.rows(first, end))
        tags = self._reader.content_tags(first, end)
        self._check(rows)
        leaves = [b"\0" + row.leaf_bytes for row in rows]
        hashed(b"".join([sha256(leaf).digest() for leaf in leaves]))
        files, keys = [], {}
        for class_ in sorted({row.leaf_bytes[4:6] for row in rows}):
            chosen = [i for i, row in enumerate(rows) if row.leaf_bytes[4:6] == class_]
            number = int.from_bytes(class_, "big")
            data, key_id, key = encode_block(
                self._keys.ledger_id, first, end - first, number,
                [first + i for i in chosen],
                Rows(
                    [rows[i].seed or b"" for i in chosen],
                    [rows[i].groups or () for i in chosen],
                    [tags[i] for i in chosen],
                ),
            )  # fmt: skip
            keys[key_id] = key
            files.append((block_path(first, end - first, number), data))
        add_keys(self._reader.directory, self._keys.ledger_id, self._keys.public_kek(), keys)
        leaf_file = encode_leaf_file(self._keys.ledger_id, first, leaves)
        files.append((leaves_path(first, end - first), leaf_file))
        return [self._write(path, data, first, end - first) for path, data in files]

    def _check(self, rows: list[StoredRow]) -> None:
        seeds = [row.seed or b"" for row in rows]
        computed = commit_rows(seeds, [row.groups or () for row in rows])
        for row, commitment in zip(rows, computed, strict=True):
            if row.leaf_bytes[_COMMITMENT] != commitment:
                self.mismatches.append(row.index)

    def _write(self, path: str, data: bytes, first: int, count: int) -> SealedFile:
        target = self._reader.directory / path
        self._disk.create(target, data)
        digest = sha256(data).hexdigest()
        if sha256(_read(target)).hexdigest() != digest:
            raise IntegrityError(f"{target}: what was written does not read back")
        return SealedFile(path, len(data), digest, first, count)


def _read(path: Path) -> bytes:
    return path.read_bytes()
