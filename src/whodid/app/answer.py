"""What a face gets from the log: callers, hits, answers, proofs. Values only."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from whodid.app.counts import Facet, HistogramAnswer
from whodid.app.integrity_answer import Integrity
from whodid.app.turns import Left, stays
from whodid.event import Event
from whodid.merkle.commitment import Opening
from whodid.query.rights import NOTHING, Rights

Face = Literal["cli", "api", "web", "server"]


class Caller(Struct, frozen=True):
    """Who asks, through which face, from where. It becomes the actor of whodid's own event.

    `rights` are what every answer is cut to; whoever makes a caller says them, or it reads nothing.
    `left` tells whether he has gone away: then nothing more is done for him. `handles` says that he
    may act on alerts that he sees (`access.rights.may_handle`).
    """

    name: str
    face: Face
    ip: str | None = None
    agent: str | None = None
    session: str | None = None
    rights: Rights = NOTHING
    request: str | None = None
    left: Left = stays
    handles: bool = False


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
    others); `near` are values of its field that resemble one that no event has. Where a count was
    not brought to its end in time, it is the least that there are.
    """

    text: str
    alone: int
    without: int | None
    near: list[str]
    alone_is_exact: bool = True
    without_is_exact: bool = True


class SearchAnswer(Struct, frozen=True):
    """An answer and what it could not see.

    `next` continues behind the last event (None at the end); `checkpoint` is the signed note that
    the answer was read at; `size` the number of entries it saw; `hidden_own` counts matching
    events of whodid itself that were not asked for. `clauses` explain an answer that is empty.
    `newer` counts the entries behind `size` where the answer is as of that size, else it is None.
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
    newer: int | None = None


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


Progress = Callable[[str, int, int], None]
"""(what, done, total)"""
