"""On PYTHONPATH of the processes that a crash test starts: small bounds, so that files are left,
sealed, merged and given back many times in a minute; and nobody stands behind another, or a busy
machine would show less of them.
"""

import os

from whodid import limits

limits.WAL_FILE_BYTES = 512 * 1024
limits.UNIT_ROWS = 512
limits.SEAL_AFTER_S = 2.0
limits.INDEX_SEGMENT_ROWS = 4096
os.nice = lambda _: 0
