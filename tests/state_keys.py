"""Keys for a state.db that stands alone, without a key folder."""

from whodid.ledger.keys import StateKeys

KEYS = StateKeys(b"a" * 32, b"d" * 32)
