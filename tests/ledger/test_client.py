"""Clients of the sequencer whose server ends and comes back."""

import socket
import threading
import time

import pytest

from ledger_kit import Hand
from ledger_served import Served
from whodid.errors import RefusedError
from whodid.ledger import server
from whodid.ledger.client import SequencerClient


def test_a_client_comes_back_with_the_same_batch(served):
    client = served.client("door")
    data = served.hand.batch([1, 2])
    first = client.submit(data)
    served.kill()
    results = []
    waiting = threading.Thread(target=lambda: results.append(client.submit(data)))
    waiting.start()
    time.sleep(0.02)
    served.hand.open()
    served.start()
    waiting.join()
    assert results == [first]
    assert served.hand.numbers() == [1, 2]


def test_a_client_gives_up(served):
    served.client().status()  # it listens
    client = served.client("door", retry_s=0.05)
    client.status()
    served.kill()
    with pytest.raises(RefusedError, match=r"does not answer.*the same ids"):
        client.submit(b"whatever")
    served.hand.open()
    served.start()


def test_many_clients_while_it_restarts(served):
    done, failures = [], []

    def write(number):
        client = SequencerClient(served.hand.directory, "door", 60)
        try:
            for i in range(15):
                receipt = client.submit(batches[number][i])
                done.append(receipt)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)
        finally:
            client.close()

    batches = [[served.hand.batch([100 * n + i]) for i in range(15)] for n in range(4)]
    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.02)
        served.kill()
        served.hand.open()
        served.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(done) == 60
    assert sorted(served.hand.numbers()) == sorted(100 * n + i for n in range(4) for i in range(15))


def test_a_stale_socket_is_replaced(served):
    served.stop()
    stale = socket.socket(socket.AF_UNIX)
    with server.short_path(served.hand.directory / "sock") as address:
        stale.bind(address)
    stale.close()
    served.start()
    assert served.client().status().size == 2


def test_a_long_path(tmp_path):
    hand = Hand(tmp_path / ("x" * 120))
    hand.open()
    served = Served(hand)
    client = served.client()
    assert client.status().size == 2
    client.close()
    served.stop()
    hand.close()
