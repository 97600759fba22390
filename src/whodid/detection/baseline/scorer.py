"""The face of learning: records in, findings out, snapshots of all it knows."""

from collections.abc import Iterable

from whodid.detection.baseline.settings import Settings
from whodid.detection.finding import Finding
from whodid.detection.record import Record
from whodid.detection.rule import Head


class Scorer:
    """Learns from records in the order of the ledger and scores each before it learns from it.

    The same records, verdicts and settings give the same findings, whatever the pieces they come
    in and whenever it was snapshotted and restored in between. Not safe for threads.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    @property
    def head(self) -> Head:
        """The built-in rule that all its findings name: `whodid-baseline`."""
        raise NotImplementedError

    def feed(self, records: Iterable[Record]) -> list[Finding]:
        """Score records and return what stands out; records that cannot be read are counted."""
        raise NotImplementedError

    def verdict(self, actor: str, first_us: int, last_us: int, *, malicious: bool) -> None:
        """Say how an alert about `actor` ended; what is malicious is never learned."""
        raise NotImplementedError

    def counts(self) -> dict[str, int]:
        """Return how many actors it knows, how many are learning, what was evicted, late, unread."""
        raise NotImplementedError

    def snapshot(self) -> bytes:
        """Return all it knows; the same state gives the same bytes."""
        raise NotImplementedError

    def restore(self, data: bytes) -> None:
        """Take up a snapshot. Raises InputError for bytes that are none; then nothing changed."""
        raise NotImplementedError
