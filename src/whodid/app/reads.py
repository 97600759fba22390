"""What faces ask of the log: every read as a protocol, which `reading` keeps."""

from typing import Protocol

from whodid.app.alert_desk import AlertDesk
from whodid.app.answer import (
    Caller,
    EventProof,
    EventVerdict,
    Health,
    Hit,
    PageAnswer,
    SearchAnswer,
    SourceInfo,
    Standing,
)
from whodid.app.answer_proof import AnswerProof
from whodid.app.chains import ChainsAnswer
from whodid.app.counts import FacetsAnswer, HistogramAnswer, TableAnswer
from whodid.app.exporting import Export
from whodid.app.integrity_answer import Integrity
from whodid.app.lookers import LookersAnswer
from whodid.app.overview import OverviewAnswer
from whodid.app.profile import ProfileAnswer
from whodid.app.source_state import SourceState
from whodid.app.sql.answer import SqlAnswer
from whodid.app.trace import TraceAnswer


class Reading(Protocol):
    """Every read of the log.

    Each call is itself an event, durable before the answer is returned; if it cannot be written,
    RefusedError or StoppedError is raised and there is no answer. Every answer is cut to the
    caller's rights: a row outside of them is not there, a denied field raises AccessDeniedError
    (which is an event too) and is in no answer.

    Calls block; a face on an event loop calls them in a thread.
    """

    @property
    def alerts(self) -> AlertDesk:
        """The alerts, cut to the rights of who asks as everything here is."""
        ...

    def search(
        self, caller: Caller, text: str, *, limit: int = 50, before: str | None = None,
        own: bool = False, total: bool = True,
    ) -> SearchAnswer:  # fmt: skip
        """Search. Raises QueryError, for a search with `| stats` too: that is `table`.

        Without `total` nobody counts on when the page is full: soonest for words.
        """
        ...

    def page(
        self, caller: Caller, text: str, *, limit: int = 50, before: str | None = None,
        own: bool = False, fields: tuple[str, ...] = (), values: int = 8, bars: int = 0,
    ) -> PageAnswer:  # fmt: skip
        """Search, with a histogram of at most so many bars and facets of these fields.

        One event for all of it. They cover the answer, not the page; where rows had to be opened
        they cover what `total` counts, and there are none on later pages. Denied fields are left
        out. Raises QueryError.
        """
        ...

    def table(self, caller: Caller, text: str, *, own: bool = False) -> TableAnswer:
        """Answer a search with `| stats`. Raises QueryError, UsageError when it needs too much."""
        ...

    def search_at(
        self, caller: Caller, text: str, at: int, *, limit: int = 50, before: str | None = None,
        own: bool = False,
    ) -> SearchAnswer:  # fmt: skip
        """Search as of the first `at` entries: exactly these, with a checkpoint of that size.

        Relative times count from when the last of them was taken. Raises QueryError, UsageError
        for a size that the log does not have.
        """
        ...

    def table_at(self, caller: Caller, text: str, at: int, *, own: bool = False) -> TableAnswer:
        """Answer a search with `| stats` as of the first `at` entries. Raises as both do."""
        ...

    def chains(
        self, caller: Caller, text: str, *, limit: int = 50, before: str | None = None,
        own: bool = False,
    ) -> ChainsAnswer:  # fmt: skip
        """Answer a search with `| sequence`, at most SEQUENCE_CHAINS_MAX. Raises QueryError."""
        ...

    def chains_at(
        self, caller: Caller, text: str, at: int, *, limit: int = 50, before: str | None = None,
        own: bool = False,
    ) -> ChainsAnswer:  # fmt: skip
        """Answer a search with `| sequence` as of the first `at` entries. Raises as both do."""
        ...

    def sql(
        self, caller: Caller, sql: str, text: str = "", *, own: bool = False, at: int | None = None
    ) -> SqlAnswer:
        """Answer one SELECT over the table `events`, which has those that the search `text` finds.

        With `at` as of the first so many entries, now being when the last of them was taken.
        Raises QueryError for other SQL and for a search with pipes, UsageError for what takes too
        much; AccessDeniedError for a name of a denied field. The answer must be closed.
        """
        ...

    def histogram(
        self, caller: Caller, text: str, *, bars: int = 60, own: bool = False
    ) -> HistogramAnswer:
        """Count the events of a search by time and outcome. Raises QueryError."""
        ...

    def facets(
        self, caller: Caller, text: str, fields: tuple[str, ...], *, values: int = 10,
        own: bool = False,
    ) -> FacetsAnswer:  # fmt: skip
        """Return the most frequent values of fields. Raises QueryError, UsageError."""
        ...

    def trace(self, caller: Caller, trace_id: str, *, inferred: bool = True) -> TraceAnswer:
        """Return the story of an id, without steps when nothing has it; `inferred` ones too.

        Raises UsageError for what cannot be an id.
        """
        ...

    def export(self, caller: Caller, text: str, *, own: bool = False) -> Export:
        """Begin an export of all events of a search. Raises QueryError, as `search` does."""
        ...

    def prove(self, caller: Caller, text: str, *, own: bool = False) -> AnswerProof:
        """Return an answer with its proof. For readers from whom nothing is kept.

        Raises QueryError for a search of which nothing can be proved, UsageError when too much
        would be shown, IntegrityError when index and log differ.
        """
        ...

    def profile(self, caller: Caller, kind: str, value: str) -> ProfileAnswer:
        """Return what is known of an `actor`, a `resource` or an `ip`.

        Raises UsageError for another kind and for what is no address.
        """
        ...

    def lookers(
        self, caller: Caller, text: str, *, kind: str | None = None, value: str = "",
        limit: int = 50, before: str | None = None,
    ) -> LookersAnswer:  # fmt: skip
        """Return who looked, of whodid's own events that a search without pipes finds.

        With `kind` (of `lookers.SUBJECTS`) only looks at that `value`. Who may not see own events
        sees his own looks. Raises QueryError, UsageError.
        """
        ...

    def overview(self, caller: Caller, period: str) -> OverviewAnswer:
        """Return the place as a whole over a period up to now (a key of `overview.PERIODS`).

        Raises UsageError for another.
        """
        ...

    def event(self, caller: Caller, event_id: str) -> Hit:
        """Return one event. Raises UsageError when there is none."""
        ...

    def proof(self, caller: Caller, event_id: str) -> tuple[Hit, EventProof]:
        """Return one event with its proof. Raises UsageError when there is none."""
        ...

    def verify_event(self, caller: Caller, event_id: str) -> tuple[Hit, EventVerdict]:
        """Check one event's commitment, leaf, inclusion proof and signature."""
        ...

    def sources(self, caller: Caller) -> list[SourceInfo]:
        """Return the declared sources with their counts."""
        ...

    def source_states(self, caller: Caller) -> list[SourceState]:
        """Return the declared sources with how they are doing (its event is that of `sources`)."""
        ...

    def follow(self, caller: Caller, text: str) -> "Following":
        """Begin a live tail of a search (one own event at its start)."""
        ...

    def record(self, caller: Caller, action: str, resource: str, *, ok: bool = True,
               reason: str | None = None, content: str | None = None) -> None:  # fmt: skip
        """Write an own event for what a face did itself: log in, log out, export, administer."""
        ...

    def health(self) -> Health:
        """Tell where the server stands (no event: it shows no content)."""
        ...

    def standing(self, caller: Caller, *, running: bool = True) -> Standing:
        """Return size, growth, lags and sources (its event is that of `sources`)."""
        ...

    def integrity(self) -> Integrity:
        """Tell what continuous validation found (no event: it shows no content)."""
        ...

    def verify_now(self, caller: Caller) -> None:
        """Ask for a verification of all of the ledger. Raises AccessDeniedError, RefusedError."""
        ...

    def acknowledge_fault(self, caller: Caller, key: str) -> None:
        """Take a standing fault out of the banner. Raises AccessDeniedError, UsageError."""
        ...


class Following(Protocol):
    """A live tail: `poll` returns the matching events appended since the call before, in order."""

    def poll(self) -> list[Hit]:
        """Return new hits; an empty list when there are none yet."""
        ...
