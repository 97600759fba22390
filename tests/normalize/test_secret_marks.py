"""Many records at once: each is judged as it would be alone, however they lie beside each other."""

import random

import pytest

from whodid.normalize.secret_marks import MARKS, may_hold_secret, may_hold_secrets

_FOLD = 0x20
_BITS = (*MARKS, *(mark.upper() for mark in MARKS), b"://u:p@h", b"://a b:c@d", rb"http:\/\/a:b@c",
         b"s_ke", b"ident", b"tok", b"en", b"\xff\x00", b":", b"/", b"x" * 300)  # fmt: skip


def _folded(data):
    return bytes(byte | _FOLD for byte in data)


def _records(draw, count):
    return [
        b"".join(
            draw.choice(_BITS)
            if draw.random() < 0.1
            else bytes(draw.choice(b"abcdefghij klmnopqrstuvwxyz0123") for _ in range(60))
            for _ in range(draw.randrange(8))
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("count", [1, 3, 40, 300])
@pytest.mark.parametrize("seed", range(8))
def test_each_record_is_judged_as_alone(count, seed):
    draw = random.Random(f"{seed}/{count}")
    records = _records(draw, count)
    for record, found in zip(records, may_hold_secrets(records), strict=True):
        alone = may_hold_secret(record)
        assert found or not alone, record
        # it may cry wolf only where the folding of letters makes a mark of other bytes
        assert alone or not found or any(_folded(mark) in _folded(record) for mark in MARKS)


def test_one_record_of_many_does_not_mark_its_neighbours():
    records = [
        b'{"path":"/srv/share/%d","why":"monthly review of accounts"}' % n for n in range(999)
    ]
    records[500] = b'{"url":"https://bob:hunter22@example.com/","page":"https://example.com"}'
    records[700] = b'{"url":"https://example.com/a"}'
    records[998] = b'{"password":"x"}'
    verdicts = may_hold_secrets(records)
    assert [number for number, bad in enumerate(verdicts) if bad] == [500, 998]


def test_a_mark_does_not_reach_over_the_end_of_a_record():
    records = [b"x" * 20_000 + b"pass", b"word" + b"x" * 20_000]
    assert may_hold_secrets(records) == [False, False]


def test_no_records():
    assert may_hold_secrets([]) == []
