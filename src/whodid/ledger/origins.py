"""Origins: what a ledger that was restored from a backup was before.

A restored ledger goes on in the same tree, with the same ledger id, under a new origin and a new
signing key, so that no head of it can be taken for one of the log that was lost. Its first new
entry (type 10) says in its tail what the old origin ended with here, one line of text:

    restart <old origin> <size> <root, hex> <old public key> <signed size> <signed root, hex>

`size` and `root` are the head of the backup; *signed* is the last head that the old origin is
known to have signed (of the signer, if its folder survived), else the same. The file `origins`
holds these lines, oldest first, as a signed note of the newest key:

    whodid origins 1
    ledger <ledger id, hex>
    restart …

so that a verifier knows which older keys may have signed a checkpoint before it has read the log;
each line must be the tail of the entry at `size`, and each such entry have its line.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.errors import IntegrityError, WhodidError
from whodid.ledger.layout import FORMAT, ORIGINS, unknown_format
from whodid.ledger.signed_file import read_signed
from whodid.merkle.checkpoint import Checkpoint, Vkey


class Restart(Struct, frozen=True):
    """What an origin ended with when its ledger was restored from a backup."""

    origin: str
    size: int
    root: bytes
    vkey: Vkey
    signed_size: int
    signed_root: bytes

    @property
    def lost(self) -> int:
        """Return how many entries are known to have been signed and are not here."""
        return max(self.signed_size - self.size, 0)

    def head(self) -> Checkpoint:
        """Return the head of the backup."""
        return Checkpoint(self.origin, self.size, self.root)

    def line(self) -> str:
        """Return the line: of the file, and the tail of the entry."""
        return (
            f"restart {self.origin} {self.size} {self.root.hex()} {self.vkey.encode()} "
            f"{self.signed_size} {self.signed_root.hex()}"
        )


class Origins(Struct, frozen=True):
    """The file `origins`."""

    ledger_id: bytes
    restarts: tuple[Restart, ...] = ()

    def body(self) -> str:
        """Return the text that is signed."""
        head = f"whodid origins {FORMAT}\nledger {self.ledger_id.hex()}\n"
        return head + "".join(f"{restart.line()}\n" for restart in self.restarts)

    def vkeys(self) -> dict[str, Vkey]:
        """Return the older origins' public keys."""
        return {restart.origin: restart.vkey for restart in self.restarts}


def parse_restart(line: str, name: object = ORIGINS) -> Restart:
    """Read a line. Raises IntegrityError for anything else, or another spelling."""
    try:
        word, origin, size, root, vkey, signed_size, signed_root = line.split(" ")
        restart = Restart(
            origin, int(size), bytes.fromhex(root), Vkey.parse(vkey),
            int(signed_size), bytes.fromhex(signed_root),
        )  # fmt: skip
        restart.head()
        if word != "restart" or restart.line() != line or restart.vkey.name != origin:
            raise ValueError("not the one spelling of what it says")
    except (ValueError, WhodidError) as error:
        raise IntegrityError(f"{name}: a restart that does not parse ({error})") from error
    return restart


def parse_origins(body: str, name: object = ORIGINS) -> Origins:
    """Read the body of the file. Raises FormatError or IntegrityError."""
    first, _, rest = body.partition("\n")
    if not first.startswith("whodid origins "):
        raise IntegrityError(f"{name}: not a list of origins")
    if first != f"whodid origins {FORMAT}":
        raise unknown_format(name, first)
    ledger, _, lines = rest.partition("\n")
    try:
        ledger_id = bytes.fromhex(ledger.removeprefix("ledger "))
    except ValueError as error:
        raise IntegrityError(f"{name}: origins of no ledger ({error})") from error
    restarts = tuple(parse_restart(line, name) for line in lines.split("\n")[:-1])
    origins = Origins(ledger_id, restarts)
    sizes = [restart.size for restart in restarts]
    names = {restart.origin for restart in restarts}
    if origins.body() != body or sorted(set(sizes)) != sizes or len(names) != len(sizes):
        raise IntegrityError(f"{name}: origins that do not follow each other")
    return origins


def read_origins(directory: Path, vkey: Vkey | None) -> Origins | None:
    """Return the origins of a ledger that was restored, None of one that was not.

    The signature is checked when the public key is given. Raises IntegrityError or FormatError.
    """
    path = directory / ORIGINS
    body = read_signed(path, vkey)
    return None if body is None else parse_origins(body, path)


def restart_groups(restart: Restart, origin: str, reason: str) -> tuple[bytes, ...]:
    """Return the eight groups of the entry: group 7 says what happened, for people."""
    said = {
        "op": "restart", "origin": origin, "before": restart.origin, "size": restart.size,
        "lost": restart.lost, "reason": reason,
    }  # fmt: skip
    return (b"", b"", b"", b"", b"", b"", msgspec.json.encode(said), b"")
