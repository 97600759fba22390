"""The part of a processor that it may use."""

import pytest

from whodid.validation.share import EndedError, Share


def test_it_rests_for_what_it_worked():
    busy, waits = [10.0], []

    def wait(seconds):
        waits.append(seconds)
        return False

    share = Share(0.25, wait, lambda: busy[0])
    share.rest()
    assert waits == []
    busy[0] += 0.1
    share.rest()
    share.rest()
    assert waits == [pytest.approx(0.3)]
    assert share.busy_s == pytest.approx(0.1)


def test_it_ends_when_told():
    busy = [0.0]
    share = Share(0.5, lambda _: True, lambda: busy[0])
    busy[0] = 1.0
    with pytest.raises(EndedError):
        share.rest()
