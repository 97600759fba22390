"""Attestations of replays: who replayed which ranges of which log, and signed it with his own key.

A note (C2SP signed-note) whose text is

    whodid replay 1
    <origin of the log>
    <size of the tree it was read at>
    <level> <first entry> <root of the map, hex>        a line for each range, as the log names it

A map that stands here is what the events of its range give, says who signed. The key is of this
machine and user, made at the first use: `attester.key` beside the key folders.
"""

import socket
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from whodid.errors import LedgerError
from whodid.ledger.keys import keys_root
from whodid.ledger.range_root import RangeRoot
from whodid.merkle.checkpoint import Vkey, sign_note
from whodid.storage.posix import PosixDisk

_KEY = "attester.key"


def attest(origin: str, size: int, roots: Iterable[RangeRoot]) -> tuple[str, Vkey]:
    """Return the signed note, and the key with which it is checked. Raises LedgerError."""
    lines = [f"{root.level} {root.first} {root.map_root.hex()}" for root in roots]
    body = "".join(f"{line}\n" for line in ("whodid replay 1", origin, str(size), *lines))
    key = _key()
    name = f"{''.join(socket.gethostname().split()).replace('+', '-') or 'localhost'}/attester"
    return sign_note(body, name, key), Vkey.of(name, key.public_key().public_bytes_raw())


def _key() -> Ed25519PrivateKey:
    path = keys_root() / _KEY
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = Ed25519PrivateKey.generate().private_bytes_raw()
            PosixDisk().create(path, fresh.hex().encode() + b"\n")
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))
    except (OSError, ValueError) as error:
        raise LedgerError(f"{path}: cannot be used ({error})") from error
