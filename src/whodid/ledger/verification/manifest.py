"""Step 2 of `verify`: the manifest, its chapters, and the files that it names or forgets.

1. The signature is good, the text is the one spelling of what it says, the ledger is this one.
2. Leaf files and blocks have the names of their ranges; leaf files follow each other from entry 0
   to `sealed`; a block lies in the range of a leaf file.
3. A file in leaves/ or payload/ that nobody names is a warning: a crash leaves such. (A missing
   one is a fault of step 3 or 6, which open it.)
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from whodid.errors import WhodidError
from whodid.ledger.layout import LEAVES, MANIFEST, PAYLOAD, leaves_path
from whodid.ledger.manifest import Manifest, SealedFile, parse_manifest, read_chapter
from whodid.ledger.verification.verdict import Findings
from whodid.merkle.checkpoint import Vkey, parse_note, verify_note

_BLOCK = re.compile(PAYLOAD + r"/(\d{16})-(\d{4})-(?:0|[1-9]\d{0,4})")
_CHAPTER = re.compile(MANIFEST + r"-\d{8}")


class Unit(Struct):
    """A leaf file and the blocks of its range."""

    leaves: SealedFile
    blocks: list[SealedFile] = []


def read_signed_manifest(directory: Path, vkey: Vkey | None, findings: Findings) -> Manifest | None:
    """Read and check the manifest's own text (1). One that is not signed well is still used."""
    path = directory / MANIFEST
    try:
        note = path.read_bytes()
    except OSError as error:
        findings.fault(MANIFEST, None, f"cannot be read ({error})")
        return None
    body: str | None = None
    try:
        body = parse_note(note)[0]
        if vkey is not None:
            verify_note(note, vkey)
    except WhodidError as error:
        findings.fault(MANIFEST, None, str(error))
        if body is None:
            return None
    try:
        manifest = parse_manifest(body, MANIFEST)
    except WhodidError as error:
        findings.fault(MANIFEST, None, str(error))
        return None
    if manifest.body() != body:
        findings.fault(MANIFEST, None, "not the one spelling of what it says")
    return manifest


def read_units(directory: Path, manifest: Manifest, findings: Findings) -> list[Unit]:
    """Return the sealed units in order (2)."""
    units: list[Unit] = []
    blocks: list[SealedFile] = []
    named: set[str] = set()
    for file in _files(directory, manifest, findings):
        if file.path in named:
            findings.fault(MANIFEST, file.first, f"names {file.path} twice")
            continue
        named.add(file.path)
        if file.path == leaves_path(file.first, file.count):
            end = units[-1].leaves.first + units[-1].leaves.count if units else 0
            if file.first != end or not file.count:
                findings.fault(file.path, end, f"does not continue the leaf files up to {end}")
                continue
            units.append(Unit(file))
        elif _is_block(file):
            blocks.append(file)
        else:
            findings.fault(MANIFEST, file.first, f"{file.path[:80]} is no name of its range")
    end = units[-1].leaves.first + units[-1].leaves.count if units else 0
    if end != manifest.sealed:
        problem = f"says that {manifest.sealed} entries are sealed, its leaf files hold {end}"
        findings.fault(MANIFEST, end, problem)
    _place(units, blocks, findings)
    _unnamed(directory, manifest, named, findings)
    return units


def _files(directory: Path, manifest: Manifest, findings: Findings) -> Iterator[SealedFile]:
    for number, chapter in enumerate(manifest.chapters):
        if chapter.path != f"{MANIFEST}-{number:08d}":
            findings.fault(MANIFEST, chapter.first, f"chapter {number} has another name")
            continue
        try:
            yield from read_chapter(directory, chapter)
        except WhodidError as error:
            findings.fault(chapter.path, chapter.first, str(error))
    yield from manifest.files


def _is_block(file: SealedFile) -> bool:
    match = _BLOCK.fullmatch(file.path)
    return match is not None and (int(match[1]), int(match[2])) == (file.first, file.count)


def _place(units: list[Unit], blocks: list[SealedFile], findings: Findings) -> None:
    by_range = {(unit.leaves.first, unit.leaves.count): unit for unit in units}
    for block in blocks:
        unit = by_range.get((block.first, block.count))
        if unit is None:
            findings.fault(block.path, block.first, "a block whose leaf file is not named")
        else:
            unit.blocks.append(block)


def _unnamed(directory: Path, manifest: Manifest, named: set[str], findings: Findings) -> None:
    for folder in (LEAVES, PAYLOAD):
        found = sorted((directory / folder).iterdir()) if (directory / folder).is_dir() else []
        for path in found:
            name = f"{folder}/{path.name}"
            if name not in named:
                findings.warn(f"{name}: no manifest names it; a crash may have left it")
    chapters = {chapter.path for chapter in manifest.chapters}
    for path in sorted(directory.glob(f"{MANIFEST}*")):
        if path.name == MANIFEST or path.name in chapters:
            continue
        if _CHAPTER.fullmatch(path.name) or path.suffix == ".tmp":
            findings.warn(f"{path.name}: no manifest names it; a crash may have left it")
