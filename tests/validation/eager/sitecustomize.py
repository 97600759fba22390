"""On PYTHONPATH of the servers of these tests: small units, a validator that waits for nobody."""

import os

from whodid import limits

limits.UNIT_ROWS = 512
os.nice = lambda _: 0
