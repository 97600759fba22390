"""What the tests of a run draw by chance comes from one number.

It is another one in each run; `WHODID_SEED` gives it, as every failure says it, and `.ci/run` does.
"""

import os
import random

SEED = int(os.environ.get("WHODID_SEED") or random.SystemRandom().randrange(10**6))
