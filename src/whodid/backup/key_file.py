"""The keys of a ledger in one file, encrypted under a passphrase.

    magic 8B (`whodid` `K` 1) · u8 log2 of scrypt's work · salt 16B · nonce 12B · AES-256-GCM(
    key = scrypt(passphrase, salt, n = 2^work, r = 8, p = 1), plaintext, AAD = all before it)

Plaintext: msgpack of {ledger_id, origin, files: {name: bytes}}. Left out is what belongs to one
machine and one moment: the signer's head, the writable folder's name, locks.

It opens everything: keep it apart from the backups of the ledger, and destroy old ones.
"""

import re
import secrets
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from msgspec import Struct

from whodid.errors import AccessDeniedError, InputError, TooLargeError, UsageError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import KEY_FILE, check_magic
from whodid.ledger.signer import HEAD
from whodid.ledger.writer_lock import INSTANCE
from whodid.limits import KEY_FILE_BYTES_MAX, KEY_FILE_SCRYPT_LOG2, PASSPHRASE_CHARS_MIN
from whodid.storage.posix import PosixDisk

_HEADER_BYTES = 8 + 1 + 16 + 12
_LOG2_SANE = range(10, 19)
"""Of a stranger's file: at most 256 MiB of memory."""
_HERE_ONLY = {HEAD, INSTANCE}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Keys(Struct, frozen=True):
    """The contents of a file of keys."""

    ledger_id: bytes
    origin: str
    files: dict[str, bytes]


def write_key_file(path: Path, keys: KeyFolder, passphrase: str, disk: PosixDisk) -> None:
    """Write the keys of a ledger, encrypted, durably. Raises UsageError, OSError."""
    if len(passphrase) < PASSPHRASE_CHARS_MIN:
        raise UsageError(f"a passphrase has at least {PASSPHRASE_CHARS_MIN} characters")
    if path.exists():
        raise UsageError(f"{path} exists; a file of keys is not written over, choose another name")
    files = {
        file.name: file.read_bytes()
        for file in sorted(keys.path.iterdir())
        if file.is_file() and file.name not in _HERE_ONLY and _is_key(file.name)
    }
    content = Keys(keys.ledger_id, keys.vkey().name, files)
    header = KEY_FILE + bytes([KEY_FILE_SCRYPT_LOG2]) + secrets.token_bytes(16 + 12)
    key = _derive(passphrase, header)
    body = AESGCM(key).encrypt(header[-12:], msgspec.msgpack.encode(content), header)
    disk.create(path, header + body)


def _is_key(name: str) -> bool:
    return not name.endswith((".lock", ".tmp")) and _NAME.fullmatch(name) is not None


def read_key_file(path: Path, passphrase: str) -> Keys:
    """Open a file of keys.

    Raises InputError for what is none, AccessDeniedError for a wrong passphrase or altered bytes.
    """
    try:
        if path.stat().st_size > KEY_FILE_BYTES_MAX:
            raise TooLargeError(f"{path}: no file of keys (more than {KEY_FILE_BYTES_MAX} bytes)")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    check_magic(data, KEY_FILE, path)
    header, body = data[:_HEADER_BYTES], data[_HEADER_BYTES:]
    if len(header) < _HEADER_BYTES or header[8] not in _LOG2_SANE:
        raise InputError(f"{path}: not a whole file of keys")
    try:
        plain = AESGCM(_derive(passphrase, header)).decrypt(header[-12:], body, header)
        keys = msgspec.msgpack.decode(plain, type=Keys)
    except InvalidTag as error:
        raise AccessDeniedError(f"{path}: wrong passphrase, or the file was altered") from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: keys that do not decode ({error})") from error
    if any(not _is_key(name) for name in keys.files) or len(keys.ledger_id) != 16:
        raise InputError(f"{path}: holds a file of a strange name")
    return keys


def _derive(passphrase: str, header: bytes) -> bytes:
    salt, work = header[9:25], 1 << header[8]
    return Scrypt(salt=salt, length=32, n=work, r=8, p=1).derive(passphrase.encode())
