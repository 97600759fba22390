"""What is handed from sealing to indexing says what the sealed files say, and is bounded."""

import pytest

from ledger_kit import Hand
from whodid.ledger import sealer
from whodid.ledger.frame import GROUPS
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer


@pytest.fixture
def hand(tmp_path, monkeypatch):
    monkeypatch.setattr(sealer, "UNIT_ROWS", 16)
    hand = Hand(tmp_path).open()
    yield hand
    hand.close()


def read(reader, first, end, wanted=range(GROUPS)):
    """Return (type, flags, groups or None) of each entry."""
    found = []
    for rows in reader.groups(first, end, wanted):
        assert rows.first == first + len(found)
        parts = zip(*rows.groups, strict=True)
        found += [
            (int(type_), int(flags), next(parts) if here else None)
            for type_, flags, here in zip(rows.types, rows.flags, rows.here, strict=True)
        ]
        assert next(parts, None) is None
    return found


@pytest.mark.parametrize("bytes_max", [0, 15_000, 10**9])
@pytest.mark.parametrize("steps", [[(0, 42)], [(0, 5), (5, 20), (20, 42)], [(17, 42), (0, 42)]])
def test_what_is_handed_over_is_what_was_sealed(hand, bytes_max, steps):
    hand.add(range(10))
    hand.add(range(5, 30))
    hand.commit(hand.batch(range(30, 40))[:-1] + b"?")  # its body does not open
    reader = LedgerReader(hand.directory, hand.keys)
    reader.hand_over(bytes_max)
    one = Sealer(reader, hand.keys, hand.sequencer.seal, hand.clock)
    assert one.run_once(42, force=True) == 42
    other = LedgerReader(hand.directory, hand.keys)
    for first, end in steps:
        assert read(reader, first, end, [6, 0]) == read(other, first, end, [6, 0])
    assert read(reader, 0, 42) == read(other, 0, 42)
    reader.close()
    other.close()


def test_it_is_given_out_once_and_bounded(hand, monkeypatch):
    hand.add(range(62))
    reader = LedgerReader(hand.directory, hand.keys)
    reader.hand_over(3 * 16 * 600)
    Sealer(reader, hand.keys, hand.sequencer.seal, hand.clock).run_once(64, force=True)
    assert [unit.first for unit, _ in reader._handed._units] == [16, 32, 48]
    opened = []
    monkeypatch.setattr(
        reader._payload, "groups", lambda first, end, _: opened.append((first, end)) or iter(())
    )
    list(reader.groups(0, 40, [0]))
    assert opened == [(0, 16)]
    assert [unit.first for unit, _ in reader._handed._units] == [32, 48]
    list(reader.groups(40, 64, [0]))
    assert not reader._handed._units
