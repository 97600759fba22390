"""UUIDv7: layout of RFC 9562, uniqueness."""

from uuid import UUID

from whodid.normalize.uuid7 import uuid7_many


def test_layout_and_time():
    time_us = 1_645_557_742_000_500
    ids = uuid7_many(1000, time_us)
    assert len(set(ids)) == 1000
    for text in ids:
        value = UUID(text)
        assert str(value) == text
        assert value.int >> 80 == time_us // 1000
        assert value.int >> 76 & 15 == 7
        assert value.int >> 64 & 0xFFF == 2048
        assert value.int >> 62 & 3 == 2
    # the example of the specification's appendix A.6 has this time
    assert ids[0].startswith("017f22e2-79b0-7")


def test_edges():
    assert uuid7_many(0, 5) == []
    assert uuid7_many(1, 0)[0].startswith("00000000-0000-7000-")
    assert uuid7_many(2, 1000)[0] < uuid7_many(1, 2000)[0]
