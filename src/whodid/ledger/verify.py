"""Verify a ledger: read-only, without a lock, on any copy, also while a server writes to it.

The algorithm; the code carries the same numbers.

 0. The public key: the one that the caller gives, else the key folder's. With neither, nothing
    that is signed is checked against a trusted key, and the verdict says so.
 1. What was signed: the checkpoint, each note in checkpoints.log, the signer's head (key folder)
    and the head that the caller gives: signature, strict form. Read first: what the log holds
    later can only be more.
 2. The manifest: signature, chapters; its leaf files follow each other from entry 0 to `sealed`,
    each with size and SHA-256.
 3. Leaf files: they decode, their fields agree, `appended_us` never decreases, no index is missing.
 4. The write-ahead log: one chain of hashes from the released record on, up to the durable mark
    without a break; zeros everywhere else. Its entries continue the sealed ones.
 5. The tree over all leaves: its root at each signed size is the signed one, the log reaches every
    signed size, stored tiles are the computed ones. A ledger that was restored from a backup says
    where, and heads of the origins before hold up to there. What entries say of a range does not
    differ.
 6. Payload (with the private key-encryption key): each row decrypts, gives the commitment of its
    leaf, and decodes; each leaf has one row; each source was opened before it was used.
 7. Exactly once: no commitment and no identity stands twice, but as a conflict.
 8. The numbers of senders and formats, per source: gaps, repetitions (warnings).
 9. keys.db and state.db: sound, and in agreement with the entries; users, tokens and sources are
    rows that whodid wrote (with the key folder).
10. Rollback: the head from outside DIR, when there is one, is a head of this log. A backup, which
    has a signed note of its own, must hold the head that it names, and need not reach what the
    signer signed later.

It does not check the index (`whodid verify --index`) nor that the maps of ranges are what their
events give (`--replay`), nor that what a source sent is true.
"""

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from whodid.errors import UsageError, WhodidError
from whodid.ledger.blocks import KEY_ID
from whodid.ledger.keys import KeyFolder, StateKeys
from whodid.ledger.layout import BLOCK, BLOCK_1, CHECKPOINT, MANIFEST, SOCKETS
from whodid.ledger.manifest import Manifest
from whodid.ledger.verification.blocks import BlockJob, UnitJob, check_unit
from whodid.ledger.verification.databases import WrappedKeys, read_state
from whodid.ledger.verification.heads import check_roots, public_key, read_heads, rollback
from whodid.ledger.verification.identities import read_runs
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verification.manifest import Unit, read_signed_manifest, read_units
from whodid.ledger.verification.pace import NoPace, Pace
from whodid.ledger.verification.parts import Parts
from whodid.ledger.verification.payload import Content
from whodid.ledger.verification.restarts import check_restarts
from whodid.ledger.verification.verdict import Fault, Findings, Verdict
from whodid.ledger.verification.wal import (
    RecordJob,
    Submit,
    WalCheck,
    check_record,
    check_spares,
    read_wal,
)
from whodid.ledger.verification.workers import Workers
from whodid.limits import VERIFY_FAULTS_MAX, VERIFY_PARALLEL_FROM_LEAVES
from whodid.merkle.checkpoint import Checkpoint, Vkey

Progress = Callable[[str, int, int], None]
"""(what, done, total) in entries."""

__all__ = ["Fault", "Pace", "Progress", "Verdict", "verify_ledger"]


