import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_kit import Hand
from whodid.errors import FormatError, InputError, IntegrityError
from whodid.ledger import manifest
from whodid.ledger.manifest import (
    Chapter,
    Manifest,
    SealedFile,
    all_files,
    parse_manifest,
    read_manifest,
    with_files,
)

SOME = Manifest(
    "log.example/x", bytes(range(16)), 4096, 12, b"h" * 32,
    (Chapter("manifest-00000000", "ab" * 32, 0, 100),),
    (
        SealedFile("leaves/0000000000000100-0001", 50, "cd" * 32, 100, 1),
        SealedFile("payload/0000000000000100-0001-0", 60, "ef" * 32, 100, 1, "01" * 32),
    ),
)  # fmt: skip


def test_the_text_is_that_of_the_format():
    assert SOME.body() == (
        "whodid manifest 2\norigin log.example/x\nledger 000102030405060708090a0b0c0d0e0f\n"
        f"sealed 4096\nreleased 12 {(b'h' * 32).hex()}\n"
        f"chapter manifest-00000000 {'ab' * 32} 0 100\n"
        f"file leaves/0000000000000100-0001 50 {'cd' * 32} 100 1\n"
        f"file payload/0000000000000100-0001-0 60 {'ef' * 32} 100 1 {'01' * 32}\n"
    )
    assert parse_manifest(SOME.body()) == SOME


@given(st.text(max_size=300))
def test_hostile_text(text):
    with pytest.raises((IntegrityError, FormatError)):
        parse_manifest(text)


@given(st.data())
def test_altered_text_never_crashes(data):
    body = SOME.body()
    at = data.draw(st.integers(0, len(body) - 1))
    with contextlib.suppress(IntegrityError, FormatError):
        parse_manifest(
            body[:at] + data.draw(st.characters()) + body[at + data.draw(st.integers(0, 2)) :]
        )


def test_a_newer_format_names_the_upgrade():
    with pytest.raises(FormatError, match=r"format 3 .*format 2.*upgrade"):
        parse_manifest(SOME.body().replace("manifest 2", "manifest 3", 1))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "leaves/../../x", ".."])
def test_no_path_leaves_the_ledger(path):
    with pytest.raises(IntegrityError, match="leaves the ledger"):
        parse_manifest(SOME.body().replace("leaves/0000000000000100-0001", path))


def test_chapters(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "CHAPTER_FILES", 4)
    current = Manifest("o", bytes(16))
    everything = []
    for number in range(30):
        new = [
            SealedFile(f"leaves/{number}", 1, "00" * 32, number, 1),
            SealedFile(f"payload/{number}", 1, "00" * 32, number, 1),
        ]
        everything += new
        before = current.chapters
        current, writes = with_files(current, new, number + 1, (number, bytes(32)))
        for path, data in writes.items():
            assert not (tmp_path / path).exists(), "a chapter is written once"
            (tmp_path / path).write_bytes(data)
        assert current.chapters[: len(before)] == before
        assert len(current.files) < 8
        assert list(all_files(tmp_path, parse_manifest(current.body()))) == everything
    assert len(current.chapters) == 14
    assert (current.chapters[1].first, current.chapters[1].end) == (2, 4)


def test_an_altered_chapter_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "CHAPTER_FILES", 1)
    new = [SealedFile(f"leaves/{n}", 1, "00" * 32, n, 1) for n in range(3)]
    current, writes = with_files(Manifest("o", bytes(16)), new, 3, (1, bytes(32)))
    assert list(writes) == ["manifest-00000000", "manifest-00000001"]
    for path, data in writes.items():
        (tmp_path / path).write_bytes(data)
    (tmp_path / "manifest-00000001").write_bytes(b"file x 1 y 0 1\n")
    with pytest.raises(IntegrityError, match=r"manifest-00000001: .* altered"):
        list(all_files(tmp_path, current))
    (tmp_path / "manifest-00000001").unlink()
    with pytest.raises(IntegrityError, match=r"manifest-00000001: .* missing"):
        list(all_files(tmp_path, current))


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path).open()
    yield hand
    hand.close()


def test_only_the_logs_signature_counts(hand):
    vkey = hand.keys.vkey()
    path = hand.directory / "manifest"
    assert read_manifest(hand.directory, vkey) == hand.sequencer.manifest
    good = path.read_text()
    path.write_text(good.replace("sealed 0", "sealed 1"))
    with pytest.raises(IntegrityError):
        read_manifest(hand.directory, vkey)
    assert read_manifest(hand.directory, None).sealed == 1
    path.write_text("nothing of the kind")
    with pytest.raises(InputError):
        read_manifest(hand.directory, vkey)
    path.unlink()
    with pytest.raises(IntegrityError, match="no manifest here"):
        read_manifest(hand.directory, vkey)


def test_a_checkpoint_is_no_manifest(hand):
    hand.publish()
    note = (hand.directory / "checkpoint").read_text()
    (hand.directory / "manifest").write_text(note)
    with pytest.raises(IntegrityError):
        read_manifest(hand.directory, hand.keys.vkey())


def test_a_ledger_with_chapters(hand, monkeypatch):
    monkeypatch.setattr(manifest, "CHAPTER_FILES", 4)
    for number in range(12):
        hand.add([2 * number, 2 * number + 1])
        hand.seal()
    assert len(hand.sequencer.manifest.chapters) == 5
    hand.publish()
    hand.check()
    hand.reopen()
    hand.add([100])
    hand.seal()
    hand.check()
    assert len(hand.sequencer.manifest.files) < 8
