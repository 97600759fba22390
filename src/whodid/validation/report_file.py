"""The report on disk: DIR/validation/report, replaced whole, under a MAC.

    whodid validation 1 <version of the key-encryption key> <HMAC-SHA256, hex>
    <JSON>

The MAC's key is derived from the private key-encryption key, which the doors do not read: whoever
can write DIR alone can take the report away or put an older one back, not write one. What an
older one hides is found again by the next round, which never trusts it (`validator`).
"""

import hmac
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import VALIDATION
from whodid.limits import VALIDATION_REPORT_BYTES_MAX
from whodid.storage.posix import PosixDisk
from whodid.validation.report import Report

_MAGIC = b"whodid validation 1 "
_INFO = b"whodid/validation/v1"
Kept = TypeVar("Kept")

_REPORT = "report"
_ASKED = "asked"
_ACKNOWLEDGED = "acknowledged"


class Acknowledged(msgspec.Struct, frozen=True):
    """Who said of which faults (their keys) that they are known; it takes the banner away."""

    by: dict[str, str] = {}


class ReportFiles:
    """The files of DIR/validation. The validator writes the report, the faces the rest.

    Invariant: nothing is returned that was not written with this ledger's keys.
    """

    def __init__(self, directory: Path, keys: KeyFolder, disk: PosixDisk | None = None) -> None:
        self.folder = directory / VALIDATION
        self._ledger_id = keys.ledger_id
        self._keks = {version: kek.private for version, kek in keys.keks().items()}
        self._disk = disk or PosixDisk()

    def report(self) -> Report | None:
        """Return the report; None when there is none. Raises IntegrityError for an altered one."""
        body = self._read(_REPORT)
        return None if body is None else self._decode(body, Report, _REPORT)

    def write_report(self, report: Report) -> None:
        """Keep the report, durably. Raises OSError, and LedgerError without private keys."""
        self._write(_REPORT, msgspec.json.encode(report))

    def acknowledged(self) -> Acknowledged:
        """Return what was acknowledged; an altered file acknowledges nothing."""
        try:
            body = self._read(_ACKNOWLEDGED)
            if body is None:
                return Acknowledged()
            return self._decode(body, Acknowledged, _ACKNOWLEDGED)
        except LedgerError:
            return Acknowledged()

    def write_acknowledged(self, acknowledged: Acknowledged) -> None:
        """Keep what was acknowledged, durably. Raises as `write_report`."""
        self._write(_ACKNOWLEDGED, msgspec.json.encode(acknowledged))

    def ask(self) -> None:
        """Ask for a round now. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        (self.folder / _ASKED).touch(mode=0o600)

    def asked(self) -> bool:
        """Tell whether somebody asked for a round."""
        return (self.folder / _ASKED).exists()

    def forget_asked(self) -> None:
        """Begin what was asked for."""
        (self.folder / _ASKED).unlink(missing_ok=True)

    def stamp(self) -> tuple[int, ...]:
        """Return numbers that change when a file does, so that readers can keep what they read."""
        found: list[int] = []
        for name in (_REPORT, _ACKNOWLEDGED, _ASKED):
            try:
                stat = (self.folder / name).stat()
            except OSError:
                found.append(0)
                continue
            found += (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        return tuple(found)

    def _mac(self, version: int, name: str, body: bytes) -> str:
        kek = self._keks.get(version)
        if kek is None:
            raise IntegrityError(
                f"{self.folder / name}: key-encryption key {version} is not in the key folder"
            )
        key = hmac.digest(kek, _INFO + self._ledger_id + name.encode(), sha256)
        return hmac.digest(key, body, sha256).hex()

    def _write(self, name: str, body: bytes) -> None:
        version = max(self._keks, default=0)
        head = b"%b%d %b\n" % (_MAGIC, version, self._mac(version, name, body).encode())
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._disk.create(self.folder / name, head + body)

    def _read(self, name: str) -> bytes | None:
        path = self.folder / name
        try:
            with path.open("rb") as file:
                data = file.read(VALIDATION_REPORT_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IntegrityError(f"{path}: cannot be read ({error})") from error
        head, _, body = data.partition(b"\n")
        words = head[len(_MAGIC) :].split(b" ")
        if not head.startswith(_MAGIC) or len(words) != 2 or not words[0].isdigit():
            raise IntegrityError(f"{path}: not a report of whodid")
        expected = self._mac(int(words[0][:9]), name, body)
        if not hmac.compare_digest(words[1], expected.encode()):
            raise IntegrityError(f"{path}: altered, it was not written with this ledger's keys")
        return body

    def _decode(self, body: bytes, kind: type[Kept], name: str) -> Kept:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, RecursionError) as error:  # of another version of whodid
            raise IntegrityError(f"{self.folder / name}: does not decode ({error})") from error
