"""The short form people send: one JSON object (format `json`).

    {"timestamp":"2023-10-21T15:45:23.136Z","userId":"john.doe@example.com",
     "action":"FILE_UPLOAD","resource":"customer-records.csv","status":"SUCCESS"}

Names are those of `short_json_names`: camelCase, snake_case, our own, flat or nested. Keys that
are not there stay in the raw record. It does not split bodies, and knows no product.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from types import NoneType
from typing import Any, ClassVar

import msgspec

from whodid.event import Mapped
from whodid.normalize.format import Framing
from whodid.normalize.json_record import decode
from whodid.normalize.short_fields import build, is_telling, map_fields
from whodid.normalize.short_json_names import COMMON_FROM, COMMON_TO, FIELDS, NAMES, TEXT_FIELDS

_TEXTS = len(TEXT_FIELDS)
_COMMON_FROM, _COMMON_TO = FIELDS[COMMON_FROM], FIELDS[COMMON_TO] + 1
_PLANNED_BYTES_MAX = 4096
"""Records up to this size are mapped by a remembered plan, so that plans stay small."""
_slot_of = NAMES.get
_decode = msgspec.json.Decoder().decode
_FOREIGN = (
    (b'"eventSource"',), (b'"error_severity"',), (b'"auditID"',), (b'"class_uid"',),
    (b'"remote_user"', b'"remote_addr"', b'"status"'),
    (b'"logger":"http.log.',), (b'"logger":"admin.api"',),
)  # fmt: skip
"""Keys that together are those of a format of its own, whose records have some of our names by
accident."""

FOREIGN_MARKS = tuple(marks[0] for marks in _FOREIGN)
"""A record without any of these is of no such format."""


class ShortJson:
    """The format `json`. Invariants: see `Format`; one object gives one event."""

    name: ClassVar[str] = "json"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the record is an object with an actor or an action, of no other format."""
        if record.lstrip()[:1] != b"{" or _is_foreign(record):
            return False
        found = decode(record)
        return isinstance(found, dict) and is_telling(found)

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002 (its times are whole)
        """Map one object; a reason in `quarantine` when it is none or nothing in it is known."""
        slots = _planned(record)
        if slots is None:
            found = decode(record)
            if isinstance(found, str):
                return Mapped(quarantine=found)
            return map_fields(found)
        return build(slots)


def _is_foreign(record: bytes) -> bool:
    return any(all(mark in record for mark in marks) for marks in _FOREIGN)


def _planned(record: bytes) -> Sequence[Any] | None:
    """Fill the slots of a plain record the short way; None when it is not so plain.

    Without escapes and with all keys and texts accounted for by their quotes, no key is there
    twice and nothing is nested.
    """
    if len(record) > _PLANNED_BYTES_MAX or b"\\" in record:
        return None
    try:
        found = _decode(record)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    if found.__class__ is not dict:
        return None
    values = (*found.values(), None)
    plan = _plan(tuple(found), tuple(map(type, values)))
    if plan is None or record.count(b'"') != plan[1] or "" in values:
        return None
    return plan[0](values)


@lru_cache(maxsize=256)
def _plan(
    keys: tuple[str, ...], kinds: tuple[type, ...]
) -> tuple[Callable[[tuple[Any, ...]], tuple[Any, ...]], int] | None:
    """Return what picks the slots from the values of such objects, and how many quotes those have.

    Senders repeat themselves: the same keys with the same types of values in the same order.
    """
    places = places_of(keys, kinds)
    return None if places is None else (itemgetter(*places), 2 * (len(keys) + kinds.count(str)))


def places_of(keys: tuple[str, ...], kinds: tuple[type, ...]) -> list[int] | None:
    """Return the place of each slot's key, len(keys) for what is not there.

    None for anything nested, two names of one field, rare fields, or nothing known.
    """
    if dict in kinds or list in kinds:
        return None
    places = [len(keys)] * len(FIELDS)  # where a None stands
    for place, (key, kind) in enumerate(zip(keys, kinds, strict=False)):
        slot = _slot_of(key)
        if slot is None or kind is NoneType:
            continue
        if (
            places[slot] != len(keys)
            or not _COMMON_FROM <= slot < _COMMON_TO
            or (slot < _TEXTS and kind is not str)
        ):
            return None
        places[slot] = place
    return None if min(places) == len(keys) else places
