import random
from hashlib import sha256

import pytest

from whodid.merkle.range_map import (
    CHUNK_LEVEL,
    LEVELS,
    NO_LIST,
    chunk_digest,
    field_key,
    joined_digest,
    key_of,
    list_digest,
    offsets_in,
    what_of,
)


def test_a_key_is_what_the_format_says():
    data = b"whodid/key/v1" + bytes(32) + b"\x05actor" + b"\x00\x00\x00\x05alice"
    assert key_of(bytes(32), "actor", b"alice") == int.from_bytes(sha256(data).digest()[:6], "big")


def test_fields_and_values_do_not_run_into_each_other():
    keys = {
        key_of(field_key(b"s" * 32, field), field, value)
        for field in ("actor", "action", "ip")
        for value in (b"", b"a", b"ab", b"actor")
    }
    assert len(keys) == 12


def test_a_digest_of_a_chunk_is_what_the_format_says():
    assert chunk_digest([1, 300]) == sha256(b"whodid/list/v1\x00\x01\x01\x2c").digest()
    assert list_digest(CHUNK_LEVEL, [1, 300]) == chunk_digest([1, 300])


def test_a_digest_above_names_the_parts_that_have_entries():
    low, high = chunk_digest([5]), chunk_digest([0, 7])
    offsets = [5, 3 << 12, (3 << 12) + 7]
    expected = sha256(b"whodid/lists/v1\x00\x09" + low + high).digest()
    assert list_digest(16, offsets) == expected == joined_digest([(0, low), (3, high)])


@pytest.mark.parametrize("level", LEVELS)
def test_another_list_has_another_digest(level):
    draw = random.Random(level)
    offsets = sorted(draw.sample(range(1 << level), 200))
    digest = list_digest(level, offsets)
    for at in (0, 100, 199):
        assert list_digest(level, offsets[:at] + offsets[at + 1 :]) != digest
    free = next(offset for offset in range(1 << level) if offset not in offsets)
    assert list_digest(level, sorted([*offsets, free])) != digest


def test_a_row_of_few_entries_shows_them():
    assert what_of(16, [4464]) == b"\0\0\x11\x70" + bytes(28)
    eight = list(range(7, 4000, 500))
    assert offsets_in(8, what_of(12, eight)) == eight
    assert what_of(12, []) == NO_LIST
    nine = [*eight, 4095]
    assert what_of(12, nine) == chunk_digest(nine)
