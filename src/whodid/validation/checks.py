"""What validation looks at, in a ledger that a server is writing to meanwhile. Read-only.

A round: everything that `ledger.verify` checks, then the index against the ledger. Between rounds:

 1. The signed heads: signature, strict form; none is older than one that was seen.
 2. The published head is the root of the stored leaves, those of before and the new ones.
 3. The manifest is signed and has not become shorter.
 4. New sealed units: size, SHA-256, leaves, and payload against leaves.
 5. The write-ahead log: its chain, up to what was durable.

What is found between rounds is looked at again at once: a file may be replaced while it is read.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from whodid.errors import IntegrityError, RefusedError
from whodid.index.verify_index import compare_each
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import CHECKPOINT, MANIFEST
from whodid.ledger.manifest import Manifest
from whodid.ledger.reader import LedgerReader
from whodid.ledger.signer import HEAD
from whodid.ledger.stored import GroupRows, StoredRow
from whodid.ledger.verification.blocks import BlockJob, UnitJob, check_unit
from whodid.ledger.verification.databases import WrappedKeys, read_state
from whodid.ledger.verification.heads import Heads, read_heads
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verification.manifest import Unit, read_signed_manifest, read_units
from whodid.ledger.verification.payload import Content
from whodid.ledger.verification.verdict import Findings
from whodid.ledger.verification.wal import RecordJob, Submit, WalCheck, check_record, read_wal
from whodid.ledger.verify import Fault, Pace, Verdict, key_id_of, verify_ledger
from whodid.limits import VALIDATION_UNITS_MAX
from whodid.validation.report import Watched, key_of

_LOOKS = 3
_AGAIN_S = 0.5

Rest = Callable[[], None]


class Checks(Protocol):
    """The looks that the validator takes. Each may raise WhodidError or OSError: nothing said."""

    def everything(self, pace: Pace) -> Verdict:
        """Verify the ledger end to end."""
        ...

    def index(self, rest: Rest) -> list[str]:
        """Compare the index with the ledger: a sentence per difference."""
        ...

    def news(self, known: Watched, rest: Rest) -> tuple[Watched, list[Fault]]:
        """Look at what is new since `known`."""
        ...


class LedgerChecks:
    """The `Checks` of the ledger in DIR. `published` checks step 2; raises IntegrityError."""

    def __init__(self, directory: Path, keys: KeyFolder, published: Callable[[], None]) -> None:
        self._directory = directory
        self._keys = keys
        self._published = published

    def everything(self, pace: Pace) -> Verdict:
        """Verify the ledger end to end (see `Checks`)."""
        return verify_ledger(self._directory, keys=self._keys, processes=1, pace=pace)

    def index(self, rest: Rest) -> list[str]:
        """Compare the index with the ledger (see `Checks`)."""
        reader = _RestingReader(self._directory, self._keys, rest)
        try:
            return list(compare_each(self._directory, self._keys, reader))
        finally:
            reader.close()

    def news(self, known: Watched, rest: Rest) -> tuple[Watched, list[Fault]]:
        """Look at what is new (see `Checks`); a fault is what every look finds."""
        watched, faults = self._look(known, rest)
        for _ in range(_LOOKS - 1):
            if not faults:
                break
            time.sleep(_AGAIN_S)
            rest()
            watched, again = self._look(known, rest)
            keys = {key_of(fault) for fault in again}
            faults = [fault for fault in faults if key_of(fault) in keys]
        return watched, faults

    def _look(self, known: Watched, rest: Rest) -> tuple[Watched, list[Fault]]:
        findings = Findings()
        vkey = self._keys.vkey()
        heads = read_heads(self._directory, self._keys, vkey, None, findings)  # 1
        size, root = _newest(heads, known, findings)
        if not findings.count:
            try:
                self._published()  # 2
            except IntegrityError as error:
                findings.fault(CHECKPOINT, None, str(error))
        rest()
        manifest = read_signed_manifest(self._directory, vkey, findings)  # 3
        sealed = known.sealed
        if manifest is not None:
            if manifest.sealed < known.sealed:
                problem = f"names {manifest.sealed} sealed entries, {known.sealed} were sealed"
                findings.fault(MANIFEST, manifest.sealed, f"{problem}: an older copy was put back?")
            else:
                sealed = self._units(manifest, known.sealed, findings, rest)  # 4
            self._tail(manifest, heads, findings, rest)  # 5
        return Watched(size, root, sealed, known.at_us), findings.listed()

    def _units(self, manifest: Manifest, sealed: int, findings: Findings, rest: Rest) -> int:
        """Check new units, in order; return how far they were looked at."""
        if manifest.sealed == sealed:
            return sealed
        known = Findings()  # names of files are for the round to judge
        every = read_units(self._directory, manifest, known)
        units = [unit for unit in every if unit.leaves.first >= sealed]
        keks = self._keys.keks()
        wrapped = WrappedKeys(self._directory, manifest.ledger_id, keks, findings)
        signing = self._keys.state_keys() if self._keys.has_access_key() else None
        sources = read_state(self._directory, signing, findings).sources
        names = {source_id: (source.name, source.domain) for source_id, source in sources.items()}
        content = Content(self._keys.identity_root(), names)
        for unit in units[:VALIDATION_UNITS_MAX]:
            part = check_unit(self._job(unit, manifest.ledger_id, wrapped, content))
            findings.add(*part.faults)
            sealed = part.end
            rest()
        return sealed

    def _job(self, unit: Unit, ledger_id: bytes, wrapped: WrappedKeys, content: Content) -> UnitJob:
        blocks = []
        for file in unit.blocks:
            key_id = key_id_of(self._directory / file.path)
            key = wrapped.open(key_id, file.path, file.first) if key_id else None
            blocks.append(BlockJob(file, key))
        return UnitJob(str(self._directory), ledger_id, unit.leaves, tuple(blocks), (), content)

    def _tail(self, manifest: Manifest, heads: Heads, findings: Findings, rest: Rest) -> None:
        signed = max((head.head.size for head in heads.all()), default=0)

        def check(job: RecordJob) -> Callable[[], Part]:
            part = check_record(job)
            rest()
            return lambda: part

        submit = Submit(check)

        def view() -> WalCheck:
            now = read_signed_manifest(self._directory, None, Findings()) or manifest
            job = RecordJob("", b"", now.ledger_id, now.sealed, (), {}, Content(None, {}))
            return WalCheck(self._directory, now, signed, submit, job)

        try:
            tail = read_wal(view, findings).tail
        except RefusedError:  # written faster than it can be read: the next look, or the units
            return
        for part in tail.parts:
            findings.add(*part.faults)


def _newest(heads: Heads, known: Watched, findings: Findings) -> tuple[int, str]:
    """Compare the heads with the greatest one that was seen, and return the greatest."""
    size, root = known.size, known.root
    for where, head in ((CHECKPOINT, heads.checkpoint), (f"{HEAD} (key folder)", heads.signer)):
        if head is None:
            continue
        if head.size < known.size:
            problem = f"a head of {head.size} entries, {known.size} were published before"
            findings.fault(where, head.size, f"{problem}: was an older copy put in its place?")
        elif head.size == known.size and known.root and head.root.hex() != known.root:
            findings.fault(where, head.size, f"another root at size {head.size} than was published")
        if head.size > size:
            size, root = head.size, head.root.hex()
    return size, root


class _RestingReader(LedgerReader):
    """A reader that rests between the pieces of what it reads."""

    def __init__(self, directory: Path, keys: KeyFolder, rest: Rest) -> None:
        self._rest = rest
        super().__init__(directory, keys)

    def rows(self, first: int, end: int) -> Iterator[StoredRow]:
        """Yield rows (see `LedgerReader`)."""
        for number, row in enumerate(super().rows(first, end)):
            if number % 1024 == 0:
                self._rest()
            yield row

    def groups(self, first: int, end: int, wanted: Sequence[int]) -> Iterator[GroupRows]:
        """Yield groups (see `LedgerReader`)."""
        for rows in super().groups(first, end, wanted):
            self._rest()
            yield rows
