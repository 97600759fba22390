"""The note `backup` in a backup: which ledger it is of, the head that it holds, and its files.

A C2SP signed note by the log's key; its body, line by line:

    whodid backup 1
    origin <origin>
    ledger <ledger id, hex>
    head <size> <root, hex>
    made <µs since 1970>
    file <path> <bytes> <sha256>     each file but the sealed ones, which the manifest names

It is a backup's mark: a folder that has it is no ledger to go on with, and need not reach what was
signed after it was made.
"""

from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.layout import BACKUP, FORMAT, unknown_format
from whodid.ledger.signed_file import read_signed
from whodid.merkle.checkpoint import Vkey


class BackupFile(Struct, frozen=True):
    """A file that the manifest does not name, as it is in the backup."""

    path: str
    size_bytes: int
    sha256: str


class BackupNote(Struct, frozen=True):
    """What a backup says of itself."""

    origin: str
    ledger_id: bytes
    size: int
    root: bytes
    made_us: int
    files: tuple[BackupFile, ...]

    def body(self) -> str:
        """Return the text that is signed."""
        lines = (
            f"whodid backup {FORMAT}",
            f"origin {self.origin}",
            f"ledger {self.ledger_id.hex()}",
            f"head {self.size} {self.root.hex()}",
            f"made {self.made_us}",
            *(f"file {file.path} {file.size_bytes} {file.sha256}" for file in self.files),
        )
        return "".join(f"{line}\n" for line in lines)


def parse_backup_note(body: str, name: object = BACKUP) -> BackupNote:
    """Read the body of a backup's note. Raises FormatError or IntegrityError."""
    try:
        first, origin, ledger, head, made, *files = body.rstrip("\n").split("\n")
        if not first.startswith("whodid backup "):
            raise IntegrityError(f"{name}: not the note of a backup")
        if first != f"whodid backup {FORMAT}":
            raise unknown_format(name, first)
        size, root = _word(head, "head").split(" ")
        note = BackupNote(
            _word(origin, "origin"), bytes.fromhex(_word(ledger, "ledger")), int(size),
            bytes.fromhex(root), int(_word(made, "made")), tuple(_file(line) for line in files),
        )  # fmt: skip
    except ValueError as error:
        raise IntegrityError(f"{name}: a backup's note that does not parse ({error})") from error
    if note.body() != body:
        raise IntegrityError(f"{name}: not the one spelling of what it says")
    return note


def _word(line: str, key: str) -> str:
    if not line.startswith(key + " "):
        raise ValueError(f"expected a line '{key} …'")
    return line[len(key) + 1 :]


def _file(line: str) -> BackupFile:
    path, size, digest = _word(line, "file").split(" ")
    if not path or "/" in path or path.startswith("."):
        raise ValueError(f"path {path[:60]!r} is not that of a file in the backup's folder")
    return BackupFile(path, int(size), digest)


def read_backup_note(directory: Path, vkey: Vkey | None) -> BackupNote | None:
    """Return what a folder says of itself, None when it is no backup.

    The signature is checked when the public key is given. Raises IntegrityError or FormatError.
    """
    path = directory / BACKUP
    body = read_signed(path, vkey)
    return None if body is None else parse_backup_note(body, path)
