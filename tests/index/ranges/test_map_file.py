import random

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.index.ranges.test_range_map import as_dict, rows_of

from whodid.errors import FormatError
from whodid.index.ranges.map_file import Head, MapError, MapFile, write_map
from whodid.index.ranges.range_map import NO_FACTS, NO_ROWS
from whodid.ledger.keys import Kek
from whodid.merkle.range_map import KEY_BITS, ROW_BYTES
from whodid.merkle.tree import hash_leaf, verify_inclusion

KEK = Kek(1, X25519PrivateKey.generate().private_bytes_raw())
LEDGER = b"l" * 16


def some_rows(count, level=12):
    draw = random.Random(count)
    lists = {}
    for _ in range(count):
        size = draw.choice((1, 1, 3))
        key = draw.randrange(1 << KEY_BITS)
        lists[key] = sorted(draw.sample(range(1 << level), size))
    return rows_of(level, lists)


def write(path, rows, level=12, first=4096):
    head = Head(level, first, LEDGER, KEK.public())
    return write_map(path, head, NO_FACTS, [rows])


def opened(path):
    return MapFile(path, LEDGER, {1: KEK})


@pytest.mark.parametrize("rows", [NO_ROWS, some_rows(1), some_rows(5000)])
def test_what_is_written_is_read(tmp_path, rows):
    keys, root = write(tmp_path / "map", rows)
    found = opened(tmp_path / "map")
    assert (found.keys, found.root, found.level, found.first) == (keys, root, 12, 4096)
    assert keys == len(rows.keys)
    assert as_dict(found.rows()) == as_dict(rows)
    low, high = 1 << 46, 3 << 46
    assert as_dict(found.rows(low, high)) == as_dict(rows.part(low, high))


def test_a_bucket_leads_to_the_root_for_keys_that_are_there_and_not(tmp_path):
    rows = some_rows(3000)
    _, root = write(tmp_path / "map", rows)
    found = opened(tmp_path / "map")
    draw = random.Random(7)
    for key in (*rows.keys[::100].tolist(), *(draw.randrange(1 << KEY_BITS) for _ in range(30))):
        bucket, data, path = found.prove(key)
        verify_inclusion(hash_leaf(data), bucket, 1 << 11, path, root)
        shown = [int.from_bytes(data[a : a + 6], "big") for a in range(0, len(data), ROW_BYTES)]
        inside = rows.keys[(rows.keys >> np.uint64(KEY_BITS - 11)) == bucket]
        assert shown == inside.tolist()


def test_parts_written_one_by_one_make_the_same_map(tmp_path):
    rows = some_rows(4000, 16)
    whole = write(tmp_path / "whole", rows, 16, 0)
    step = 1 << KEY_BITS - 4
    parts = [rows.part(at, at + step) for at in range(0, 1 << KEY_BITS, step)]
    head = Head(16, 0, LEDGER, KEK.public())
    assert write_map(tmp_path / "parts", head, NO_FACTS, iter(parts), 16) == whole


def test_no_altered_byte_is_read_as_a_map(tmp_path):
    path = tmp_path / "map"
    write(path, some_rows(200))
    data = path.read_bytes()
    draw = random.Random(3)
    for at in [*range(130), *draw.sample(range(130, len(data)), 150)]:
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises((MapError, FormatError)):
            opened(path).rows()


@pytest.mark.parametrize("size", [0, 7, 60, 200, -1])
def test_a_torn_file_is_said_to_be_one(tmp_path, size):
    path = tmp_path / "map"
    write(path, some_rows(200))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(MapError):
        opened(path).rows()


def test_a_map_of_another_ledger_is_refused(tmp_path):
    write(tmp_path / "map", NO_ROWS)
    with pytest.raises(MapError, match="another ledger"):
        MapFile(tmp_path / "map", b"o" * 16, {1: KEK})
    with pytest.raises(MapError, match="No such file"):
        opened(tmp_path / "none")
