"""Metrics as values, and their text in the format of Prometheus, version 0.0.4.

Pure. No label holds content of an event or a name that an outsider chose, and each has few values:
whoever makes one bounds them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of a time."""

Labels = dict[str, str]


class Buckets(Struct, frozen=True):
    """A histogram as it stands: `counts` of `bounds` and of what is above them."""

    bounds: Sequence[float]
    counts: Sequence[int]
    sum: float


class Metric(Struct, frozen=True):
    """One family. `samples` are (labels, value); a counter's name ends in `_total`.

    A histogram has `histograms` instead.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: Sequence[tuple[Labels, float]] = ()
    histograms: Sequence[tuple[Labels, Buckets]] = ()


class Histogram:
    """Counts values into buckets. One owner writes; `buckets` may be read beside it."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def buckets(self) -> Buckets:
        """Return how it stands."""
        return Buckets(self._bounds, list(self._counts), self._sum)


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return Metric(name, "gauge", text, [({}, value)])


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter without labels."""
    return Metric(name, "counter", text, [({}, value)])


def histogram(name: str, text: str, found: Histogram) -> Metric:
    """Return a histogram without labels."""
    return Metric(name, "histogram", text, histograms=[({}, found.buckets())])


def merged(parts: Iterable[tuple[str, Sequence[Metric]]]) -> list[Metric]:
    """Return the metrics of several processes as one list, each sample labelled with its process.

    Families of one name become one, in the order in which they were met first.
    """
    families: dict[str, Metric] = {}
    for process, metrics in parts:
        label = {"process": process}
        for metric in metrics:
            known = families.get(metric.name)
            families[metric.name] = Metric(
                metric.name,
                metric.kind,
                metric.help,
                [
                    *(known.samples if known else ()),
                    *(({**label, **labels}, value) for labels, value in metric.samples),
                ],
                [
                    *(known.histograms if known else ()),
                    *(({**label, **labels}, found) for labels, found in metric.histograms),
                ],
            )
    return list(families.values())


def render(metrics: Iterable[Metric]) -> str:
    """Return the text."""
    lines: list[str] = []
    for metric in metrics:
        lines += (
            f"# HELP {metric.name} {_escape(metric.help)}",
            f"# TYPE {metric.name} {metric.kind}",
        )
        lines += (_line(metric.name, labels, value) for labels, value in metric.samples)
        for labels, found in metric.histograms:
            lines += _histogram_lines(metric.name, labels, found)
    return "\n".join(lines) + "\n"


def _histogram_lines(name: str, labels: Labels, found: Buckets) -> list[str]:
    lines, count = [], 0
    for bound, more in zip([*map(_number, found.bounds), "+Inf"], found.counts, strict=True):
        count += more
        lines.append(_line(f"{name}_bucket", {**labels, "le": bound}, count))
    return [
        *lines, _line(f"{name}_sum", labels, found.sum), _line(f"{name}_count", labels, count)
    ]  # fmt: skip


def _line(name: str, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
    return f"{name}{{{pairs}}} {_number(value)}" if pairs else f"{name} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _label(text: str) -> str:
    return _escape(text).replace('"', '\\"')
