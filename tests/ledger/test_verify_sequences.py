"""Numbers of senders: against a set, however the log is cut into parts."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.ledger.leaf import LEAF_DTYPE, LeafFlag, LeafType
from whodid.ledger.verification.sequences import Sequences, sequence_runs

SOURCE = b"s" * 16


def table(rows):
    out = np.zeros(len(rows), dtype=LEAF_DTYPE)
    for at, (epoch, seq, flags) in enumerate(rows):
        out[at]["type"] = int(LeafType.EVENT)
        out[at]["flags"] = flags
        out[at]["source_id"] = SOURCE
        out[at]["epoch"], out[at]["seq"] = epoch, seq
    return out


def warnings(parts):
    sequences = Sequences()
    for part in parts:
        sequences.add(sequence_runs(table(part)))
    return sequences.warnings({SOURCE: "app"})


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=4),
)
def test_gaps_repetitions_and_steps_back_are_counted(rows, cuts):
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    parts = [
        [(epoch, seq, int(LeafFlag.SEQ_NATIVE)) for epoch, seq in rows[a:b]]
        for a, b in pairwise(edges)
    ]
    gaps = missing = repeated = back = 0
    for epoch in {epoch for epoch, _ in rows}:
        seqs = [seq for e, seq in rows if e == epoch]
        counts = Counter(seqs)
        repeated += sum(count - 1 for count in counts.values())
        back += sum(b < a for a, b in pairwise(seqs))
        ordered = sorted(counts)
        steps = [b - a - 1 for a, b in pairwise(ordered) if b - a > 1]
        gaps, missing = gaps + len(steps), missing + sum(steps)
    found = " ".join(warnings(parts))
    assert (f"{gaps} gaps ({missing} numbers are missing)" in found) == bool(gaps)
    assert (f"{repeated} numbers repeated" in found) == bool(repeated)
    assert (f"{back} steps back" in found) == bool(back)


def test_only_numbers_that_prove_gaps_are_looked_at():
    for flags in (0, int(LeafFlag.SEQ_ASSIGNED), LeafFlag.SEQ_SENDER | LeafFlag.CONFLICT):
        assert warnings([[(0, 1, int(flags)), (0, 9, int(flags))]]) == []


def test_the_greatest_numbers():
    top = (1 << 64) - 1
    flags = int(LeafFlag.SEQ_SENDER)
    [line] = warnings([[(0, 0, flags), (0, top, flags)]])
    assert f"1 gaps ({top - 1} numbers are missing)" in line


def test_a_bound_on_what_is_kept(monkeypatch):
    monkeypatch.setattr("whodid.ledger.verification.sequences.VERIFY_SEQUENCES_MAX", 3)
    flags = int(LeafFlag.SEQ_SENDER)
    lines = warnings([[(0, seq, flags) for seq in range(0, 20, 2)], [(1, 1, flags)]])
    assert lines[-1].startswith("sequence numbers: more than 3 ranges")
