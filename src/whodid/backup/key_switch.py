"""The signing key of a restored ledger, and how it takes the place of the old one.

Beside the key folder `KEYS/<ledger id>` a second root is made, `KEYS/.restoring-<ledger id>/`,
whose folder has the same keys, but a new signing key. `ready` notes for which DIR it is finished.
Then, each step being harmless when it is done again:

1. New `log.vkey`, `log.key`, `instance`, `head` replace the old ones in the key folder (or the
   whole folder takes the place of none).
2. What is left of the second root is removed.

So the old private key is not on this machine any more, and no head of the old origin can be signed
here again. Copies of it elsewhere (a backup of the keys) can still sign: destroy them.
"""

import shutil
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from whodid.backup.key_file import Keys
from whodid.errors import InputError, LedgerError, UsageError, WhodidError
from whodid.ledger.keys import KeyFolder, keys_root
from whodid.ledger.signer import HEAD, read_head
from whodid.ledger.writer_lock import INSTANCE, is_writable_directory
from whodid.merkle.checkpoint import Checkpoint, Vkey
from whodid.storage.posix import PosixDisk

_READY = "ready"
_PREFIX = ".restoring-"
_SWITCHED = ("access.key", "doors.key", "log.vkey", "log.key", INSTANCE, HEAD)
_SIGNING = {"log.key", "log.vkey", HEAD, INSTANCE}


class KeySwitch:
    """One switch of keys. `old` is the key folder, `new` the one being made."""

    def __init__(self, ledger_id: bytes, root: Path | None, disk: PosixDisk) -> None:
        self._disk = disk
        self._root = root or keys_root()
        self._staging = self._root / f"{_PREFIX}{ledger_id.hex()}"
        self._source: dict[str, bytes] = {}
        self.old = KeyFolder(ledger_id, self._root)
        self.new = KeyFolder(ledger_id, self._staging)

    @classmethod
    def begin(
        cls, ledger_id: bytes, keys: Keys | None, root: Path | None, disk: PosixDisk
    ) -> "KeySwitch":
        """Find the keys of a ledger: the key folder's, or those of a file of keys.

        Raises LedgerError when there are none, UsageError when there are two different ones.
        """
        switch = cls(ledger_id, root, disk)
        if keys is not None and keys.ledger_id != ledger_id:
            raise UsageError("the file of keys is of another ledger than the backup")
        if switch.old.exists():
            folder = switch.old.path
            held = {
                path.name: path.read_bytes()
                for path in folder.iterdir()
                if path.is_file() and not path.name.endswith((".lock", ".tmp"))
            }
            if keys is not None and any(held.get(n, d) != d for n, d in keys.files.items()):
                raise UsageError(
                    f"{folder} holds other keys of this ledger than the file of keys: leave out "
                    "--keys, or set WHODID_KEYS to a new folder"
                )
            switch._source = {**(keys.files if keys else {}), **held}
        elif keys is not None:
            switch._source = dict(keys.files)
        else:
            raise LedgerError(
                f"{switch.old.path}: the keys of this ledger are not on this machine; give them "
                "with --keys, or put the folder back"
            )
        return switch

    def old_vkey(self) -> Vkey:
        """Return the old public key. Raises LedgerError, InputError."""
        try:
            return Vkey.parse(self._source["log.vkey"].decode().strip())
        except (KeyError, UnicodeDecodeError) as error:
            raise LedgerError("the keys hold no log.vkey that can be read") from error

    def signer_head(self) -> Checkpoint | None:
        """Return the last head that was signed on this machine, None when that is not known."""
        try:
            return read_head(self.old) if self.old.exists() else None
        except WhodidError:
            return None  # altered: what it says is worth nothing

    def make(self, origin: str) -> None:
        """Make the new key folder, durably. Raises InputError for an origin that is none."""
        if self._staging.exists():
            shutil.rmtree(self._staging)
        signing = Ed25519PrivateKey.generate()
        try:
            vkey = Vkey.of(origin, signing.public_key().public_bytes_raw())
        except InputError as error:
            raise UsageError(f"--origin {origin!r}: {error}") from error
        self.new.path.mkdir(parents=True, mode=0o700)
        self._staging.chmod(0o700)
        files = {name: data for name, data in self._source.items() if name not in _SIGNING}
        files["log.key"] = signing.private_bytes_raw().hex().encode() + b"\n"
        files["log.vkey"] = vkey.encode().encode() + b"\n"
        for name, data in files.items():
            self._disk.create(self.new.path / name, data)

    def ready(self, place: Path) -> None:
        """Note that the ledger for `place` is finished: from here on a switch is only finished."""
        self._disk.create(self._staging / _READY, str(place).encode())
        self._disk.sync_folder(self._root)

    def finish(self) -> None:
        """Put the new keys in their place (1, 2)."""
        if not self.old.exists():
            self.new.path.rename(self.old.path)
        else:
            for name in _SWITCHED:
                if (self.new.path / name).exists():
                    (self.new.path / name).rename(self.old.path / name)
            self._disk.sync_folder(self.old.path)
        self._disk.sync_folder(self._root)
        shutil.rmtree(self._staging)

    def clear(self) -> None:
        """Remove the new folder, unless it is ready: then the next run finishes."""
        if not (self._staging / _READY).exists():
            shutil.rmtree(self._staging, ignore_errors=True)

    @classmethod
    def finish_interrupted(
        cls, place: Path, root: Path | None, disk: PosixDisk
    ) -> KeyFolder | None:
        """Finish a switch that was stopped when DIR was in its place already; return its keys."""
        for staging in sorted((root or keys_root()).glob(f"{_PREFIX}*")):
            ready = staging / _READY
            if not ready.is_file() or ready.read_text() != str(place) or not place.is_dir():
                continue
            try:
                switch = cls(bytes.fromhex(staging.name.removeprefix(_PREFIX)), root, disk)
            except ValueError:
                continue
            moved = switch.new if (switch.new.path / INSTANCE).exists() else switch.old
            if is_writable_directory(moved, place):
                switch.finish()
                return switch.old
        return None
