"""Exactly once, over the whole log: the same verdict in one share as in many."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.ledger.verification import kept_words
from whodid.ledger.verification.identities import Identities, RunTags
from whodid.ledger.verification.kept_words import KeptWords
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verification.verdict import Findings

WORDS = [(n * 0x9E3779B97F4A7C15) % 2**64 or 1 for n in range(1, 13)]
tags = st.lists(st.sampled_from([0, *WORDS]), max_size=12)


@pytest.fixture(autouse=True, scope="module")
def _small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_words, "_HELD", 3)
        patch.setattr(kept_words, "_CHUNK", 2)
        yield


def checked(parts, conflicts, dropped, runs, share):
    """Return the faults of a log of these identity words, part by part."""
    findings = Findings()
    identities = Identities(findings)
    flat = []
    for number, part in enumerate(parts):
        first, words = len(flat), np.array(part, np.uint64)
        flat += part
        identities.add(
            Part(
                f"leaves/{number}", first, len(flat), identities=words,
                commitments=np.arange(first, len(flat), dtype=np.uint64) + np.uint64(1),
                conflicts=np.array(conflicts if not number else [], np.uint64),
                conflict_indexes=np.arange(len(conflicts) if not number else 0) + first,
                dropped=np.array(dropped if not number else [], np.uint64),
            )
        )  # fmt: skip
    words, made = KeptWords(), []
    for first, end, held in runs:
        made.append(RunTags(f"identity/{first}", first, end, words, words.count, len(held)))
        words.append(np.array(sorted(held), np.uint64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_words, "_SHARE", share)
        identities.check(
            made, lambda index: flat[index].to_bytes(16, "big") + index.to_bytes(32, "big")
        )
    return [(fault.where, fault.entry, fault.problem) for fault in findings.faults]


@given(st.lists(tags, min_size=1, max_size=4), tags, tags, tags, st.booleans())
def test_shares_change_nothing(parts, conflicts, dropped, held, whole):
    parts[0] = parts[0] or [WORDS[0]]
    flat = [word for part in parts for word in part]
    runs = [(0, len(flat), [w for w in flat if w] if whole else [w for w in held if w])]
    one = checked(parts, conflicts, dropped, runs, 1 << 20)
    many = checked(parts, conflicts, dropped, runs, 1)
    assert sorted(map(str, one)) == sorted(map(str, many))
    problems = Counter(problem.split(" ", 1)[-1][:30] for _, _, problem in one)
    twice = [word for word, count in Counter(flat).items() if word and count > 1]
    assert bool(twice) == any("counts twice" in problem for _, _, problem in one), problems
    alone = [word for word in conflicts if word not in flat]
    assert len(alone) == sum("flagged as a conflict" in problem for _, _, problem in one)
    strange = [word for word in runs[0][2] if word not in flat]
    assert bool(strange) == any("that no entry has" in problem for _, _, problem in one)
    lost = [word for word in flat if word and word not in runs[0][2]]
    assert bool(lost) == any("not in the runs" in problem for _, _, problem in one)


def test_a_hole_hides_what_needs_the_leaves():
    findings = Findings()
    identities = Identities(findings)
    word = np.array([WORDS[0]], np.uint64)
    identities.add(Part("leaves/0", 0, 1, identities=word, commitments=word))
    identities.add(Part("leaves/9", 9, 10, identities=word, commitments=word + np.uint64(1)))
    identities.check([], lambda index: bytes(16) + bytes([index]) * 32)
    assert [(f.where, f.entry) for f in findings.faults] == [("leaves/9", 9)]
