"""The rows of maps against a model that knows events and lists only."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.index.build import build_table
from whodid.index.ranges.range_map import Rows, bucket_hashes, build, join, what_digest
from whodid.ledger.reader import LedgerReader
from whodid.merkle.range_map import KEY_BITS, field_key, key_of, list_digest, what_of
from whodid.query.match import texts_of
from whodid.query.provable import MAPPED, value_of


def as_dict(rows):
    triples = zip(rows.keys.tolist(), rows.counts.tolist(), rows.what, strict=True)
    return {key: (count, what.tobytes()) for key, count, what in triples}


def rows_of(level, lists):
    """Return rows for key → ascending offsets."""
    keys = sorted(lists)
    what = b"".join(what_of(level, lists[key]) for key in keys)
    return Rows(
        np.array(keys, dtype=np.uint64),
        np.array([len(lists[key]) for key in keys], dtype=np.uint32),
        np.frombuffer(what, dtype=np.uint8).reshape(-1, 32),
    )


@pytest.fixture(scope="module")
def keys():
    return {field: field_key(b"k" * 32, field) for field in MAPPED}


def model(log, first, keys):
    lists = {}
    for index, event in log.events.items():
        if not first <= index < first + 4096:
            continue
        for field, columns in MAPPED.items():
            for column in columns:
                for text in texts_of(event.field(column)):
                    key = key_of(keys[field], field, value_of(field, text))
                    lists.setdefault(key, set()).add(index - first)
    return {key: sorted(offsets) for key, offsets in lists.items()}


@pytest.mark.parametrize("first", [0, 4096])
def test_a_map_has_every_value_of_every_event(mapped, keys, first):
    reader = LedgerReader(mapped.directory, mapped.keys)
    rows, facts = build([build_table(reader, first, first + 4096)], first, keys)
    expected = model(mapped.log, first, keys)
    assert as_dict(rows) == as_dict(rows_of(12, expected))
    events = [e for i, e in mapped.log.events.items() if first <= i < first + 4096]
    times = [e.when.received if e.when.time is None else e.when.time for e in events]
    assert (facts.events, facts.least_us, facts.greatest_us) == (
        len(events), min(times), max(times),
    )  # fmt: skip
    bad = [
        i - first
        for i, e in mapped.log.events.items()
        if first <= i < first + 4096 and e.envelope.quarantine is not None
    ]
    assert (facts.states[0].count, facts.states[0].what) == (len(bad), what_of(12, bad))


def test_several_tables_give_the_map_of_one(mapped, keys):
    reader = LedgerReader(mapped.directory, mapped.keys)
    whole = build([build_table(reader, 4096, 8192)], 4096, keys)
    cuts = [4000, 4100, 5000, 5001, 8300]
    parts = [build_table(reader, a, b) for a, b in pairwise(cuts)]
    found = build(parts, 4096, keys)
    assert as_dict(found[0]) == as_dict(whole[0])
    assert found[1] == whole[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([16, 20]))
def test_joined_maps_are_the_map_of_the_whole(seed, level):
    draw = random.Random(seed)
    lists = {}
    for _ in range(draw.choice((0, 1, 50, 300))):
        key = draw.choice((draw.randrange(20), draw.randrange(1 << KEY_BITS)))
        size = draw.choice((1, 1, 2, 40))
        lists[key] = sorted(draw.sample(range(1 << level), size))
    below = level - 4
    parts = []
    for child in range(16):
        start = child << below
        own = {k: [o - start for o in v if o >> below == child] for k, v in lists.items()}
        parts.append(rows_of(below, {key: offsets for key, offsets in own.items() if offsets}))
    assert as_dict(join(parts, level)) == as_dict(rows_of(level, lists))


@pytest.mark.parametrize("level", [12, 16, 20])
def test_the_digest_behind_a_row_of_one_is_that_of_its_list(level):
    offset = (1 << level) - 3
    assert what_digest(level, 1, what_of(level, [offset])) == list_digest(level, [offset])


def test_buckets_of_parts_are_those_of_the_whole():
    draw = random.Random(1)
    lists = {draw.randrange(1 << KEY_BITS): [n] for n in range(4000)}
    rows = rows_of(12, lists)
    whole = bucket_hashes(rows, 11, 0, 2048)
    half = 1 << KEY_BITS - 1
    assert whole == [
        *bucket_hashes(rows.part(0, half), 11, 0, 1024),
        *bucket_hashes(rows.part(half, 1 << KEY_BITS), 11, 1024, 1024),
    ]
