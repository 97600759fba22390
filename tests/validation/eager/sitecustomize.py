"""On PYTHONPATH of the servers of these tests: small units, a validator that waits for nobody."""

from whodid import limits

limits.UNIT_ROWS = 512

from whodid.serve import process  # noqa: E402 - it takes bounds as they are when it is loaded

process.yield_to_others = lambda _nice: None
