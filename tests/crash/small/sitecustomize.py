"""On PYTHONPATH of the processes that a crash test starts: small bounds, so that files are left,
sealed, merged and given back many times in a minute; and nobody stands behind another, or a busy
machine would show less of them.
"""

from whodid import limits

limits.WAL_FILE_BYTES = 512 * 1024
limits.UNIT_ROWS = 512
limits.SEAL_AFTER_S = 2.0
limits.INDEX_SEGMENT_ROWS = 4096

from whodid.serve import process  # noqa: E402 - it takes bounds as they are when it is loaded

process.yield_to_others = lambda _nice: None
