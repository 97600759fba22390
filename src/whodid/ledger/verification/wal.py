"""Step 4 of `verify`: the write-ahead log, read once while a server may be writing to it.

1. The chain: each record continues the LSN and the hash of the one before, from the released one
   on; files follow each other by generation. It is read by `wal_scan`.
2. Each record is a batch of this ledger; its first index continues the log; its time does not go
   back; its batch id and every verdict occur once and are known; what it dropped as a duplicate
   has an entry.
3. A break at or below the durable mark is a fault. Beyond it, what looks like a write that a crash
   cut off is a warning; lone bytes in the zeros are a fault.
4. Spare files hold zeros only; leftovers of a crash are a warning.

A writer recycles and overwrites files meanwhile, so what looks broken is looked at again: a fault
is what is found twice in the same place while no record was released.
"""

import mmap
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.errors import RefusedError, WhodidError
from whodid.ledger.keys import Kek
from whodid.ledger.leaf_rules import words
from whodid.ledger.manifest import Manifest
from whodid.ledger.sequenced import CONFLICT, DUPLICATE, Sequenced, parse_sequenced
from whodid.ledger.verification.leaves import Part, read_leaves
from whodid.ledger.verification.payload import Content, PayloadCheck
from whodid.ledger.verification.verdict import Fault, Findings
from whodid.ledger.wal_record import RECORD_HEADER_BYTES, RECORD_MAGIC, Record
from whodid.ledger.wal_scan import Break, WalScan, first_nonzero
from whodid.limits import VERIFY_PART_FAULTS_MAX, VERIFY_TAIL_BYTES_MAX

_TRIES = 6
_TRIES_MOVING = 60
_WAIT_S = 0.02
_SECTOR = 512
_SPARE = re.compile(r"spare-\d{16}")
_FILE = re.compile(r"\d{16}")
_HEAD_FIXED = RECORD_HEADER_BYTES - 32


class RecordJob(Struct, frozen=True):
    """One record to check in a worker: entries from `start` on are not sealed."""

    where: str
    body: bytes
    ledger_id: bytes
    start: int
    cuts: tuple[int, ...]
    keks: dict[int, Kek]
    content: Content


def check_record(job: RecordJob) -> Part:
    """Check the unsealed entries of one record and open its payload."""
    sequenced = parse_sequenced(job.body)
    start = min(max(job.start, sequenced.first), sequenced.end)
    part = Part(job.where, start, sequenced.end)
    skip = start - sequenced.first
    dropped = np.frombuffer(sequenced.verdicts, dtype="u1") == DUPLICATE
    part.dropped = words(sequenced.batch.table["identity_tag"][dropped], 2)[:, 0]
    table, tails = sequenced.table()
    table = table[skip:]
    if len(table):
        rows = np.frombuffer(table.tobytes(), dtype="u1").reshape(len(table), -1)
        part.tagged = rows[:, -48:].tobytes()
        later = {row - skip: tail for row, tail in tails.items() if row >= skip}
        read_leaves(part, table, later, job.cuts)
        _open(job, sequenced, part, table, skip)
    del part.faults[VERIFY_PART_FAULTS_MAX:]
    return part


def _open(job: RecordJob, s: Sequenced, part: Part, table: np.ndarray, skip: int) -> None:
    if not job.keks:
        part.unopened = len(table)
        return
    try:
        rows = s.batch.open(job.keks)
    except WhodidError as error:
        part.faults.append(Fault(job.where, part.first, str(error)))
        return
    kept = s.kept()[skip:]
    rows.seeds = [rows.seeds[row] for row in kept]
    rows.groups = [rows.groups[row] for row in kept]
    check = PayloadCheck(part, table, job.content)
    check.check(range(part.first, part.end), rows, part.where)


class Tail(Struct):
    """The unsealed part of the log: `parts` continue the sealed entries up to `end`.

    `batches` are the (first, end) of the batch ids that were met.
    """

    parts: list[Part] = []
    end: int = 0
    mark: int = 0
    batches: dict[bytes, tuple[int, int]] = {}


Check = Callable[[RecordJob, bytes], Part | None]
"""Check a record, once for each hash; None while a worker has it."""


