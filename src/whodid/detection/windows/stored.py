"""Hits in snapshots: what msgpack holds of them, and the check when they are taken up."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from whodid.detection.finding import Match
from whodid.detection.windows.hit import Hit
from whodid.detection.windows.plan import Plan
from whodid.errors import InputError

Time: TypeAlias = Annotated[int, Meta(ge=-(2**62), le=2**62)]
"""A time (µs UTC), or one before or after all others."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]

NoticeKind: TypeAlias = Literal["evicted", "late", "ahead", "forced", "past"]
"""What is counted and told."""

StoredHit: TypeAlias = tuple[
    Time, str, Count, tuple[str, ...], Count, Count, Any, tuple[str, ...], tuple[Match, ...] | None
]
"""A hit, its value as msgpack has it."""


def hit_from(stored: StoredHit, plan: Plan, value: Any) -> Hit:
    """Return a hit of a snapshot for a plan as it stands now. Raises InputError."""
    time, event, _, key, entry, mask, _, shown, below = stored
    size = len(plan.correlation.group_by)
    if len(key) != size or len(shown) != size or not 0 < mask < 1 << len(plan.below):
        raise InputError("state of a correlation: a hit that its rule cannot have")
    if below is not None and not below:
        raise InputError("state of a correlation: a finding without a match")
    return (time, event, plan.place, key, entry, mask, value, shown, below)
