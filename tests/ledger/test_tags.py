"""Tags are HMACs, with the compiled part and without."""

import hmac

import pytest

from whodid.ledger import tags
from whodid.ledger.tags import Tagger, domain_key
from whodid.native import native


@pytest.mark.parametrize("compiled", [native, None])
def test_tags_are_those_of_the_format(compiled, monkeypatch):
    monkeypatch.setattr(tags, "native", compiled)
    key = domain_key(bytes(32), "crm")
    tagger = Tagger(key)
    records = [b"", b"one", b"x" * 5000]
    contents = [hmac.digest(key, b"whodid/content/v1" + r, "sha256")[:8] for r in records]
    assert tagger.contents(records) == contents
    told = b"whodid/identity/v1\x02\x00\x00\x00\x04id-1"
    assert tagger.identities([2, 0], [b"id-1", b""]) == [
        hmac.digest(key, told, "sha256")[:16],
        bytes(16),
    ]