def verify_ledger(
    directory: Path,
    *,
    keys: KeyFolder | None = None,
    vkey: Vkey | None = None,
    head: Checkpoint | str | None = None,
    progress: Progress | None = None,
    processes: int | None = None,
    pace: Pace | None = None,
) -> Verdict:
    """Verify the ledger in DIR (the numbered steps of the module).

    `keys` is its key folder (it may hold only public halves, or nothing), `vkey` a public key that
    the caller trusts, `head` a checkpoint that was kept elsewhere (a signed note or its values).
    `processes` is how many work; by default one for a small ledger, else one per processor.
    `pace` lets a run in the background rest, end, and go on where an earlier one stood.

    Raises UsageError when DIR is no ledger, InputError or IntegrityError when `head` is none,
    RefusedError when the log is written faster than it can be read.
    """
    if not (directory / MANIFEST).exists() and not (directory / CHECKPOINT).exists():
        raise UsageError(f"{directory}: no ledger here; make one with `whodid init {directory}`")
    if keys is not None and not keys.exists():
        keys = None
    report = progress or _silent
    special = _special_files(directory)
    if special:  # to open a pipe or a device may never end
        nothing = "not checked: DIR holds what is no file"
        return Verdict(False, 0, 0, special, [], nothing, ["entries: nothing was read"], None)
    pace = pace or NoPace()
    try:
        return _Verification(directory, keys, vkey, head, report, processes, pace).run()
    except BrokenProcessPool:  # no processes to be had here (a sandbox, no memory): do it alone
        return _Verification(directory, keys, vkey, head, report, 1, pace).run()


def _special_files(directory: Path) -> list[Fault]:
    """Return a fault for each pipe, device or socket in DIR, but the server's own sockets."""
    found: list[Fault] = []
    for folder, names, files in os.walk(directory):
        for name in [*names, *files]:
            path = Path(folder) / name
            where = path.relative_to(directory).as_posix()
            try:
                mode = path.stat().st_mode
            except OSError:  # gone meanwhile; a link to nowhere is found where it is opened
                continue
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode) and where not in SOCKETS:
                found.append(Fault(where, None, "is a pipe, a device or a socket, not a file"))
    return found[:VERIFY_FAULTS_MAX]


def _silent(what: str, done: int, total: int) -> None:
    pass


