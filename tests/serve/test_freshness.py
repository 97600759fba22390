"""The thread that keeps new entries ready ends with its server, and outlives a fault."""

import threading

from whodid.errors import RefusedError
from whodid.serve.freshness import keep_fresh

WAIT_S = 20


class Log:
    def __init__(self, faults):
        self.faults = faults
        self.looks = 0
        self.enough = threading.Event()

    def freshen(self):
        self.looks += 1
        if self.looks <= self.faults:
            raise RefusedError("the sequencer does not answer")
        if self.looks == self.faults + 3:
            self.enough.set()


def test_it_goes_on_after_a_fault_and_ends():
    log, ending = Log(faults=2), threading.Event()
    thread = keep_fresh(log, ending, every_s=0.001)
    assert log.enough.wait(WAIT_S)
    ending.set()
    thread.join(WAIT_S)
    assert not thread.is_alive()
