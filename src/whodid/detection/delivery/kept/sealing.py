"""Keys of the outbox: who writes DIR alone can neither read a message nor make one.

They come from the private key-encryption key, which doors do not read:

    key  = HMAC-SHA256(kek, "whodid/outbox/v1" ‖ ledger id ‖ "rows" or "bodies")
    body = u32 version of the kek ‖ 12 random bytes ‖ AES-256-GCM(key, those, JSON, AAD)
"""

import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.keys import Kek

_INFO = b"whodid/outbox/v1"
_NONCE = 12


class Sealing:
    """Seals and signs. `version` is the key-encryption key that is used now.

    Raises LedgerError when there is none.
    """

    def __init__(self, ledger_id: bytes, keks: dict[int, Kek]) -> None:
        if not keks:
            raise LedgerError("the key folder has no private key-encryption key")
        self._ledger_id = ledger_id
        self._keks = keks
        self.version = max(keks)

    def row_key(self, version: int) -> bytes | None:
        """Return what signs rows, None when that key is not here any more."""
        return self._key(version, b"rows")

    def name(self, *parts: str | int) -> str:
        """Return a name that is the same for the same parts and tells nothing about them."""
        key = self._key(min(self._keks), b"names") or b""
        text = "\0".join(map(str, parts)).encode("utf-8", "replace")
        return hmac.digest(key, text, sha256).hex()[:32]

    def seal(self, data: bytes, about: str) -> bytes:
        """Return the sealed body of what `about` names. Raises IntegrityError without keys."""
        nonce = os.urandom(_NONCE)
        sealed = self._gcm(self.version).encrypt(nonce, data, about.encode())
        return self.version.to_bytes(4, "big") + nonce + sealed

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return a body. Raises IntegrityError for one that was altered or is another's."""
        gcm = self._gcm(int.from_bytes(sealed[:4], "big"))
        try:
            return gcm.decrypt(sealed[4 : 4 + _NONCE], sealed[4 + _NONCE :], about.encode())
        except (InvalidTag, ValueError) as error:
            raise IntegrityError("outbox.db: a message that whodid did not write") from error

    def _gcm(self, version: int) -> AESGCM:
        key = self._key(version, b"bodies")
        if key is None:
            raise IntegrityError(
                f"outbox.db: key-encryption key {version} is not in the key folder"
            )
        return AESGCM(key)

    def _key(self, version: int, use: bytes) -> bytes | None:
        kek = self._keks.get(version)
        if kek is None:
            return None
        return hmac.digest(kek.private, _INFO + self._ledger_id + use, sha256)
