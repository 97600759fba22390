"""Where the parts of the log come together, in log order: tree, sources, identities, sequences."""

from pathlib import Path

from whodid.ledger.leaf import LEAF_BYTES
from whodid.ledger.leaves import decode_leaf_file
from whodid.ledger.verification.databases import Settings, State, check_receipts, check_sources
from whodid.ledger.verification.heads import Heads
from whodid.ledger.verification.identities import Identities, RunTags
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verification.ranges import NamedRanges
from whodid.ledger.verification.sequences import Sequences
from whodid.ledger.verification.tree import StoredTiles, TreeCheck
from whodid.ledger.verification.verdict import Findings
from whodid.ledger.verification.wal import Tail

TAG_AND_COMMITMENT = slice(LEAF_BYTES - 48, LEAF_BYTES)


class Parts:
    """Takes parts in order.

    Invariants: `size` entries were taken; the tree holds all of them until `broken_at`, the first
    entry that could not be read; behind it nothing is said about roots, sources and identities.
    """

    def __init__(self, directory: Path, heads: Heads, findings: Findings) -> None:
        self._directory = directory
        self._findings = findings
        self.cuts = tuple(sorted({signed.head.size for signed in heads.all()}))
        self.tiles = StoredTiles(directory, findings)
        self.tree = TreeCheck(self.cuts, self.tiles)
        self.broken_at: int | None = None
        self.size = self.opened = self.unopened = self.opened_before = 0
        self._identities = Identities(findings)
        self._ranges = NamedRanges(findings)
        self._sequences = Sequences()
        self._appended_us = 0
        self._opens: dict[bytes, int] = {}
        self._settings: Settings = {}
        self.restarts: list[tuple[int, bytes]] = []
        self._sealed: list[tuple[int, int, str]] = []
        self._tail: list[Part] = []

    def take(self, part: Part) -> None:
        """Take the next part."""
        self._findings.add(*part.faults)
        self.opened += part.opened
        self.unopened += part.unopened
        self.opened_before += part.opened_before
        self._settings.update(part.settings)
        self.restarts += part.restarts
        self._ranges.take(part.where, part.ranges)
        self._identities.add(part)
        if part.end <= part.first:
            return
        if self.broken_at is None and (part.broken or part.first != self.size):
            self.broken_at = self.size
        self.size = part.end
        if part.tagged:
            self._tail.append(part)
        else:
            self._sealed.append((part.first, part.end, part.where))
        if self.broken_at is not None:
            return
        if part.appended_us[0] < self._appended_us:
            self._findings.fault(part.where, part.first, "appended before the entry in front of it")
        self._appended_us = part.appended_us[1]
        for segment in part.segments:
            self.tree.add(segment)
        part.segments = ()
        self._sequences.add(part.sequences)
        self._sources(part)

    def _sources(self, part: Part) -> None:
        for index, source_id in part.opens:
            self._opens.setdefault(source_id, index)
        for source_id, index in part.used.items():
            if self._opens.get(source_id, index + 1) > index:
                problem = f"its source {source_id.hex()} was not opened before"
                self._findings.fault(part.where, index, problem)

    def finish(self, state: State, tail: Tail, runs: list[RunTags]) -> None:
        """Check what needs all parts (7, 8, 9)."""
        findings = self._findings
        self._identities.check(runs, self._tag_and_commitment)  # 7
        names = {source_id: source.name for source_id, source in state.sources.items()}
        for warning in self._sequences.warnings(names):  # 8
            findings.warn(warning)
        if self.broken_at is None:  # 9
            check_sources(state.sources, self._opens, self._settings, findings)
        check_receipts(state.batches, tail.batches, self.size, findings)

    def _tag_and_commitment(self, index: int) -> bytes:
        """Return the 48 bytes of an entry that must be its own: identity tag and commitment."""
        for part in self._tail:
            if part.first <= index < part.end:
                at = 48 * (index - part.first)
                return part.tagged[at : at + 48]
        for first, end, where in self._sealed:
            if first <= index < end:
                file = decode_leaf_file((self._directory / where).read_bytes(), where)
                return file.leaf(index - first)[TAG_AND_COMMITMENT]
        return b""
