"""The act: one thing that somebody did, before any system has written it down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["success", "failure", "denied"]


@dataclass(slots=True, frozen=True)
class Act:
    """One thing done, seen by the system `source`, at the true time `time_us` (µs UTC).

    Invariant: it holds what happened, never how a log says it; a source's own view of the world
    (its clock, its field names) belongs to `demo.sources`. Empty text means: not known there.
    `detail` is what only one kind of source understands; `broken` stands for a record that the
    system failed to write whole, and is written as it is.
    """

    source: str
    time_us: int
    actor: str
    action: str
    resource: str = ""
    outcome: Outcome = "success"
    ip: str = ""
    agent: str = ""
    correlation: str = ""
    session: str = ""
    rows: int | None = None
    size_bytes: int | None = None
    duration_us: int | None = None
    actor_type: str = "user"
    on_behalf_of: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    broken: bytes | None = None
