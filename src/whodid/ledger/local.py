"""The sequencer in this process: what a command uses when no server runs."""

from collections.abc import Sequence
from pathlib import Path

from whodid.clock import Clock, system_clock
from whodid.errors import WhodidError
from whodid.ledger.batch import parse_batch
from whodid.ledger.client import SequencerClient
from whodid.ledger.hash_tree import Paths
from whodid.ledger.opening import Settings, open_ledger
from whodid.ledger.port import SequencerPort, Status
from whodid.ledger.seal_request import SealRequest
from whodid.ledger.sequencer import Sequencer
from whodid.ledger.server import status_of
from whodid.ledger.state_db import Receipt, Source
from whodid.ledger.writer_lock import WriterLock


class LocalSequencer:
    """A `SequencerPort` on a sequencer that this process owns."""

    def __init__(self, sequencer: Sequencer, lock: WriterLock) -> None:
        self.sequencer = sequencer
        self._lock = lock

    def submit(self, batch: bytes) -> Receipt:
        """Append a batch; durable on return."""
        [answer] = self.sequencer.commit([parse_batch(batch)])
        if isinstance(answer, WhodidError):
            raise answer
        return answer

    def status(self) -> Status:
        """Return where the log stands."""
        return status_of(self.sequencer)

    def declare_source(self, name: str, format_name: str, domain: str, class_: int = 0) -> Source:
        """Open a source, or return the one that is open."""
        return self.sequencer.declare_source(name, format_name, domain, class_)

    def sources(self) -> dict[str, Source]:
        """Return the declared sources by name."""
        return dict(self.sequencer.sources)

    def seal(self, request: SealRequest) -> None:
        """Name sealed files in the manifest."""
        self.sequencer.seal(request)

    def publish(self) -> str:
        """Sign a checkpoint of everything durable and return the note."""
        return self.sequencer.publish(keep=True)

    def prove(self, index: int) -> tuple[str, list[bytes]]:
        """Return (signed checkpoint that covers the entry, inclusion proof)."""
        return self.sequencer.prove(index)

    def prove_at(self, size: int, indexes: Sequence[int], edge: int) -> Paths:
        """Return inclusion proofs in the tree of `size` entries, which are published."""
        return self.sequencer.prove_at(size, indexes, edge)

    def want_sealed(self, size: int) -> None:
        """Ask whoever seals to seal the entries below `size` now."""
        self.sequencer.want_sealed(size)

    def head_at(self, size: int) -> str:
        """Return a signed checkpoint of the first `size` entries."""
        return self.sequencer.head_at(size)

    def close(self) -> None:
        """Publish, close the files, give the lock back."""
        try:
            self.sequencer.close()
        finally:
            self._lock.release()


def reach_sequencer(
    directory: Path, *, clock: Clock = system_clock, settings: Settings | None = None
) -> SequencerPort:
    """Return the running sequencer of DIR, or run one here (taking the writer lock).

    Raises LedgerError as `open_ledger` does.
    """
    client = SequencerClient(directory, "admin")
    try:
        client.connect()
    except OSError:
        return LocalSequencer(*open_ledger(directory, clock=clock, settings=settings))
    return client
