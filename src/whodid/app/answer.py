"""What a face gets from the log: callers, hits, answers, proofs. Values only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

from whodid.app.counts import Facet, FacetsAnswer, HistogramAnswer, TableAnswer
from whodid.app.integrity_answer import Integrity
from whodid.app.turns import Left, stays
from whodid.event import Event
from whodid.merkle.commitment import Opening
from whodid.query.rights import NOTHING, Rights

if TYPE_CHECKING:
    from whodid.app.exporting import Export
    from whodid.app.profile import ProfileAnswer
    from whodid.app.trace import TraceAnswer

Face = Literal["cli", "api", "web", "server"]


class Caller(Struct, frozen=True):
    """Who asks, through which face, from where. It becomes the actor of whodid's own event.

    `rights` are what every answer is cut to; whoever makes a caller says them, or it reads nothing.
    `left` tells whether he has gone away: then nothing more is done for him.
    """

    name: str
    face: Face
    ip: str | None = None
    agent: str | None = None
    session: str | None = None
    rights: Rights = NOTHING
    request: str | None = None
    left: Left = stays


class Hit(Struct, frozen=True):
    """One event as found: its log index, when the ledger took it (µs UTC), and its leaf's flags.

    `withheld` names the fields that the reader may not see; `event` does not hold them.
    """

    index: int
    event: Event
    appended_us: int
    flags: int
    withheld: tuple[str, ...] = ()


class Clause(Struct, frozen=True):
    """A part of a search that found nothing, as text.

    It finds `alone` so many events, the other parts find `without` it so many (None: there are no
    others); `near` are values of its field that resemble one that no event has.
    """

    text: str
    alone: int
    without: int | None
    near: list[str]


class SearchAnswer(Struct, frozen=True):
    """An answer and what it could not see.

    `next` continues behind the last event (None at the end); `checkpoint` is the signed note that
    the answer was read at; `size` the number of entries it saw; `hidden_own` counts matching
    events of whodid itself that were not asked for. `clauses` explain an answer that is empty.
    """

    events: list[Hit]
    total: int
    total_is_exact: bool
    hidden_own: int
    next: str | None
    checkpoint: str
    size: int
    warnings: list[str]
    clauses: list[Clause] = []


class PageAnswer(Struct, frozen=True):
    """A page of events, with histogram and facets of the whole answer where they are known."""

    answer: SearchAnswer
    histogram: HistogramAnswer | None
    facets: list[Facet]


class EventProof(Struct, frozen=True):
    """Everything that shows an event to be in the log, for somebody who trusts only the log's key.

    `leaf` is the entry's bytes; `groups` and `seed` open its commitment; `proof` leads from the
    leaf's hash at `index` to the root in `checkpoint` (a signed note); `vkey` is the public key.
    For a reader from whom fields are withheld `seed` and the groups that hold them are None, and
    `opening` opens the others instead.
    """

    index: int
    leaf: bytes
    seed: bytes | None
    groups: tuple[bytes | None, ...]
    checkpoint: str
    size: int
    proof: list[bytes]
    vkey: str
    opening: Opening | None = None


class Step(Struct, frozen=True):
    """One step of a verification: what was compared, whether it held, the value in hex or words."""

    name: str
    ok: bool
    detail: str


class EventVerdict(Struct, frozen=True):
    """The verification of one event, step by step, computed afresh from stored bytes."""

    ok: bool
    steps: list[Step]


class SourceInfo(Struct, frozen=True):
    """A declared source as the page of sources shows it; times in µs UTC."""

    name: str
    format: str
    domain: str
    opened_us: int
    events: int
    quarantined: int
    newest_us: int | None


class Health(Struct, frozen=True):
    """Where the server stands; ready only when everything it needs answers."""

    ready: bool
    reasons: list[str]
    size: int
    published: int
    sealed: int
    indexed: int
    stopped: str | None
    duplicates: int = 0
    conflicts: int = 0


class Growth(Struct, frozen=True):
    """Entries of the last 7 and 30 days, and a day of the last 7 (or since the beginning)."""

    entries_7_days: int
    entries_30_days: int
    entries_a_day: float
    bytes_a_day: float


class Standing(Struct, frozen=True):
    """Where a ledger stands. `attention` are sentences; none means that all is well.

    `bytes` is by part, `other` what is none of them; `days_until_full` None where nothing grows.
    """

    version: str
    format: int
    origin: str
    ledger_id: str
    running: bool
    health: Health
    bytes: dict[str, int]
    bytes_each: float
    growth: Growth
    disk_free_bytes: int
    days_until_full: float | None
    sources: list[SourceInfo]
    integrity: Integrity
    attention: list[str]


class Reading(Protocol):
    """Every read of the log.

    Each call is itself an event, durable before the answer is returned; if it cannot be written,
    RefusedError or StoppedError is raised and there is no answer. Every answer is cut to the
    caller's rights: a row outside of them is not there, a denied field raises AccessDeniedError
    (which is an event too) and is in no answer.

    Calls block; a face on an event loop calls them in a thread.
    """

    def search(
        self, caller: Caller, text: str, *, limit: int = 50, before: str | None = None,
        own: bool = False,
    ) -> SearchAnswer:  # fmt: skip
        """Search. Raises QueryError, for a search with `| stats` too: that is `table`."""
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

    def trace(self, caller: Caller, trace_id: str, *, inferred: bool = True) -> "TraceAnswer":
        """Return the story of an id, without steps when nothing has it; `inferred` ones too.

        Raises UsageError for what cannot be an id.
        """
        ...

    def export(self, caller: Caller, text: str, *, own: bool = False) -> "Export":
        """Begin an export of all events of a search. Raises QueryError, as `search` does."""
        ...

    def profile(self, caller: Caller, kind: str, value: str) -> "ProfileAnswer":
        """Return what is known of an `actor`, a `resource` or an `ip`.

        Raises UsageError for another kind and for what is no address.
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


Progress = Callable[[str, int, int], None]
"""(what, done, total)"""