class _Verification:
    """One run. Everything found goes to `findings`; nothing but a bad `head` raises."""

    def __init__(
        self,
        directory: Path,
        keys: KeyFolder | None,
        vkey: Vkey | None,
        head: Checkpoint | str | None,
        progress: Progress,
        processes: int | None,
        pace: Pace,
    ) -> None:
        self.directory = directory
        self.keys = keys
        self.progress = progress
        self.processes = processes
        self.pace = pace
        self.findings = Findings()
        self.vkey = public_key(keys, vkey, self.findings)  # 0
        self.heads = read_heads(directory, keys, self.vkey, head, self.findings)  # 1
        self.keks = keys.keks() if keys else {}
        self.parts = Parts(directory, self.heads, self.findings)

    def run(self) -> Verdict:
        findings, parts = self.findings, self.parts
        runs = read_runs(self.directory, findings)  # 7, read before the log
        state = read_state(self.directory, self._state_keys(), findings)  # 9, likewise
        manifest = read_signed_manifest(self.directory, self.vkey, findings)  # 2
        if manifest is None:
            findings.not_opened.append("entries: the manifest is not readable")
            return self._verdict("not checked: the manifest is not readable")
        if self.keys and self.keys.ledger_id != manifest.ledger_id:
            findings.fault(MANIFEST, None, f"is of another ledger, {manifest.ledger_id.hex()}")
        content = Content(
            self._identity_root(), {s.source_id: (s.name, s.domain) for s in state.sources.values()}
        )
        signed = self.heads.reach()
        total = max(manifest.sealed, signed, 1)
        with Workers(self._processes(total)) as workers:
            wal = self._read_wal(manifest, content, workers)  # 4
            manifest, tail = wal.manifest, wal.tail
            units = read_units(self.directory, manifest, findings)  # 2
            wrapped = WrappedKeys(self.directory, manifest.ledger_id, self.keks, findings)  # 9
            jobs = self._jobs(units, manifest.ledger_id, wrapped, content)
            for part in workers.in_order(check_unit, jobs):  # 3, 5, 6
                parts.take(part)
                self.progress("entries", parts.size, max(total, tail.end))
                self.pace.took(part)
        for part in tail.parts:
            parts.take(part)
        self.progress("entries", parts.size, max(parts.size, 1))
        parts.finish(state, tail, runs)  # 7, 8, 9
        bad = check_roots(self.heads, manifest.origin, parts.size, parts.tree.roots, findings)  # 5
        check_restarts(self.heads.restarts, parts.restarts, parts.broken_at, findings)  # 5
        parts.tiles.rest(parts.size)
        return self._verdict(rollback(self.heads, self.vkey, parts.size, bad=bad))  # 10

    def _state_keys(self) -> StateKeys | None:
        try:
            return self.keys.state_keys() if self.keys else None
        except WhodidError:  # a key folder of a door, or of a ledger that is not bound yet
            return None

    def _identity_root(self) -> bytes | None:
        try:
            return self.keys.identity_root() if self.keys else None
        except WhodidError:
            return None

    def _processes(self, entries: int) -> int:
        if self.processes is not None:
            return max(self.processes, 1)
        return (os.cpu_count() or 1) if entries >= VERIFY_PARALLEL_FROM_LEAVES else 1

    def _read_wal(self, manifest: Manifest, content: Content, workers: Workers) -> WalCheck:
        """Read the write-ahead log (4); each look takes the newest manifest, as sealing goes on."""
        signed = self.heads.reach()

        def check(job: RecordJob) -> Callable[[], Part]:
            result = workers.begin(check_record, job)
            self.pace.rest()
            return result

        submit = Submit(check)
        newest = [manifest]

        def view() -> WalCheck:
            again = read_signed_manifest(self.directory, self.vkey, Findings())
            if again is not None and again.sealed > newest[0].sealed:
                newest[0] = again
            now = newest[0]
            job = RecordJob("", b"", now.ledger_id, now.sealed, self.parts.cuts, self.keks, content)
            return WalCheck(self.directory, now, signed, submit, job)

        wal = read_wal(view, self.findings)
        check_spares(self.directory, self.findings)
        return wal

    def _jobs(
        self, units: list[Unit], ledger_id: bytes, wrapped: WrappedKeys, content: Content
    ) -> Iterator[UnitJob]:
        for unit in units:
            first, end = unit.leaves.first, unit.leaves.first + unit.leaves.count
            blocks = []
            for file in unit.blocks:
                key_id = key_id_of(self.directory / file.path)
                key = wrapped.open(key_id, file.path, file.first) if key_id else None
                blocks.append(BlockJob(file, key))
            cuts = tuple(cut for cut in self.parts.cuts if first < cut < end)
            known = self.pace.opened_before(first, end)
            yield UnitJob(
                str(self.directory), ledger_id, unit.leaves, tuple(blocks), cuts, content, known
            )

    def _verdict(self, rolled_back: str) -> Verdict:
        findings, parts = self.findings, self.parts
        if parts.unopened and not self.keks:
            findings.not_opened.append(
                f"payload of {parts.unopened} entries: no private key-encryption key is here"
            )
        if parts.broken_at is not None:
            findings.not_opened.append(
                f"roots, sources and identities from entry {parts.broken_at} on: leaves before"
                " them could not be read"
            )
        faults = findings.listed()
        return Verdict(
            not faults, parts.size, parts.opened, faults, findings.warnings, rolled_back,
            findings.not_opened, self.heads.checkpoint, parts.opened_before, self.heads.restarts,
        )  # fmt: skip


def key_id_of(path: Path) -> bytes | None:
    """Return the key id in a block's header; None when it is no block, which `check_unit` says."""
    try:
        with path.open("rb") as file:
            header = file.read(KEY_ID.stop)
    except OSError:
        return None
    is_block = header[:8] in {BLOCK, BLOCK_1} and len(header) == KEY_ID.stop
    return header[KEY_ID] if is_block else None
