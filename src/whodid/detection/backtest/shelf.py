"""Columns of stretches that were read before, kept in DIR/detection/columns up to a bound.

Derived data: encrypted and sealed under the private key-encryption key as the state of detection
is (`state_file`), made again when missing, torn, altered, of another version of whodid, or when the
sealed files of its entries are others. Whoever removes the folder removes nothing but time. A file
holds values of records: it must go with the keys of the entries it was made of, and is not taken
any more once the manifest names other files for them.
"""

import contextlib
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from whodid import __version__
from whodid.detection.backtest.stretch import Column, FieldName, Stretch, read_stretch
from whodid.detection.record import NativeOf
from whodid.detection.state_file import StateFile
from whodid.errors import LedgerError, WhodidError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import DETECTION
from whodid.ledger.manifest import all_files
from whodid.ledger.reader import LedgerReader
from whodid.limits import STRETCH_FIELDS_MAX, STRETCH_ROWS, STRETCHES_BYTES_MAX

FOLDER = "columns"
_DTYPES = frozenset({"|u1", "<u2", "<u4"})


class _Kept(Struct, frozen=True):
    """What a file says. `made_of` binds it to the version of whodid and to sealed files."""

    made_of: bytes
    sent: tuple[str, bytes]
    senders: tuple[tuple[str, str], ...]
    columns: dict[str, tuple[str, bytes, tuple[bytes, ...]]]


class Shelf:
    """Stretches of one ledger. Not safe for threads; several processes may have one each.

    Invariant: what it gives is what `read_stretch` gives of the same fields.
    """

    def __init__(
        self, directory: Path, keys: KeyFolder, reader: LedgerReader, native_of: NativeOf
    ) -> None:
        self._folder = directory / DETECTION / FOLDER
        self._directory = directory
        self._keys = keys
        self._reader = reader
        self._native_of = native_of
        self._sealed = reader.manifest.sealed
        self._lines: dict[int, list[str]] = {}
        for file in all_files(directory, reader.manifest):
            end = file.first + file.count
            for number in range(file.first // STRETCH_ROWS, -(-end // STRETCH_ROWS)):
                self._lines.setdefault(number, []).append(file.line())
        self._written = False
        self.entries_read = 0
        """Entries of which columns were read from the ledger."""

    def get(self, first: int, end: int, names: Sequence[FieldName]) -> Stretch:
        """Return entries [first, end) of one stretch with columns of these fields at least.

        Raises LedgerError as reading does.
        """
        keeps = end - first == STRETCH_ROWS and end <= self._sealed
        known = self._kept(first) if keeps else None
        lacking = list(names) if known is None else known.lacks(names)
        if known is not None and not lacking:
            return known
        self.entries_read += end - first
        found = read_stretch(self._reader, first, end, lacking, self._native_of)
        if known is not None:
            found = Stretch(first, known.sent, known.senders, {**known.columns, **found.columns})
        if keeps and found.whole:
            self._keep(found, names)
        return found

    def tidy(self) -> None:
        """Remove what is beyond the bound, the longest unused first."""
        if not self._written:
            return
        with contextlib.suppress(OSError):
            found = [(path.stat(), path) for path in self._folder.iterdir()]
            size = sum(stat.st_size for stat, _ in found)
            for stat, path in sorted(found, key=lambda item: item[0].st_mtime_ns):
                if size <= STRETCHES_BYTES_MAX:
                    break
                path.unlink(missing_ok=True)
                size -= stat.st_size

    def _file(self, first: int) -> StateFile:
        return StateFile(self._directory, self._keys, f"{FOLDER}/{first:016d}")

    def _made_of(self, first: int) -> bytes:
        lines = sorted(self._lines.get(first // STRETCH_ROWS, ()))
        return sha256("\n".join((__version__, *lines)).encode()).digest()

    def _kept(self, first: int) -> Stretch | None:
        file = self._file(first)
        try:
            data = file.read()
            if data is None:
                return None
            kept = msgspec.msgpack.decode(data, type=_Kept)
            if kept.made_of != self._made_of(first):
                return None
            found = _stretch_of(first, kept)
        except (WhodidError, msgspec.DecodeError, ValueError, IndexError):
            return None
        with contextlib.suppress(OSError):
            os.utime(file.path)
        return found

    def _keep(self, stretch: Stretch, names: Sequence[FieldName]) -> None:
        columns = stretch.columns
        if len(columns) > STRETCH_FIELDS_MAX:
            columns = {name: columns[name] for name in names if name in columns}
        kept = _Kept(
            self._made_of(stretch.first), _plain(stretch.sent), stretch.senders,
            {
                msgspec.json.encode(name).decode(): (*_plain(column.codes), column.values)
                for name, column in columns.items()
            },
        )  # fmt: skip
        with contextlib.suppress(OSError, LedgerError):  # a folder that is for reading only
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file(stretch.first).write(msgspec.msgpack.encode(kept))
            self._written = True


def _plain(array: np.ndarray) -> tuple[str, bytes]:
    return array.dtype.str, array.tobytes()


def _array(dtype: str, data: bytes) -> np.ndarray:
    if dtype not in _DTYPES:
        raise ValueError("codes of a kind that was never written")
    return np.frombuffer(data, dtype=dtype)


def _stretch_of(first: int, kept: _Kept) -> Stretch:
    """Return what a file says. Raises ValueError, DecodeError for what was never written."""
    sent = _array(*kept.sent)
    columns = {
        msgspec.json.decode(name, type=FieldName): Column(_array(dtype, data), values)
        for name, (dtype, data, values) in kept.columns.items()
    }
    for codes in (sent, *(column.codes for column in columns.values())):
        if len(codes) != STRETCH_ROWS:
            raise ValueError("columns of another length")
    return Stretch(first, sent, kept.senders, columns)
