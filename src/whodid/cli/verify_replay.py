"""The replay of `whodid verify --replay`, and the attestation that `--attest` writes of it."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from whodid.cli.options import plain, stderr
from whodid.cli.output_file import write_whole
from whodid.errors import UsageError
from whodid.index.ranges.replay import replay
from whodid.ledger.attester import attest
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import CHECKPOINT
from whodid.ledger.range_root import RangeRoot
from whodid.ledger.reader import LedgerReader
from whodid.merkle.checkpoint import Checkpoint, parse_body, verify_note


class LedgerReplay(Struct):
    """What a replay found. Without the keys of the ledger it is not done, and `head` is None."""

    head: Checkpoint | None
    agreed: list[RangeRoot] = []
    faults: list[str] = []
    not_opened: list[str] = []

    def write(self, path: Path) -> None:
        """Write the attestation, and say with which key it is checked. Raises UsageError."""
        if self.head is None:
            raise UsageError("there is nothing to attest: the keys of the ledger are not here")
        note, vkey = attest(self.head.origin, self.head.size, self.agreed)
        write_whole(path, [note.encode()])
        name = plain(str(path))
        stderr.print(f"{name}: {len(self.agreed):,} ranges, signed by", markup=False)
        stderr.print(vkey.encode(), markup=False, soft_wrap=True)


def replay_ledger(
    directory: Path, keys: KeyFolder | None, show: Callable[[str, int, int], None]
) -> LedgerReplay:
    """Replay all ranges that are named below the newest checkpoint. Raises LedgerError."""
    if keys is None:
        return LedgerReplay(None, not_opened=["ranges: not replayed, the key folder is not here"])
    head = parse_body(verify_note((directory / CHECKPOINT).read_text(), keys.vkey()))
    reader = LedgerReader(directory, keys)
    try:
        found = replay(reader, keys, head.size, lambda done, total: show("ranges", done, total))
    finally:
        reader.close()
    return LedgerReplay(head, found.agreed, found.faults)
