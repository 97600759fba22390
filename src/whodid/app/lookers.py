"""Who looked: what the log of the log says about its readers. Values only."""

from msgspec import Struct

from whodid.app.answer import Hit

SUBJECTS = ("actor", "resource", "ip", "event", "trace")
"""What can have been looked at, as the events of whodid name its type."""


class Looker(Struct, frozen=True):
    """Somebody who looked: how often by action, the rows he was shown, refusals, the last time.

    `acts` holds what was answered, `denied` counts what was not. `rows` is None where it is
    withheld. Times are µs UTC.
    """

    actor: str
    acts: dict[str, int]
    looks: int
    rows: int | None
    denied: int
    last_us: int


class LookedAt(Struct, frozen=True):
    """What was looked at by name: how often, by how many (None: withheld), when last (µs UTC)."""

    kind: str
    value: str
    looks: int
    lookers: int | None
    last_us: int


class LookersAnswer(Struct, frozen=True):
    """The reads of the log and the attempts that were refused.

    `lookers` and `subjects` are the most frequent ones, of `lookers_total` and `subjects_total`.
    `looks` are a page of the events themselves, newest first, and `next` continues them. `refused`
    are the newest refusals, on the first page. `only_own`: others' looks are kept from this reader.
    `rows` is None where it is withheld; the rest as in a `SearchAnswer`.
    """

    subject: tuple[str, str] | None
    total: int
    rows: int | None
    denied: int
    lookers: list[Looker]
    lookers_total: int
    subjects: list[LookedAt]
    subjects_total: int
    refused: list[Hit]
    looks: list[Hit]
    next: str | None
    only_own: bool
    is_exact: bool
    hidden_own: int
    checkpoint: str
    size: int
    warnings: list[str]
