import contextlib

import pytest

from state_keys import KEYS
from whodid.access.source_tokens import SourceTokens
from whodid.app.door_tokens import DoorTokens
from whodid.errors import AccessDeniedError, RefusedError
from whodid.ledger.state_db import Source, StateDb

NOW_US = 1_700_000_000_000_000


def clock():
    return NOW_US


@pytest.fixture
def directory(tmp_path):
    with contextlib.closing(StateDb(tmp_path, KEYS.doors)) as db:
        for name, format_name in (("crm", "auto"), ("site", "combined"), ("later", "xyz")):
            db.add_source(Source(name, name.encode().ljust(16), format_name, name))
    return tmp_path


@pytest.fixture
def door(directory):
    with contextlib.closing(DoorTokens(directory, KEYS.doors, clock)) as it:
        yield it


def test_the_grant_has_the_format_that_the_source_declared(directory, door):
    tokens = SourceTokens(directory, KEYS, clock)
    grant = door.source_of(tokens.issue("site", "one"), None)
    assert (grant.name, grant.format.name) == ("site", "combined")
    grant = door.source_of(tokens.issue("crm", "one"), "crm")
    assert (grant.name, grant.format) == ("crm", None)


def test_another_source_is_denied_and_another_token_is_nobody(directory, door):
    token = SourceTokens(directory, KEYS, clock).issue("crm", "one")
    with pytest.raises(AccessDeniedError, match="another source"):
        door.source_of(token, "site")
    assert door.source_of(token + "x", "crm") is None


def test_an_unknown_format_is_a_refusal(directory, door):
    token = SourceTokens(directory, KEYS, clock).issue("later", "one")
    with pytest.raises(RefusedError, match="xyz"):
        door.source_of(token, None)
