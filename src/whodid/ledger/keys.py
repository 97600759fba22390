"""Keys of a ledger, outside DIR, found from any copy by the ledger id.

The key folder `${WHODID_KEYS:-~/.local/share/whodid/keys}/<ledger id>/` holds

    log.key       Ed25519 private key of the log        log.vkey   its public half (signed note)
    kek-N.key     X25519 private key-encryption key     kek-N.pub  its public half
    identity.key  secret behind identity and content tags
    access.key    signs users, sessions and read tokens in state.db (`state_binding`)
    doors.key     signs sources and write tokens there
    head          the signer's last signed head         writer.lock, instance   the one writable DIR

A door needs only `kek-N.pub`, `identity.key` and `doors.key`: what it wrote it cannot read back,
and it can make no user.

Wrapping (80 bytes): ephemeral X25519 public key ‖ AES-256-GCM(HKDF-SHA256(shared secret,
info = "whodid/wrap/v1" ‖ ephemeral ‖ recipient), nonce 0, data key, AAD = context).
"""

import contextlib
import os
import re
import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from whodid.errors import IntegrityError, LedgerError
from whodid.merkle.checkpoint import Vkey
from whodid.storage.posix import PosixDisk

WRAPPED_BYTES = 80
_ACCESS_KEY = "access.key"
_DOORS_KEY = "doors.key"
_KEK_NAME = re.compile(r"kek-(\d+)\.pub")


def keys_root() -> Path:
    """Return the folder of all key folders (`WHODID_KEYS`, else the user's data folder)."""
    default = "~/.local/share/whodid/keys"
    return Path(os.environ.get("WHODID_KEYS") or default).expanduser()


class PublicKek(Struct, frozen=True):
    """Public half of a key-encryption key: wraps data keys."""

    version: int
    public: bytes

    def wrap(self, data_key: bytes, context: bytes) -> bytes:
        """Wrap a 32-byte key to this recipient; `context` says what it is for."""
        ephemeral = X25519PrivateKey.generate()
        public = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.public))
        key = _derive(shared, public, self.public)
        return public + AESGCM(key).encrypt(bytes(12), data_key, context)


