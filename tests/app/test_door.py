import asyncio

import msgspec
import pytest

from whodid.app.door import IN_FLIGHT, DoorIntake
from whodid.app.rows import RowMaker
from whodid.errors import RefusedError
from whodid.ledger.batch import BatchBuilder, parse_batch
from whodid.sources.intake import Delivery

NOW = 1_795_000_000_000_000


def record(number):
    return msgspec.json.encode({"id": f"e-{number}", "userId": "a", "action": "READ"})


class HeldClient:
    """Commits into a real sequencer, but only when the test lets it."""

    def __init__(self, port):
        self.port = port
        self.open = asyncio.Event()
        self.batches = []
        self.error = None

    async def submit(self, batch):
        self.batches.append(batch)
        await self.open.wait()
        if self.error:
            raise self.error
        return self.port.submit(batch)


@pytest.fixture
def build(keys, port):
    port.declare_source("crm", "json", "crm")

    def make(client):
        builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        return DoorIntake(RowMaker(keys.identity_root(), port.sources), builder, client)

    return make


def test_requests_that_wait_share_a_batch(build, port):
    async def main():
        client = HeldClient(port)
        door = build(client)
        requests = [
            asyncio.create_task(door.accept(Delivery("crm", [record(n)], NOW))) for n in range(40)
        ]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(client.batches) == IN_FLIGHT
        client.open.set()
        tallies = await asyncio.gather(*requests)
        assert len(client.batches) == IN_FLIGHT + 1, "the other 37 requests share one batch"
        assert parse_batch(client.batches[-1]).rows == 40 - IN_FLIGHT
        return tallies

    tallies = asyncio.run(main())
    assert all((tally.accepted, tally.duplicate) == (1, 0) for tally in tallies)
    assert len({tally.first for tally in tallies}) == 40


def test_each_request_gets_its_own_verdicts(build, port):
    async def main():
        client = HeldClient(port)
        client.open.set()
        door = build(client)
        await door.accept(Delivery("crm", [record(1)], NOW))
        return await asyncio.gather(
            *(
                door.accept(Delivery("crm", [record(n), record(n + 10)], NOW))
                for n in (1, 2, 3, 4, 5)
            )
        )

    first, *others = asyncio.run(main())
    assert (first.accepted, first.duplicate) == (1, 1)
    assert all((tally.accepted, tally.duplicate) == (2, 0) for tally in others)


def test_a_refusal_reaches_every_request_of_the_batch(build, port):
    async def main():
        client = HeldClient(port)
        client.error = RefusedError("the disk is full")
        client.open.set()
        door = build(client)
        results = await asyncio.gather(
            *(door.accept(Delivery("crm", [record(n)], NOW)) for n in range(9)),
            return_exceptions=True,
        )
        client.error = None
        after = await door.accept(Delivery("crm", [record(1)], NOW))
        return results, after

    results, after = asyncio.run(main())
    assert all(isinstance(result, RefusedError) for result in results)
    assert after.accepted == 1, "the door goes on"
