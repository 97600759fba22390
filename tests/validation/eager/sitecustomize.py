"""On PYTHONPATH of the servers of these tests: small units, a validator that waits for nobody."""

import os

from whodid import limits

limits.UNIT_ROWS = 512
limits.SEAL_AFTER_S = 2.0
os.nice = lambda _: 0
