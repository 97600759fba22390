"""Work is done by two threads, once each, and what goes wrong in either is told."""

import threading

import pytest

from whodid.ledger.two_threads import TwoThreads


def test_everything_is_done_once_and_by_two():
    threads = TwoThreads()
    both = threading.Barrier(2)
    seen = set()

    def work(items):
        if len(items) > 1:
            both.wait(60)  # neither waits for the other to end
        seen.add(threading.get_ident())
        return [item * 10 for item in items]

    assert sorted(threads.run(work, range(7))) == [0, 10, 20, 30, 40, 50, 60]
    assert len(seen) == 2
    assert threads.run(work, []) == []
    seen.clear()
    assert threads.run(work, [5]) == [50]
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize("bad", [0, 1])
def test_what_goes_wrong_is_told_when_both_have_ended(bad):
    ended = threading.Event()

    def work(items):
        if bad in items:
            raise ValueError(bad)
        ended.set()
        return list(items)

    with pytest.raises(ValueError, match=str(bad)):
        TwoThreads().run(work, [0, 1, 2, 3])
    assert ended.is_set()