class WalCheck:
    """One reading of the write-ahead log; `run` once more when it found something."""

    def __init__(
        self, directory: Path, manifest: Manifest, signed: int, submit: "Submit", job: RecordJob
    ) -> None:
        self._directory = directory
        self.manifest = manifest
        self._signed = signed
        self._submit = submit
        self._job = job
        self.scan = WalScan(directory, manifest.ledger_id)
        self.tail = Tail(end=manifest.sealed)
        self.faults: list[Fault] = []
        self._appended_us = 0
        self._covered_lsn = 0

    def run(self) -> Tail:
        """Read the chain to its end (1, 2), and check records only then: it may be recycled.

        Of a long tail, what is beyond VERIFY_TAIL_BYTES_MAX is checked while it is read.
        """
        records: list[bytes] = []
        held: list[tuple[str, Record]] = []
        held_bytes = 0
        for record in self.scan.records():
            where = f"wal/{self.scan.files[-1].path.name}"
            try:
                sequenced = parse_sequenced(record.body)
            except WhodidError as error:
                self._fault(where, self.tail.end, f"record {record.lsn}: {error}")
                break
            self._start(record, where, first_record=not records)
            records.append(record.hash)
            if not self._continues(sequenced, record, where):
                break
            held_bytes += len(record.body)
            if held_bytes <= VERIFY_TAIL_BYTES_MAX:
                held.append((where, record))
            else:
                self._submit.record(self._job, where, record)
        for where, record in held:
            self._submit.record(self._job, where, record)
        self.tail.parts = self._submit.parts(records)
        self._mark()
        return self.tail

    def _fault(self, where: str, entry: int | None, problem: str) -> None:
        self.faults.append(Fault(where, entry, problem))

    def _start(self, record: Record, where: str, *, first_record: bool) -> None:
        manifest = self.manifest
        if record.lsn == manifest.released_lsn and record.hash != manifest.released_hash:
            self._fault(where, None, f"record {record.lsn} is not the one that the manifest names")
        if not first_record:
            return
        next_lsn = manifest.released_lsn + 1
        if record.lsn > next_lsn:
            problem = f"starts at record {record.lsn}: records from {next_lsn} are gone"
            self._fault(where, manifest.sealed, problem)
        if record.lsn == next_lsn and record.previous_hash != manifest.released_hash:
            problem = f"record {record.lsn} does not continue the one that the manifest names"
            self._fault(where, manifest.sealed, problem)

    def _continues(self, s: Sequenced, record: Record, where: str) -> bool:
        """Check a record's place in the log (2); False when nothing behind it can be placed."""
        end, batch = self.tail.end, s.batch
        name = f"record {record.lsn}"
        if batch.ledger_id != self.manifest.ledger_id:
            self._fault(where, s.first, f"{name} holds a batch of another ledger")
        if any(verdict > CONFLICT for verdict in set(s.verdicts)):
            self._fault(where, s.first, f"{name} has a verdict that is not known")
        if s.appended_us < self._appended_us:
            self._fault(where, s.first, f"{name} was appended before the one in front of it")
        if batch.batch_id in self.tail.batches:
            first, _ = self.tail.batches[batch.batch_id]
            self._fault(
                where, s.first, f"{name} repeats the batch of entry {first}: it was replayed"
            )
        self.tail.batches[batch.batch_id] = (s.first, s.end)
        self._appended_us = s.appended_us
        if s.first > end or (end > self.manifest.sealed and s.first != end):
            self._fault(where, end, f"{name} starts at entry {s.first}, the log ends at {end}")
            return False
        self.tail.end = max(end, s.end)
        if s.first < self._signed <= s.end:
            self._covered_lsn = record.lsn
        return True

    def _mark(self) -> None:
        scan = self.scan
        covered = self._covered_lsn
        if self._signed > self.tail.end:  # signed entries are missing: nothing here is a torn tail
            covered = max(covered, scan.last_lsn + 1)
        self.tail.mark = max(scan.durable_lsn, self.manifest.released_lsn, covered)
        if not scan.last_lsn and not scan.files:
            scan.last_lsn = self.manifest.released_lsn

    # --- breaks ----------------------------------------------------------------------------------

    def judge(self, findings: Findings) -> None:
        """Turn what was found into faults and warnings (3)."""
        findings.add(*self.faults)
        for broken in self.scan.breaks:
            where = f"wal/{broken.path.name}"
            text = f"record {broken.expected_lsn} at offset {broken.offset}: {broken.reason}"
            if self.tail.mark >= broken.expected_lsn:
                findings.fault(where, self.tail.end, f"{text}; it was durable")
            elif looks_torn(broken, self.manifest.ledger_id, self.scan):
                findings.warn(f"{where}: {text}: a write that a crash cut off, never acknowledged")
            else:
                findings.fault(where, None, text)
        if self.tail.mark > self.scan.last_lsn and not self.scan.breaks:
            findings.fault(
                "wal", self.tail.end, f"record {self.scan.last_lsn + 1} was durable and is missing"
            )


