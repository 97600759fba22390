"""All that learning knows, as bytes: the model, which changes once a day, and the open days."""

import msgspec
from msgspec import Struct

from whodid.detection.baseline.day import ActorDay, Seen
from whodid.detection.baseline.dimensions import DIMENSIONS, HOUR, KEYS
from whodid.detection.baseline.weights import EVIDENCES
from whodid.errors import InputError
from whodid.limits import BASELINE_SNAPSHOT_BYTES_MAX

_VERSION = 1


class OpenDay(Struct, frozen=True, array_like=True):
    """An ActorDay as it is kept; the fields and their order are those of `ActorDay.kept`."""

    actor: str
    day: int
    count: int
    rows: int
    first_us: int
    last_us: int
    number: int
    next_values: int
    next_count: int
    values: list[dict[int, int]]
    logs: list[list[tuple[int, float, float]]]
    contrast: list[float]
    surprise: list[float]
    tops: list[Seen | None]
    groups: tuple[str, ...]
    own: tuple[float, ...]
    peak: float
    evidence: tuple[float, ...]
    raised: bool
    final: bool
    sampled: bool


class Live(Struct, frozen=True, array_like=True):
    """Everything but the model. `counts` are by name, `verdicts` and `alerts` in their order."""

    today: int
    days: list[bytes]
    budget: tuple[int, int, int]
    verdicts: list[tuple[str, int, bool | None]]
    alerts: list[tuple[str, str, int, int]]
    counts: dict[str, int]


class _Snapshot(Struct, frozen=True, array_like=True):
    version: int
    model: bytes
    live: Live


def save(model: bytes, live: Live) -> bytes:
    """Return a snapshot."""
    return msgspec.msgpack.encode(_Snapshot(_VERSION, model, live))


def load(data: bytes) -> tuple[bytes, Live]:
    """Return (model, the rest) of a snapshot. Raises InputError for bytes that are none."""
    if len(data) > BASELINE_SNAPSHOT_BYTES_MAX:
        raise _refused("it is too large")
    try:
        kept = msgspec.msgpack.decode(data, type=_Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(str(error)) from error
    if kept.version != _VERSION:
        raise _refused(f"it is of version {kept.version}")
    return kept.model, kept.live


def packed(day: ActorDay) -> bytes:
    """Return an open day as bytes; those of a day that is over are made once."""
    if day.packed is None:
        data = msgspec.msgpack.encode(OpenDay(*day.kept()))
        if not day.final:
            return data
        day.packed = data
    return day.packed


def opened(data: bytes) -> ActorDay:
    """Return the day of `packed` as it goes on. Raises InputError for bytes that are none."""
    try:
        day = msgspec.msgpack.decode(data, type=OpenDay)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(str(error)) from error
    if not _sound(day):
        raise _refused("a day of it cannot be")
    return ActorDay.of(tuple(getattr(day, name) for name in OpenDay.__struct_fields__))


def _sound(day: OpenDay) -> bool:
    count = len(DIMENSIONS)
    lists = (day.values, day.logs, day.contrast, day.surprise, day.tops)
    numbers = [*day.contrast, *day.surprise, *day.evidence, *day.own, day.peak]
    numbers += [value for found in day.logs for _, *pair in found for value in pair]
    return (
        all(len(found) == count for found in lists)
        and all(0 <= hour < 168 for hour in day.values[HOUR])
        and all(0 <= key < KEYS for values in day.values for key in values)
        and all(0 <= entry[0] < 168 for entry in day.logs[HOUR])
        and len(day.evidence) in (0, len(EVIDENCES))
        and all(abs(value) < 1e15 for value in numbers)
        and 0 <= day.day <= 0xFFFF
        and min(day.count, day.rows, day.number, day.next_values, day.next_count - 1) >= 0
    )


def _refused(reason: str) -> InputError:
    return InputError(f"a snapshot of what was learned cannot be used: {reason}; learn again")
