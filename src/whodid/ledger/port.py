"""What a process asks of the sequencer, be it in this process (`local`) or behind the socket."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from whodid.ledger.hash_tree import Paths
from whodid.ledger.seal_request import SealRequest
from whodid.ledger.state_db import Receipt, Source


class Status(Struct, frozen=True):
    """Where the log stands: entries durable, published and sealed; why it stopped, if it did.

    `duplicates` and `conflicts` count rows since the sequencer started.
    """

    size: int
    durable_lsn: int
    published: int
    sealed: int
    stopped: str | None
    duplicates: int = 0
    conflicts: int = 0
    seal_wanted: int = 0
    """Entries below this are to be sealed now, though their unit is not full."""


PATHS_AT_ONCE = 64
"""Inclusion proofs of one request: each may read a leaf file, and appends wait for it."""


class SequencerPort(Protocol):
    """The sequencer's door. Every call may raise RefusedError or StoppedError."""

    def submit(self, batch: bytes) -> Receipt:
        """Append a batch; durable on return."""
        ...

    def status(self) -> Status:
        """Return where the log stands."""
        ...

    def declare_source(self, name: str, format_name: str, domain: str, class_: int = 0) -> Source:
        """Open a source, or return the one that is open."""
        ...

    def sources(self) -> dict[str, Source]:
        """Return the declared sources by name."""
        ...

    def seal(self, request: SealRequest) -> None:
        """Name sealed files in the manifest."""
        ...

    def publish(self) -> str:
        """Sign a checkpoint of everything durable and return the note."""
        ...

    def prove(self, index: int) -> tuple[str, list[bytes]]:
        """Return (signed checkpoint that covers the entry, inclusion proof)."""
        ...

    def prove_at(self, size: int, indexes: Sequence[int], edge: int) -> Paths:
        """Return inclusion proofs in the tree of `size` entries, which are published."""
        ...

    def want_sealed(self, size: int) -> None:
        """Ask whoever seals to seal the entries below `size` now."""
        ...

    def head_at(self, size: int) -> str:
        """Return a signed checkpoint of the first `size` entries."""
        ...

    def close(self) -> None:
        """Let go."""
        ...
