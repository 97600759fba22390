"""A run of entries without a single readable event, as opening sources leaves one."""

import numpy as np

from whodid.index.signature import SignatureBuilder


def test_a_run_without_events_adds_nothing():
    builder = SignatureBuilder()
    builder.add(np.zeros(0, dtype=np.int64), [[], []])
    builder.add(np.array([3]), [[b"alice"], [b"read"]])
    assert builder.size_bytes >= 0