class Kek(Struct, frozen=True):
    """A key-encryption key whole: unwraps data keys."""

    version: int
    private: bytes

    def public(self) -> PublicKek:
        """Return the half that wraps."""
        return PublicKek(self.version, _halves(self.private)[1])

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Open a wrapped key. Raises IntegrityError when it is altered or for another key."""
        private, own = _halves(self.private)
        try:
            shared = private.exchange(X25519PublicKey.from_public_bytes(wrapped[:32]))
            key = _derive(shared, wrapped[:32], own)
            return AESGCM(key).decrypt(bytes(12), wrapped[32:], context)
        except (InvalidTag, ValueError) as error:
            raise IntegrityError("a wrapped key that does not open with this key folder") from error


@lru_cache(maxsize=16)
def _halves(private: bytes) -> tuple[X25519PrivateKey, bytes]:
    """Return the private half ready for use, and the public one: half of the time of `unwrap`."""
    ready = X25519PrivateKey.from_private_bytes(private)
    return ready, ready.public_key().public_bytes_raw()


def _derive(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    info = b"whodid/wrap/v1" + ephemeral + recipient
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(shared)


class StateKeys(Struct, frozen=True):
    """What signs the rows of state.db."""

    access: bytes
    doors: bytes


class KeyFolder:
    """The key folder of one ledger. Files are created once, never rewritten (`head` apart)."""

    def __init__(self, ledger_id: bytes, root: Path | None = None) -> None:
        self.ledger_id = ledger_id
        self.path = (root or keys_root()) / ledger_id.hex()

    @classmethod
    def create(cls, ledger_id: bytes, origin: str, root: Path | None = None) -> "KeyFolder":
        """Make a new key folder. Raises LedgerError when there is one already."""
        folder = cls(ledger_id, root)
        if folder.path.exists():
            raise LedgerError(f"{folder.path}: keys of this ledger exist already")
        folder.path.mkdir(parents=True, mode=0o700)
        disk = PosixDisk()
        signing = Ed25519PrivateKey.generate()
        kek = Kek(1, X25519PrivateKey.generate().private_bytes_raw())
        vkey = Vkey.of(origin, signing.public_key().public_bytes_raw())
        for name, content in (
            ("log.key", signing.private_bytes_raw().hex()),
            ("log.vkey", vkey.encode()),
            ("kek-1.key", kek.private.hex()),
            ("kek-1.pub", kek.public().public.hex()),
            ("identity.key", secrets.token_hex(32)),
            (_DOORS_KEY, secrets.token_hex(32)),
            (_ACCESS_KEY, secrets.token_hex(32)),
        ):
            disk.create(folder.path / name, content.encode() + b"\n")
        disk.sync_folder(folder.path.parent)
        return folder

    def exists(self) -> bool:
        """Tell whether this machine holds the keys of the ledger."""
        return (self.path / "identity.key").is_file() or (self.path / "log.vkey").is_file()

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the log's private key."""
        return Ed25519PrivateKey.from_private_bytes(self._secret("log.key"))

    def vkey(self) -> Vkey:
        """Return the log's public key."""
        return Vkey.parse(self._read("log.vkey"))

    def identity_root(self) -> bytes:
        """Return the 32-byte secret behind identity and content tags."""
        return self._secret("identity.key")

    def doors_key(self) -> bytes:
        """Return the 32-byte secret that signs sources and write tokens in state.db."""
        return self._secret(_DOORS_KEY)

    def state_keys(self) -> StateKeys:
        """Return both secrets that sign rows of state.db."""
        return StateKeys(self._secret(_ACCESS_KEY), self.doors_key())

    def has_access_key(self) -> bool:
        """Tell whether state.db is bound to this folder (see `state_binding`)."""
        return (self.path / _ACCESS_KEY).is_file()

    def make_doors_key(self) -> bytes:
        """Return doors.key, made when it is missing."""
        if not (self.path / _DOORS_KEY).is_file():
            self._make(_DOORS_KEY, secrets.token_bytes(32))
        return self.doors_key()

    def make_access_key(self, secret: bytes) -> None:
        """Make access.key. Raises LedgerError when there is one."""
        if self.has_access_key():
            raise LedgerError(f"{self.path / _ACCESS_KEY}: exists already")
        self._make(_ACCESS_KEY, secret)

    def _make(self, name: str, secret: bytes) -> None:
        PosixDisk().create(self.path / name, secret.hex().encode() + b"\n")

    def public_kek(self) -> PublicKek:
        """Return the newest key-encryption key's public half."""
        version = max(self._versions(), default=0)
        if not version:
            raise LedgerError(f"{self.path}: no key-encryption key (kek-N.pub); restore the folder")
        return PublicKek(version, self._secret(f"kek-{version}.pub"))

    def keks(self) -> dict[int, Kek]:
        """Return the key-encryption keys that are here, by version.

        A private half that is not that of its public half counts as missing: what it does not
        open must not be taken for payload that nobody can open.
        """
        found = {}
        for version in self._versions():
            with contextlib.suppress(LedgerError):
                kek = Kek(version, self._secret(f"kek-{version}.key"))
                if kek.public().public == self._secret(f"kek-{version}.pub"):
                    found[version] = kek
        return found

    def kek_versions(self) -> list[int]:
        """Return the versions of the key-encryption keys, oldest first."""
        return self._versions()

    def _versions(self) -> list[int]:
        names = (_KEK_NAME.fullmatch(path.name) for path in self.path.glob("kek-*.pub"))
        return sorted(int(match[1]) for match in names if match)

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise LedgerError(
                f"{self.path / name}: cannot be read ({error}); the keys of ledger "
                f"{self.ledger_id.hex()} belong there, or set WHODID_KEYS to where they are"
            ) from error

    def _secret(self, name: str) -> bytes:
        text = self._read(name)
        try:
            secret = bytes.fromhex(text)
        except ValueError as error:
            raise LedgerError(f"{self.path / name}: not hexadecimal") from error
        if len(secret) != 32:
            raise LedgerError(f"{self.path / name}: has {len(secret)} bytes, must have 32")
        return secret


def unwrap(keks: dict[int, Kek], version: int, wrapped: bytes, context: bytes) -> bytes:
    """Open a data key with the key-encryption key of that version.

    Raises LedgerError when the version is not in the key folder (destroyed or not restored).
    """
    kek = keks.get(version)
    if kek is None:
        raise LedgerError(
            f"key-encryption key {version} is not in the key folder, or kek-{version}.key is not "
            f"the private half of kek-{version}.pub"
        )
    return kek.unwrap(wrapped, context)
