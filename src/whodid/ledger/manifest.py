"""The manifest: the signed list of sealed files.

A C2SP signed note; its body, line by line:

    whodid manifest 2
    origin <origin>
    ledger <ledger id, hex>
    sealed <entries that are in sealed files>
    released <LSN> <hash, hex>      last write-ahead record that is no longer needed
    chapter <path> <sha256> <first> <end>
    file <path> <bytes> <sha256> <first> <count> [<sha256 of the head, of a payload block>]

Older file lines are moved to chapters of 1,024 (`manifest-<n>`, each named by its hash), so that
the part that is signed again at each sealing stays small. In format 1 no line had the hash of a
head; such a manifest is read, and its chapters stay as they are.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.layout import MANIFEST, unknown_format
from whodid.ledger.wal_record import NO_HASH
from whodid.merkle.checkpoint import Vkey, parse_note, verify_note

CHAPTER_FILES = 1024
_FORMAT = 2
_FORMATS = {f"whodid manifest {number}": number for number in (1, _FORMAT)}


class SealedFile(Struct, frozen=True):
    """One sealed file: `path` relative to DIR, entries [first, first+count).

    `head` is the SHA-256 of what stands before the frames of a block, "" of another file and of a
    block of format 1.
    """

    path: str
    size_bytes: int
    sha256: str
    first: int
    count: int
    head: str = ""

    def line(self) -> str:
        """Return the manifest's line."""
        line = f"file {self.path} {self.size_bytes} {self.sha256} {self.first} {self.count}"
        return f"{line} {self.head}" if self.head else line


class Chapter(Struct, frozen=True):
    """A file of 1,024 file lines."""

    path: str
    sha256: str
    first: int
    end: int

    def line(self) -> str:
        """Return the manifest's line."""
        return f"chapter {self.path} {self.sha256} {self.first} {self.end}"


class Manifest(Struct, frozen=True):
    """What is sealed. Files are in order of `first`; `sealed` is the end of the last.

    `format` is that of its text.
    """

    origin: str
    ledger_id: bytes
    sealed: int = 0
    released_lsn: int = 0
    released_hash: bytes = NO_HASH
    chapters: tuple[Chapter, ...] = ()
    files: tuple[SealedFile, ...] = ()
    format: int = _FORMAT

    def body(self) -> str:
        """Return the text that is signed."""
        return "".join(
            f"{line}\n"
            for line in (
                f"whodid manifest {self.format}",
                f"origin {self.origin}",
                f"ledger {self.ledger_id.hex()}",
                f"sealed {self.sealed}",
                f"released {self.released_lsn} {self.released_hash.hex()}",
                *(chapter.line() for chapter in self.chapters),
                *(file.line() for file in self.files),
            )
        )


def parse_manifest(body: str, name: object = MANIFEST) -> Manifest:
    """Read a manifest body. Raises FormatError (newer format) or IntegrityError."""
    try:
        first, origin, ledger, sealed, released, *rest = body.rstrip("\n").split("\n")
        if not first.startswith("whodid manifest "):
            raise IntegrityError(f"{name}: not a manifest")
        if first not in _FORMATS:
            raise unknown_format(name, first, _FORMAT)
        chapters, files = _parse_lines(rest)
        lsn, digest = _word(released, "released").split(" ")
        return Manifest(
            _word(origin, "origin"), bytes.fromhex(_word(ledger, "ledger")),
            int(_word(sealed, "sealed")), int(lsn), bytes.fromhex(digest), chapters, files,
            _FORMATS[first],
        )  # fmt: skip
    except ValueError as error:
        raise IntegrityError(f"{name}: a manifest that does not parse ({error})") from error


def _word(line: str, key: str) -> str:
    if not line.startswith(key + " "):
        raise ValueError(f"expected a line '{key} …'")
    return line[len(key) + 1 :]


def _parse_lines(lines: list[str]) -> tuple[tuple[Chapter, ...], tuple[SealedFile, ...]]:
    chapters, files = [], []
    for line in lines:
        match line.split(" "):
            case ["chapter", path, digest, first, end]:
                chapters.append(Chapter(_plain(path), digest, int(first), int(end)))
            case ["file", path, size, digest, first, count, *head] if len(head) <= 1:
                file = SealedFile(_plain(path), int(size), digest, int(first), int(count), *head)
                files.append(file)
            case _:
                raise ValueError(f"unknown line {line[:60]!r}")
    return tuple(chapters), tuple(files)


def _plain(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"path {path!r} leaves the ledger")
    return path


def read_manifest(directory: Path, vkey: Vkey | None) -> Manifest:
    """Read DIR's manifest; its signature is checked when the public key is given.

    Raises IntegrityError (also when the file is missing) or FormatError.
    """
    path = directory / MANIFEST
    try:
        text = path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path}: no manifest here; is this a ledger? ({error})") from error
    body = verify_note(text, vkey) if vkey else parse_note(text)[0]
    return parse_manifest(body, path)


def read_chapter(directory: Path, chapter: Chapter) -> tuple[SealedFile, ...]:
    """Return the files that a chapter lists.

    Raises IntegrityError when it is missing or altered.
    """
    path = directory / chapter.path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path}: a chapter of the manifest is missing") from error
    if hashlib.sha256(data).hexdigest() != chapter.sha256:
        raise IntegrityError(f"{path}: a chapter of the manifest is altered")
    try:
        return _parse_lines(data.decode().splitlines())[1]
    except ValueError as error:
        raise IntegrityError(f"{path}: {error}") from error


def all_files(directory: Path, manifest: Manifest) -> Iterator[SealedFile]:
    """Yield every sealed file, chapters first. Raises IntegrityError for an altered chapter."""
    for chapter in manifest.chapters:
        yield from read_chapter(directory, chapter)
    yield from manifest.files


def with_files(
    manifest: Manifest, new: list[SealedFile], sealed: int, released: tuple[int, bytes]
) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest with more files, and the chapters to write before it (path → bytes)."""
    files = [*manifest.files, *new]
    chapters, writes = list(manifest.chapters), {}
    while len(files) >= 2 * CHAPTER_FILES:
        part, files = files[:CHAPTER_FILES], files[CHAPTER_FILES:]
        data = "".join(file.line() + "\n" for file in part).encode()
        path = f"{MANIFEST}-{len(chapters):08d}"
        end = max(file.first + file.count for file in part)
        chapters.append(Chapter(path, hashlib.sha256(data).hexdigest(), part[0].first, end))
        writes[path] = data
    lsn, digest = released
    changed = Manifest(
        manifest.origin, manifest.ledger_id, sealed, lsn, digest, tuple(chapters), tuple(files)
    )
    return changed, writes
