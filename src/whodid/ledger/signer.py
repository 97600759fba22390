"""The signer: witness number zero. It signs only what continues the last head it signed.

The last head is kept in the key folder, outside DIR, so that an older copy of DIR or a cut tail
is found on this machine. Against a restored key folder only other witnesses help.
"""

from whodid.errors import IntegrityError, StoppedError, WhodidError
from whodid.ledger.keys import KeyFolder
from whodid.merkle.checkpoint import Checkpoint, parse_body, sign_note, verify_note
from whodid.merkle.tree import verify_consistency
from whodid.storage.posix import PosixDisk

HEAD = "head"


class Signer:
    """Holds the log's private key. Invariant: `head` on disk covers every signature given out."""

    def __init__(self, keys: KeyFolder, origin: str, disk: PosixDisk) -> None:
        self._folder = keys.path
        self._disk = disk
        self._origin = origin
        self._key = keys.signing_key()
        self.head = read_head(keys)

    def sign(self, size: int, root: bytes, proof: list[bytes]) -> str:
        """Return the signed checkpoint of this tree; the new head is durable before.

        `proof` is the consistency proof from the last head's size. Raises StoppedError when the
        tree does not continue it, OSError when the head cannot be kept; nothing is signed then.
        """
        if self.head is not None:
            try:
                verify_consistency(self.head.size, self.head.root, size, root, proof)
            except IntegrityError as error:
                raise StoppedError(
                    f"the signer refuses: a tree of {size} entries does not continue the head of "
                    f"{self.head.size} that it signed last ({error})"
                ) from error
        checkpoint = Checkpoint(self._origin, size, root)
        note = sign_note(checkpoint.body(), self._origin, self._key)
        if checkpoint != self.head:
            self._disk.create(self._folder / HEAD, note.encode())
            self.head = checkpoint
        return note

    def sign_past(self, size: int, root: bytes, proof: list[bytes]) -> str:
        """Return a signed checkpoint of a tree that the last head continues; the head stays.

        `proof` is the consistency proof from `size` to the last head. Raises IntegrityError when
        the head does not continue that tree: nothing is signed then.
        """
        if self.head is None:
            raise IntegrityError("nothing was signed yet that could continue an older tree")
        verify_consistency(size, root, self.head.size, self.head.root, proof)
        return sign_note(Checkpoint(self._origin, size, root).body(), self._origin, self._key)

    def sign_manifest(self, body: str) -> str:
        """Return the signed manifest (its first line cannot be a checkpoint's)."""
        return sign_note(body, self._origin, self._key)


def read_head(keys: KeyFolder) -> Checkpoint | None:
    """Return the last head that was signed here, None before the first.

    Raises IntegrityError for a head that is altered.
    """
    path = keys.path / HEAD
    if not path.exists():
        return None
    try:
        return parse_body(verify_note(path.read_bytes(), keys.vkey()))
    except WhodidError as error:
        raise IntegrityError(f"{path}: not a head of this ledger ({error})") from error
