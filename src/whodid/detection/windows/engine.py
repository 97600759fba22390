"""The engine: records in, findings out."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from whodid.detection.finding import Finding
from whodid.detection.record import Record
from whodid.detection.rule import AnyRule, Rule
from whodid.detection.windows.settings import Settings


class Matching(Protocol):
    """What decides single records: `compiled.Matcher`."""

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match, silent ones too."""
        ...

    def values(self, record: Record, rule: Rule, field: str) -> tuple[str | int | float, ...]:
        """Return the values of a field as a rule means it."""
        ...


class Unusable(Struct, frozen=True):
    """A correlation that can find nothing here, and why (no file of places, an unknown rule)."""

    rule: str
    reason: str


class Notice(Struct, frozen=True):
    """Something that whoever runs this must know: state given up, events that came too late.

    `kind` is evicted, late, ahead or forced; `subject` the id of the rule, or the source; `count`
    how many since the notice before. `text` is a sentence.
    """

    kind: str
    subject: str
    count: int
    text: str


class Engine:
    """Correlates records of the ledger, in its order. Not safe for threads.

    Rules about single events find at once; correlations when no earlier event can come any more.
    """

    def __init__(
        self, rules: Sequence[AnyRule], matcher: Matching, settings: Settings | None = None
    ) -> None:
        self.rules, self.matcher = tuple(rules), matcher
        self.settings = settings or Settings()
        self.position = 0
        """The entry that is expected next; records before it are passed over."""
        self.unusable: tuple[Unusable, ...] = ()
        """Correlations that are not run."""

    def feed(self, records: Iterable[Record]) -> list[Finding]:
        """Take records in the order of the ledger; return what was found by them."""
        raise NotImplementedError

    def advance(self, now_us: int) -> list[Finding]:
        """Say that no entry that is still to come was received before `now_us`.

        The one who calls it leaves a door time to store what it received.
        """
        raise NotImplementedError

    def close(self, until_us: int) -> list[Finding]:
        """Say that nothing happened until `until_us` that was not fed: the end of a history."""
        raise NotImplementedError

    def change(self, rules: Sequence[AnyRule], matcher: Matching) -> None:
        """Go on with other rules; those whose version and rules below did not change keep state."""
        raise NotImplementedError

    def notices(self) -> list[Notice]:
        """Return what is to be known since it was asked last."""
        raise NotImplementedError

    def snapshot(self) -> bytes:
        """Return all of its state, as of `position`; the same state gives the same bytes."""
        raise NotImplementedError

    def restore(self, data: bytes) -> None:
        """Take up a snapshot. Raises InputError for bytes that are none; then nothing changed."""
        raise NotImplementedError
