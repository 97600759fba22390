"""How many events there were when, and how they ended: buckets of time over a selection."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from whodid.index.coded import Bucket, bucket_start, ordinals
from whodid.index.selection import Selection
from whodid.index.tally import Tally
from whodid.index.vocabulary import MISSING, Vocabularies
from whodid.limits import STATS_SECONDS_MAX
from whodid.query.pipes import Key

_SECOND_US = 1_000_000
_WIDTHS: tuple[Bucket, ...] = (
    *(seconds * _SECOND_US for seconds in (1, 5, 15, 60, 300, 900, 3600, 10_800, 21_600, 43_200)),
    "day", "week", "month", "year",
)  # fmt: skip


class Bar(Struct, frozen=True):
    """A bucket [start, end), µs UTC, and its events by outcome; `unknown` has those without."""

    start_us: int
    end_us: int
    success: int = 0
    denied: int = 0
    failure: int = 0
    unknown: int = 0

    @property
    def count(self) -> int:
        """All of its events."""
        return self.success + self.denied + self.failure + self.unknown


class Histogram(Struct, frozen=True):
    """Bars one after the other, empty ones too; `exact` when every event of the answer is in."""

    bucket: Bucket
    bars: list[Bar]
    exact: bool


def histogram(
    selection: Selection,
    bounds: tuple[int | None, int | None],
    bars_max: int,
    vocabularies: Vocabularies,
    monotonic: Callable[[], float],
    *,
    outcomes: bool = True,
) -> Histogram | None:
    """Return the bars over the bounds of the search, where open over its events; None for none."""
    span = selection.span()
    if span is None:
        return None
    low, high = bounds
    wide = (span[0] if low is None else low, span[1] if high is None else high - 1)
    bucket = _width(*wide, bars_max) or _width(*span, bars_max)
    if bucket is None:
        return None
    first, last = _numbers(bucket, *(wide if _width(*wide, bars_max) else span))
    keys = [Key("time", bucket), *([Key("outcome")] if outcomes else ())]
    tally = Tally(keys, [], vocabularies)
    end_s = monotonic() + STATS_SECONDS_MAX
    for number, chosen in enumerate(selection.chosen):
        if number and monotonic() > end_s:
            break
        tally.add(chosen)
    counts = _counts(tally, vocabularies)
    return Histogram(
        bucket,
        [
            Bar(bucket_start(n, bucket), bucket_start(n + 1, bucket), **counts.get(n, {}))
            for n in range(first, last + 1)
        ],
        selection.exact and tally.events == selection.count,
    )


def _counts(tally: Tally, vocabularies: Vocabularies) -> dict[int, dict[str, int]]:
    words = vocabularies.of("outcome").texts()
    (buckets, *outcomes), (events,) = tally.groups.finish()
    ended = outcomes[0] if outcomes else np.full(len(buckets), MISSING)
    found: dict[int, dict[str, int]] = {}
    rows = zip(buckets.tolist(), ended.tolist(), events.tolist(), strict=True)
    for number, outcome, count in rows:
        word = words[outcome].decode() if outcome >= 0 else "unknown"
        bar = found.setdefault(number, {})
        bar[word] = bar.get(word, 0) + count
    return found


def _width(low: int, high: int, bars_max: int) -> Bucket | None:
    for bucket in _WIDTHS:
        first, last = _numbers(bucket, low, high)
        if last - first < bars_max:
            return bucket
    return None


def _numbers(bucket: Bucket, low: int, high: int) -> tuple[int, int]:
    first, last = ordinals(np.array([low, max(low, high)]), bucket).tolist()
    return first, last
