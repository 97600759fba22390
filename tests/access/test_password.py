import re

import pytest

from whodid.access.password import RFC_9106_SECOND, Cost, PasswordHasher
from whodid.errors import UsageError

LIGHT = Cost(memory_kib=8, passes=1, lanes=1)


def test_stated_cost_is_the_second_choice_of_rfc_9106():
    assert (RFC_9106_SECOND.memory_kib, RFC_9106_SECOND.passes, RFC_9106_SECOND.lanes) == (
        65536,
        3,
        4,
    )


def test_stored_form_is_phc_and_salted():
    hasher = PasswordHasher(LIGHT)
    one, two = hasher.hash("correct horse"), hasher.hash("correct horse")
    assert re.fullmatch(r"\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", one)
    assert one != two
    assert hasher.matches("correct horse", one)
    assert hasher.matches("correct horse", two)


@pytest.mark.parametrize(
    "wrong", ["", "Correct horse", "correct horse ", "correct horse\0", "\ud800"]
)
def test_other_passwords_do_not_match(wrong):
    hasher = PasswordHasher(LIGHT)
    assert not hasher.matches(wrong, hasher.hash("correct horse"))


def test_same_text_in_another_unicode_form_matches():
    hasher = PasswordHasher(LIGHT)
    assert hasher.matches("u\u0308bermut!", hasher.hash("\u00fcbermut!"))


@pytest.mark.parametrize("bad", ["", "1234567", "x" * 1025, "ü" * 600, "12345678\ud800"])
def test_unfit_passwords_are_refused(bad):
    with pytest.raises(UsageError, match="A password has at"):
        PasswordHasher(LIGHT).hash(bad)


def test_nobody_has_the_dummy_hash(monkeypatch):
    hasher = PasswordHasher(LIGHT)
    calls = []

    class Spy:
        @staticmethod
        def verify_phc_encoded(data, stored):
            calls.append(stored)

    monkeypatch.setattr("whodid.access.password.Argon2id", Spy)
    # Even were the dummy matched, nobody gets in; and it was computed at the usual cost.
    assert hasher.matches("correct horse", None) is False
    assert hasher.matches("x" * 5000, None) is False
    assert [stored.split("$")[3] for stored in calls] == ["m=8,t=1,p=1"] * 2


def test_dummy_hash_is_well_formed():
    assert not PasswordHasher(LIGHT).matches("correct horse", None)
