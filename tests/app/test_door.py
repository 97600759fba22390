import asyncio

import msgspec
import pytest

from whodid.app.door import IN_FLIGHT, DoorIntake
from whodid.app.rows import RowMaker
from whodid.errors import RefusedError, UsageError
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


def test_a_long_request_lets_others_in_between(build, port):
    async def main():
        client = HeldClient(port)
        client.open.set()
        door = build(client)
        records = [record(n) for n in range(2600)]
        request = asyncio.create_task(door.accept(Delivery("crm", records, NOW)))
        for _ in range(5):
            await asyncio.sleep(0)  # a turn that others have, too
            assert not client.batches
        assert door.rows_waiting == 2600
        tally = await request
        assert (tally.accepted, door.rows_waiting) == (2600, 0)
        again = await door.accept(Delivery("crm", records, NOW))
        assert again.duplicate == 2600

    asyncio.run(main())


def test_pieces_of_a_request_have_the_identities_of_the_whole(build, keys, port):
    """Records are known by their number under a key: pieces must go on counting."""
    records = [b"not json %d" % n for n in range(700)]
    maker = RowMaker(keys.identity_root(), port.sources)

    async def main():
        door = build(HeldClient(port))
        return await door._prepared(Delivery("crm", records, NOW, request_key="k", cut={600: "x"}))

    made = asyncio.run(main())
    whole = maker.make(Delivery("crm", records, NOW, request_key="k", cut={600: "x"}))
    assert [row.identity_tag for row in made.rows] == [row.identity_tag for row in whole.rows]
    assert len({row.identity_tag for row in made.rows}) == 700
    assert made.quarantined == whole.quarantined
    assert made.rows[600].groups[7] == whole.rows[600].groups[7]


def test_what_fails_on_the_way_no_longer_waits(build, port):
    async def main():
        door = build(HeldClient(port))
        with pytest.raises(UsageError):
            await door.accept(Delivery("unknown", [record(1)], NOW))
        assert door.rows_waiting == 0

    asyncio.run(main())