class Submit:
    """Checks records in workers, each record once however often the log is read again."""

    def __init__(self, check: "Callable[[RecordJob], Callable[[], Part]]") -> None:
        self._check = check
        self._results: dict[bytes, Callable[[], Part]] = {}

    def record(self, template: RecordJob, where: str, record: Record) -> None:
        """Begin to check a record."""
        if record.hash not in self._results:
            job = RecordJob(
                where, record.body, template.ledger_id, template.start, template.cuts,
                template.keks, template.content,
            )  # fmt: skip
            self._results[record.hash] = self._check(job)

    def parts(self, hashes: list[bytes]) -> list[Part]:
        """Return the results of these records, in order."""
        return [self._results[key]() for key in hashes if key in self._results]


def looks_torn(broken: Break, ledger_id: bytes, scan: WalScan) -> bool:
    """Tell a write that a crash cut off from bytes that somebody put into the zeros (3).

    It begins where the chain ends with a header that continues it, or has left a sector (512 B)
    that is at least half full; a new file may be all zeros.
    """
    data = broken.path.read_bytes()
    if broken.offset == 0 and not data.strip(b"\0"):
        return True
    head = data[broken.offset : broken.offset + _HEAD_FIXED]
    expected = RECORD_MAGIC + ledger_id + int(broken.path.name).to_bytes(8, "big")
    expected += broken.expected_lsn.to_bytes(8, "big")
    if head.startswith(expected) and head.endswith(scan.last_hash):
        return True
    start = -(-broken.offset // _SECTOR) * _SECTOR
    sectors = np.frombuffer(data, dtype="u1", offset=start)
    sectors = sectors[: len(sectors) // _SECTOR * _SECTOR].reshape(-1, _SECTOR)
    return bool(((sectors != 0).sum(axis=1) >= _SECTOR // 2).any())


def read_wal(view: Callable[[], WalCheck], findings: Findings) -> WalCheck:
    """Read until nothing is found, or the same is found twice; what stays is judged.

    Raises RefusedError when records were released all the while, so that nothing can be said.
    """
    before: list[object] | None = None
    check = view()
    for attempt in range(_TRIES_MOVING):
        if attempt:
            time.sleep(_WAIT_S)
            check = view()
        try:
            check.run()
            found: list[object] = [*check.faults, *check.scan.breaks]
        except (OSError, ValueError) as error:  # recycled, or mapped while it was being made
            check.faults.append(Fault("wal", None, f"cannot be read ({error})"))
            found = [str(error)]
        if check.tail.mark > check.scan.last_lsn:
            found.append(check.scan.last_lsn)
        if not found:
            break
        moved = view().manifest.released_lsn != check.manifest.released_lsn
        if not moved and (found == before or attempt >= _TRIES - 1):
            break
        before = found
    else:
        raise RefusedError("the log is written faster than it can be read here; try again later")
    check.judge(findings)
    return check


def check_spares(directory: Path, findings: Findings) -> None:
    """Check the files that are not part of the chain (4)."""
    for path in _listed(directory / "wal"):
        where = f"wal/{path.name}"
        if _FILE.fullmatch(path.name):
            continue
        if not _SPARE.fullmatch(path.name):
            findings.warn(f"{where}: not part of the log; a crash may have left it")
            continue
        at = _nonzero_in(path)
        if at is not None and path.exists():  # not taken into use meanwhile
            findings.fault(where, None, f"non-zero byte at offset {at} of a spare file")


def _listed(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.iterdir()) if folder.is_dir() else [])


def _nonzero_in(path: Path) -> int | None:
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) == 0:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                return first_nonzero(mapped, 0)
    except FileNotFoundError:
        return None
