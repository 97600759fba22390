"""State of detection on disk: DIR/detection/NAME, replaced whole, encrypted, under a MAC.

    magic 8B · ledger id 16B · u16 version of the key-encryption key · salt 32B · the rest:
    AES-256-GCM of zstd-compressed bytes, its AAD all before it and the name of the file

The key is HMAC-SHA256 of the salt and the ledger under the private key-encryption key, which the
doors do not read: whoever can write DIR alone can take a state away or put an older one back, not
write one. It is not fsynced: what a power failure tears does not decrypt, and state is derived.
"""

import hmac
import secrets
import struct
from hashlib import sha256
from pathlib import Path

import zstandard

from whodid.errors import IntegrityError
from whodid.index.whole_file import write_file
from whodid.ledger import frame
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import DETECTION, check_magic, magic
from whodid.limits import DETECTION_STATE_BYTES_MAX

STATE = magic(b"D")
_HEADER = struct.Struct(">8s16sH32s")
_INFO = b"whodid/detection/v1"
_LEVEL = 1


class StateFile:
    """One file of DIR/detection. Invariant: what is read was written with this ledger's keys."""

    def __init__(self, directory: Path, keys: KeyFolder, name: str) -> None:
        self.path = directory / DETECTION / name
        self._ledger_id = keys.ledger_id
        self._keks = {version: kek.private for version, kek in keys.keks().items()}

    def read(self) -> bytes | None:
        """Return what was kept, None when there is nothing.

        Raises IntegrityError for what is torn, altered, foreign or too large.
        """
        try:
            with self.path.open("rb") as file:
                data = file.read(DETECTION_STATE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IntegrityError(f"{self.path}: cannot be read ({error})") from error
        if not _HEADER.size < len(data) <= DETECTION_STATE_BYTES_MAX:
            raise IntegrityError(f"{self.path}: cut short, or too large")
        check_magic(data, STATE, self.path.name)
        head, sealed = data[: _HEADER.size], data[_HEADER.size :]
        _, ledger, version, salt = _HEADER.unpack(head)
        if ledger != self._ledger_id:
            raise IntegrityError(f"{self.path}: belongs to another ledger")
        try:
            plain = frame.decrypt(self._key(version, salt), 0, self._aad(head), sealed)
        except IntegrityError as error:
            raise IntegrityError(f"{self.path}: torn, or not written with these keys") from error
        size = zstandard.frame_content_size(plain)
        if not 0 <= size <= DETECTION_STATE_BYTES_MAX:
            raise IntegrityError(f"{self.path}: larger than what is kept")
        return zstandard.ZstdDecompressor().decompress(plain, max_output_size=max(size, 1))

    def write(self, plain: bytes) -> None:
        """Keep something in place of what was there. Raises OSError, IntegrityError."""
        version, salt = max(self._keks, default=0), secrets.token_bytes(32)
        head = _HEADER.pack(STATE, self._ledger_id, version, salt)
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(plain)
        sealed = frame.encrypt(self._key(version, salt), 0, self._aad(head), packed)
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        write_file(self.path, head + sealed)

    def set_aside(self) -> None:
        """Keep a damaged file under another name, in place of one that was kept so before."""
        try:
            self.path.replace(self.path.with_name(self.path.name + ".damaged"))
        except FileNotFoundError:
            return

    def _aad(self, head: bytes) -> bytes:
        return head + self.path.name.encode()

    def _key(self, version: int, salt: bytes) -> bytes:
        kek = self._keks.get(version)
        if kek is None:
            raise IntegrityError(
                f"{self.path}: key-encryption key {version} is not in the key folder"
            )
        return hmac.digest(kek, _INFO + self._ledger_id + salt, sha256)
