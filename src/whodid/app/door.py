"""The ingest door's intake: rows of concurrent requests share batches, and so one fsync.

While `IN_FLIGHT` batches are on their way, what comes in waits and is sent together; a request
is answered when all of its rows are durable.
"""

import asyncio
from collections import deque

from msgspec import Struct

from whodid.app.intake import tally_of
from whodid.app.rows import Prepared, RowMaker
from whodid.errors import LedgerError, RefusedError, WhodidError
from whodid.ledger.async_client import AsyncSequencerClient
from whodid.ledger.batch import BatchBuilder
from whodid.limits import BATCH_ROWS_MAX, DOOR_PIECE_BYTES, DOOR_PIECE_RECORDS, QUEUE_ROWS_MAX
from whodid.sources.intake import Delivery, Tally

IN_FLIGHT = 3
_BATCH_RAW_BYTES = 8 * 1024 * 1024


class _Part(Struct):
    """Rows [start, end) of one request, on their way."""

    prepared: Prepared
    start: int
    end: int
    future: "asyncio.Future[Tally]"


class DoorIntake:
    """An `AsyncIntake`. One owner: the door's event loop."""

    def __init__(
        self, maker: RowMaker, builder: BatchBuilder, client: AsyncSequencerClient
    ) -> None:
        self._maker = maker
        self._builder = builder
        self._client = client
        self._queue: deque[_Part] = deque()
        self._rows_waiting = 0
        self._free = IN_FLIGHT
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def rows_waiting(self) -> int:
        """Rows that are not durable yet."""
        return self._rows_waiting

    async def accept(self, delivery: Delivery) -> Tally:
        """Normalise, commit, store; durable on return (see `sources.intake`)."""
        if self._rows_waiting > QUEUE_ROWS_MAX:
            raise RefusedError("too many events wait at this door; send more slowly", 1.0)
        self._rows_waiting += len(delivery.records)
        try:
            prepared = await self._prepared(delivery)
        except BaseException:
            self._rows_waiting -= len(delivery.records)
            raise
        loop = asyncio.get_running_loop()
        parts = []
        for start, end in _cuts(prepared):
            part = _Part(prepared, start, end, loop.create_future())
            self._queue.append(part)
            parts.append(part.future)
        self._pump()
        results = await asyncio.gather(*parts, return_exceptions=True)
        tally = Tally(exactly_once=prepared.exactly_once)
        for result in results:
            if isinstance(result, Tally):
                tally = tally.plus(result)
        failed = next((result for result in results if isinstance(result, BaseException)), None)
        if failed is not None:
            raise _in_part(failed, tally)
        return tally

    async def _prepared(self, delivery: Delivery) -> Prepared:
        """Normalise a delivery, a long one in pieces: others come in between."""
        made: list[Prepared] = []
        for piece in delivery.pieces(DOOR_PIECE_RECORDS, DOOR_PIECE_BYTES):
            if made:
                await asyncio.sleep(0)
            made.append(self._maker.make(piece))
        if len(made) == 1:
            return made[0]
        return Prepared(
            [row for one in made for row in one.rows],
            [quarantined for one in made for quarantined in one.quarantined],
            all(one.exactly_once for one in made),
        )

    def _pump(self) -> None:
        while self._free and self._queue:
            parts = [self._queue.popleft()]
            count = parts[0].end - parts[0].start
            while self._queue:
                following = self._queue[0].end - self._queue[0].start
                if count + following > _JOINED_ROWS:
                    break
                count += following
                parts.append(self._queue.popleft())
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._send(parts))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, parts: list[_Part]) -> None:
        rows = [row for part in parts for row in part.prepared.rows[part.start : part.end]]
        try:
            receipt = await self._client.submit(self._builder.build(rows))
            at = 0
            for part in parts:
                tally = tally_of(part.prepared, part.start, part.end, receipt, at)
                at += part.end - part.start
                if not part.future.done():
                    part.future.set_result(tally)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            ours = isinstance(error, WhodidError)
            failure = error if ours else LedgerError(f"the door failed: {error!r}")
            for part in parts:
                if not part.future.done():
                    part.future.set_exception(failure)
        finally:
            self._rows_waiting -= len(rows)
            self._free += 1
            self._pump()


def _in_part(error: BaseException, stored: Tally) -> BaseException:
    """Say so when a large request was stored in part before it was refused."""
    count = stored.accepted + stored.quarantined + stored.duplicate
    if not count or not isinstance(error, RefusedError):
        return error
    hint = "" if stored.exactly_once else " (with ids or an Idempotency-Key, else they come twice)"
    return RefusedError(
        f"{error}; {count} records of this request are stored, send all of it again{hint}",
        error.retry_after_s,
    )


_JOINED_ROWS = 1024


def _cuts(prepared: Prepared) -> list[tuple[int, int]]:
    """Cut a delivery into parts of a batch's size, by rows and by bytes."""
    cuts, start, size = [], 0, 0
    for number, row in enumerate(prepared.rows):
        size += len(b"".join(row.groups))  # half of what a sum of lengths costs
        if number + 1 - start >= BATCH_ROWS_MAX or size >= _BATCH_RAW_BYTES:
            cuts.append((start, number + 1))
            start, size = number + 1, 0
    if start < len(prepared.rows):
        cuts.append((start, len(prepared.rows)))
    return cuts
