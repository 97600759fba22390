"""What can be chosen about correlation."""

from pathlib import Path

from msgspec import Struct


class Settings(Struct, frozen=True):
    """`lateness_us`: events of one source may come so much later than newer ones of it.

    `lateness_by_source` says it of a source that is slower (a cloud that delivers in batches).
    A source of which nothing came for `idle_us` is not waited for any more. With `early` a finding
    that more events cannot undo is told at once, before its time is over (`Finding.stage`); a
    look over history turns it off. `geo` is a MaxMind-format file, `calendars` the file of working
    hours; None when there is none.
    """

    lateness_us: int = 90_000_000
    lateness_by_source: dict[str, int] = {}
    idle_us: int = 300_000_000
    early: bool = True
    geo: Path | None = None
    calendars: Path | None = None
