"""The client of an event loop: many in flight, coming back, giving up."""

import asyncio
import threading
import time

import pytest

from ledger_served import own_batch
from whodid.errors import (
    AccessDeniedError,
    RefusedError,
    TooLargeError,
)
from whodid.ledger import server
from whodid.ledger.async_client import AsyncSequencerClient
from whodid.ledger.client import SequencerClient


def run(coroutine):
    return asyncio.run(coroutine)


def test_async_many_in_flight(served):
    batches = [served.hand.batch([n]) for n in range(30)]

    async def main():
        client = AsyncSequencerClient(served.hand.directory, "door")
        client.start()
        receipts = await asyncio.gather(*(client.submit(data) for data in batches))
        await client.close()
        return receipts

    receipts = run(main())
    assert sorted(r.first for r in receipts) == list(range(2, 32))
    assert sorted(served.hand.numbers()) == list(range(30))


def test_async_errors_are_its_own(served, monkeypatch):
    monkeypatch.setattr(server, "BATCH_BYTES_MAX", 5000)
    own, big, good = (
        own_batch(served.hand),
        served.hand.batch(range(100), pad=50),
        served.hand.batch([1]),
    )

    async def main():
        client = AsyncSequencerClient(served.hand.directory, "door")
        client.start()
        found = await asyncio.gather(
            client.submit(own), client.submit(big), client.submit(good), return_exceptions=True
        )
        await client.close()
        return found

    denied, too_large, receipt = run(main())
    assert isinstance(denied, AccessDeniedError)
    assert isinstance(too_large, TooLargeError)
    assert receipt.accepted == 1


def test_async_comes_back(served):
    batches = [served.hand.batch([n]) for n in range(6)]

    async def main():
        client = AsyncSequencerClient(served.hand.directory, "door")
        client.start()
        first = await client.submit(batches[0])
        await asyncio.to_thread(served.kill)
        waiting = [asyncio.ensure_future(client.submit(data)) for data in batches]
        await asyncio.sleep(0.1)
        await asyncio.to_thread(served.hand.open)
        await asyncio.to_thread(served.start)
        receipts = await asyncio.gather(*waiting)
        await client.close()
        return first, receipts

    first, receipts = run(main())
    assert receipts[0] == first
    assert served.hand.numbers() == list(range(6))


def test_async_a_transport_that_was_closed(served):
    """uvloop closes it before the reader knows, and raises when it is written to."""

    class Closed:
        def write(self, _):
            raise RuntimeError("the handler is closed")

        def close(self):
            pass

    data = served.hand.batch([1])

    async def main():
        client = AsyncSequencerClient(served.hand.directory, "door")
        client.start()
        await client.submit(served.hand.batch([2]))
        open_writer, client._writer = client._writer, Closed()
        waiting = asyncio.ensure_future(client.submit(data))
        await asyncio.sleep(0)
        open_writer.close()
        receipt = await waiting
        await client.close()
        return receipt

    assert run(main()).accepted == 1


def test_async_gives_up(served, monkeypatch):
    monkeypatch.setattr("whodid.ledger.async_client.RETRY_S", 0.1)
    served.kill()

    async def main():
        client = AsyncSequencerClient(served.hand.directory, "door")
        client.start()
        with pytest.raises(RefusedError, match="does not answer"):
            await client.submit(b"x")
        waiting = asyncio.ensure_future(client.submit(b"x"))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(RefusedError):
            await waiting

    run(main())
    served.hand.open()
    served.start()


def test_a_sequencer_that_lives_and_does_not_answer_is_not_waited_for(tmp_path):
    (tmp_path / "ledger").mkdir()
    listener = server.listen(tmp_path / "ledger" / "sock")  # accepts by its backlog, says nothing
    try:
        client = SequencerClient(tmp_path / "ledger", "face", retry_s=0.1, answer_s=1.0)
        errors = []

        def ask():
            with pytest.raises(RefusedError, match="does not answer") as met:
                client.status()
            errors.append(met.value)

        began = time.monotonic()
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(errors) == 20
        assert time.monotonic() - began < 15, "those who wait for their turn do not add up"
    finally:
        listener.close()
