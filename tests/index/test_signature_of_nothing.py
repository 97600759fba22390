"""A run of entries without a single readable event, as opening sources leaves one."""

import numpy as np

from whodid.index.signature import SignatureBuilder
from whodid.ledger.pieces import Grid


def test_a_run_without_events_adds_nothing():
    builder = SignatureBuilder()
    builder.add(np.zeros(0, dtype=np.int64), [Grid.of([[], []])])
    builder.add(np.array([3]), [Grid.of([[b"alice"], [b"read"]])])
    assert builder.size_bytes >= 0
