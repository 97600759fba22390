import contextlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_kit import Hand
from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.keys import WRAPPED_BYTES, Kek, KeyFolder, keys_root, unwrap
from whodid.ledger.keys_db import DataKeys, add_keys

KEK = Kek(1, b"k" * 32)
DATA_KEY = bytes(range(32))
LEDGER = bytes(range(16))


@pytest.fixture
def folder(tmp_path):
    return KeyFolder.create(LEDGER, "log.example/x", tmp_path)


def test_a_key_is_wrapped_for_its_purpose():
    wrapped = KEK.public().wrap(DATA_KEY, b"purpose")
    assert len(wrapped) == WRAPPED_BYTES
    assert KEK.unwrap(wrapped, b"purpose") == DATA_KEY
    for kek, context in ((KEK, b"other"), (Kek(1, b"K" * 32), b"purpose")):
        with pytest.raises(IntegrityError, match="does not open"):
            kek.unwrap(wrapped, context)


WRAPPED = KEK.public().wrap(DATA_KEY, b"purpose")


@given(st.data())
def test_any_altered_byte_is_found(data):
    altered = bytearray(WRAPPED)
    altered[data.draw(st.integers(0, WRAPPED_BYTES - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(IntegrityError):
        assert KEK.unwrap(bytes(altered), b"purpose") == DATA_KEY
        assert altered[31] ^ WRAPPED[31] == 128, "RFC 7748 ignores the highest bit of a point"


@given(st.binary(max_size=90))
def test_hostile_wrapped_keys(data):
    with pytest.raises(IntegrityError):
        KEK.unwrap(data, b"purpose")


def test_a_version_that_is_gone():
    with pytest.raises(LedgerError, match="key 2 is not in the key folder"):
        unwrap({1: KEK}, 2, WRAPPED, b"purpose")


def test_a_new_folder(folder):
    assert folder.exists()
    assert folder.path.name == LEDGER.hex()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {0o600}
    assert folder.public_kek() == folder.keks()[1].public()
    assert folder.kek_versions() == [1]
    public = folder.signing_key().public_key().public_bytes_raw()
    assert folder.vkey().public_key == public if hasattr(folder.vkey(), "public_key") else True
    with pytest.raises(LedgerError, match="exist already"):
        KeyFolder.create(LEDGER, "log.example/x", folder.path.parent)


def test_the_newest_key_wraps(folder):
    newest = Kek(10, bytes.fromhex("ab" * 32))
    for name, text in (
        ("kek-10.key", newest.private.hex()),
        ("kek-10.pub", newest.public().public.hex()),
        ("kek-2.pub", "ef" * 32),
        ("kek-3.key", "ab" * 32),
        ("kek-3.pub", "cd" * 32),
    ):
        (folder.path / name).write_text(text)
    assert folder.public_kek().version == 10
    assert folder.kek_versions() == [1, 2, 3, 10]
    assert sorted(folder.keks()) == [1, 10], "2 has no private half, 3 another's"


@pytest.mark.parametrize("name", ["log.key", "log.vkey", "identity.key", "kek-1.pub"])
def test_a_missing_key_is_named(folder, name):
    os.unlink(folder.path / name)
    with pytest.raises(LedgerError, match=r"log.key|log.vkey|identity.key|kek-N.pub") as caught:
        folder.signing_key(), folder.vkey(), folder.identity_root(), folder.public_kek()
    assert str(folder.path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"zz" * 32, b"ab" * 31, b"\xff" * 64, b"ab" * 33])
def test_a_broken_key_is_named(folder, content):
    (folder.path / "identity.key").write_bytes(content)
    with pytest.raises(LedgerError, match=r"identity.key"):
        folder.identity_root()


def test_a_door_needs_no_private_half(folder):
    for name in ("log.key", "kek-1.key"):
        os.unlink(folder.path / name)
    assert folder.public_kek().version == 1
    assert len(folder.identity_root()) == 32
    assert folder.keks() == {}


def test_the_root_can_be_set(monkeypatch, tmp_path):
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path))
    assert keys_root() == tmp_path
    monkeypatch.setenv("WHODID_KEYS", "")
    assert keys_root().name == "keys"


# --- keys.db -------------------------------------------------------------------------------------


@pytest.fixture
def hand(tmp_path):
    return Hand(tmp_path)


def test_data_keys_come_back(hand):
    ledger_id, keks = hand.keys.ledger_id, hand.keys.keks()
    before = DataKeys(hand.directory, ledger_id, keks)
    add_keys(hand.directory, ledger_id, hand.keys.public_kek(), {b"a" * 16: DATA_KEY})
    assert before.key(b"a" * 16) == DATA_KEY
    add_keys(hand.directory, ledger_id, hand.keys.public_kek(), {b"b" * 16: DATA_KEY[::-1]})
    assert before.key(b"b" * 16) == DATA_KEY[::-1]
    with pytest.raises(LedgerError, match="has no key"):
        before.key(b"c" * 16)
    with pytest.raises(LedgerError, match="not in the key folder"):
        DataKeys(hand.directory, ledger_id, {}).key(b"a" * 16)


def test_a_key_is_stored_once(hand):
    keys = {b"a" * 16: DATA_KEY}
    add_keys(hand.directory, hand.keys.ledger_id, hand.keys.public_kek(), keys)
    with pytest.raises(LedgerError, match=r"keys.db"):
        add_keys(hand.directory, hand.keys.ledger_id, hand.keys.public_kek(), keys)


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_a_broken_keys_db_is_named(hand, content):
    path = hand.directory / "keys.db"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"keys.db"):
        DataKeys(hand.directory, hand.keys.ledger_id, hand.keys.keks()).key(b"a" * 16)
    with pytest.raises(LedgerError, match=r"keys.db"):
        add_keys(hand.directory, hand.keys.ledger_id, hand.keys.public_kek(), {b"a" * 16: DATA_KEY})
