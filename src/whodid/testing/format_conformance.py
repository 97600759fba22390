"""What every format must pass: `check_format` for one, `check_disjoint` for all together.

    check_format(MyFormat(), [b'…', b'…'], [{"actor.id": "alice"}, {}])

Failures are AssertionErrors that show the record; the seed of the mutations is printed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from whodid.event import FIELDS, GROUPS, Change, Mapped, decode_groups, encode_groups
from whodid.limits import CHANGES_MAX, FIELD_CHARS_MAX, LIST_ITEMS_MAX
from whodid.normalize.format import Format, Framing
from whodid.normalize.record import Prepared, prepare
from whodid.testing.mutate import mutations

_EVENT_ID = "018b5411-b7d0-7000-8000-000000000000"
_RECEIVED_US = 1_795_305_600_000_000
_INT_END = 1 << 63
_SHOWN_BYTES = 400
_GROUPS_BYTES_MAX = 4 * 1024 * 1024
"""Longest mapped groups of one record: lists at their bound, items at theirs, are rare."""


def check_format(
    format_: Format,
    samples: Sequence[bytes],
    expected: Sequence[Mapping[str, Any]] = (),
    *,
    mutated: int = 1000,
    seed: int = 1,
) -> None:
    """Check that a format keeps the Protocol's promises; raises AssertionError.

    `expected` has, for each of the first samples, search names (`actor.id`) and their values.
    `mutated` is how many hostile variants of the samples are tried.
    """
    _check_names(format_)
    assert samples, "a format needs samples"
    for index, sample in enumerate(samples):
        assert format_.sniff(sample) is True, f"sniff does not know its sample {_shown(sample)}"
        prepared = check_record(format_, sample)
        reason = prepared.event.envelope.quarantine
        assert reason is None, f"sample is quarantined ({reason}): {_shown(sample)}"
        for name, value in (expected[index] if index < len(expected) else {}).items():
            found = prepared.event.field(name)
            assert found == value, f"{name} is {found!r}, not {value!r}, in {_shown(sample)}"
    print(f"{format_.name}: {mutated} mutations, seed {seed}")  # noqa: T201
    for record in mutations(samples, mutated, seed):
        check_record(format_, record)


def check_record(format_: Format, record: bytes) -> Prepared:
    """Check all that holds for any bytes; return what became of the record."""
    try:
        assert format_.sniff(record) in {True, False}
        mapped = format_.map(record, _RECEIVED_US)
        again = format_.map(record, _RECEIVED_US)
        assert mapped == again, f"map is not pure: {_shown(record)}"
        _check_mapped(mapped, record)
        prepared = _prepare(format_, mapped, record, _EVENT_ID)
        other = _prepare(format_, again, record, _EVENT_ID.replace("018b", "019b"))
        groups = encode_groups(prepared.event)
        assert decode_groups(groups) == prepared.event, f"groups change: {_shown(record)}"
    except Exception as error:
        if isinstance(error, AssertionError):
            raise
        raise AssertionError(f"{format_.name} raises {error!r} for {_shown(record)}") from error
    same = (prepared.identity_kind, prepared.identity) == (other.identity_kind, other.identity)
    assert same, f"the identity is not stable: {_shown(record)}"
    assert sum(map(len, groups)) - len(groups[6]) < _GROUPS_BYTES_MAX, _shown(record)
    for group, (name, struct) in zip(groups, GROUPS, strict=True):
        if struct is not None and group:
            _check_json(group, name)
    return prepared


def check_disjoint(samples: Mapping[Format, Sequence[bytes]]) -> None:
    """Check that of several formats only its own takes each sample."""
    for owner, records in samples.items():
        for record in records:
            takers = [known.name for known in samples if known.sniff(record)]
            assert takers == [owner.name], f"{takers} take a sample of {owner.name}: {record!r}"


def _check_names(format_: Format) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+([+][0-9a-f]+)?", format_.name)
    assert format_.mapping >= 1
    assert format_.framing in get_args(Framing)
    assert format_.records_key is None or format_.framing == "json"


def _check_mapped(mapped: Mapped, record: bytes) -> None:
    """Check what the hot path relies on: no field longer than its record."""
    if not record.isascii() or b"\\" in record:
        return
    for name, (group, attribute) in FIELDS.items():
        values = getattr(mapped, group, None)
        for text in _texts(getattr(values, attribute, None)):
            assert text.isascii() or text.encode(), f"{name} holds a surrogate"
            bound = len(record) + FIELD_CHARS_MAX // 2
            assert len(text) <= bound, f"{name} is longer than its record: {_shown(record)}"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, tuple):
        return []
    return [
        text
        for item in value
        for text in ((item.field, item.before, item.after) if isinstance(item, Change) else (item,))
        if isinstance(text, str)
    ]


def _prepare(format_: Format, mapped: Mapped, record: bytes, event_id: str) -> Prepared:
    return prepare(
        mapped,
        record,
        event_id=event_id,
        source="conformance",
        format_name=format_.name,
        mapping=format_.mapping,
        received_us=_RECEIVED_US,
        position=("fingerprint", 7),
    )


def _check_json(group: bytes, name: str) -> None:
    def no_float(text: str) -> None:
        raise AssertionError(f"a float in group {name}: {text}")

    value = json.loads(group, parse_float=no_float, parse_constant=no_float)
    for field, item in value.items():
        if isinstance(item, str):
            assert len(item) <= FIELD_CHARS_MAX, f"{field} passes its bound"
        elif isinstance(item, int):
            assert -_INT_END <= item < _INT_END, f"{field} passes 64 bits"
        elif isinstance(item, list) and field != "redactions":
            # labels may hold what the record's preparation adds
            assert len(item) <= max(LIST_ITEMS_MAX, CHANGES_MAX) + 8, f"{field} passes its bound"
            longest = max((len(part) for part in item if isinstance(part, str)), default=0)
            assert longest <= FIELD_CHARS_MAX, f"an item of {field} passes its bound"
    assert msgspec.json.decode(group) == value


def _shown(record: bytes) -> str:
    return repr(record[:_SHOWN_BYTES])
