"""The kit itself: it must fail formats that break a promise."""

import pytest

from whodid.event import Content, Mapped, Who
from whodid.testing.format_conformance import check_disjoint, check_format
from whodid.testing.mutate import mutations


class Good:
    name = "good"
    mapping = 1
    framing = "lines"
    records_key = None

    def sniff(self, record: bytes) -> bool:
        return record.startswith(b"good ")

    def map(self, record: bytes, received_us: int) -> Mapped:
        if not self.sniff(record):
            return Mapped(quarantine="not good")
        return Mapped(who=Who(record[5:].decode("utf-8", "replace")))


class Raises(Good):
    def map(self, record: bytes, received_us: int) -> Mapped:
        return Mapped(who=Who(record[5:].decode()))


class Impure(Good):
    calls = 0

    def map(self, record: bytes, received_us: int) -> Mapped:
        self.calls += 1
        return Mapped(who=Who(str(self.calls)))


class Float(Good):
    def map(self, record: bytes, received_us: int) -> Mapped:
        return Mapped(time=1.5)  # type: ignore[arg-type]


class Surrogate(Good):
    def map(self, record: bytes, received_us: int) -> Mapped:
        return Mapped(who=Who("\ud800"))


class Endless(Good):
    def map(self, record: bytes, received_us: int) -> Mapped:
        return Mapped(content=Content(message="x" * 9000))


class Quarantines(Good):
    def map(self, record: bytes, received_us: int) -> Mapped:
        return Mapped(quarantine="no")


def test_a_good_format_passes():
    check_format(Good(), [b"good alice"], [{"actor.id": "alice"}], mutated=200)


@pytest.mark.parametrize("bad", [Raises, Impure, Float, Surrogate, Endless, Quarantines])
def test_a_bad_one_does_not(bad):
    with pytest.raises(AssertionError):
        check_format(bad(), [b"good alice"], mutated=500)


def test_expectations_and_strangers():
    with pytest.raises(AssertionError, match=r"actor\.id"):
        check_format(Good(), [b"good alice"], [{"actor.id": "bob"}])
    with pytest.raises(AssertionError, match="take a sample"):
        check_disjoint({Good(): [b"good a"], Raises(): [b"good b"]})


def test_the_same_seed_gives_the_same_bytes():
    first = list(mutations([b"abc", b"defgh"], 50, 9))
    assert first == list(mutations([b"abc", b"defgh"], 50, 9))
    assert first != list(mutations([b"abc", b"defgh"], 50, 10))
