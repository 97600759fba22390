"""The secrets of maps: one for each span of 2^24 entries, in keys.db; K of a field comes of it.

It stays the same, or a map that is made again would have another root. Who destroys it makes the
keys that are shown useless to test guesses with; what was proved stays proved.
"""

import hashlib
import secrets

from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import DataKeys, add_keys
from whodid.ledger.range_root import FIELDS
from whodid.ledger.reader import LedgerReader
from whodid.merkle.range_map import SPAN_LEVEL, field_key

_ID = b"whodid/map-secret/v1"


class MapKeys:
    """K of every field, by span. With `make` a secret that is missing is made, durably."""

    def __init__(self, reader: LedgerReader, keys: KeyFolder, *, make: bool) -> None:
        self._directory = reader.directory
        self._keys = keys
        self._make = make
        self._data_keys = DataKeys(reader.directory, keys.ledger_id, keys.keks())
        self._known: dict[int, dict[str, bytes]] = {}

    def of(self, first: int) -> dict[str, bytes]:
        """Return field → K for a range that begins at `first`.

        Raises LedgerError when the secret is gone, or its key-encryption key is.
        """
        span = first >> SPAN_LEVEL
        found = self._known.get(span)
        if found is None:
            secret = self._secret(span)
            found = self._known[span] = {field: field_key(secret, field) for field in FIELDS}
        return found

    def _secret(self, span: int) -> bytes:
        name = secret_id(span)
        try:
            return self._data_keys.key(name)
        except LedgerError:
            if not self._make or self._data_keys.has(name):
                raise
        fresh = secrets.token_bytes(32)
        add_keys(self._directory, self._keys.ledger_id, self._keys.public_kek(), {name: fresh})
        return fresh


def secret_id(span: int) -> bytes:
    """Return the key id under which keys.db has the secret of a span."""
    return hashlib.sha256(_ID + span.to_bytes(8, "big")).digest()[:16]
