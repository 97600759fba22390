"""The sequencer from a process with an event loop: many batches in flight on one connection.

What got no answer when the connection broke is sent again on the next one, with the same bytes
and so the same batch id: it is appended once.
"""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from whodid.errors import LedgerError, RefusedError
from whodid.ledger import protocol
from whodid.ledger.layout import SOCKET
from whodid.ledger.refusals import Refused
from whodid.ledger.server import short_path
from whodid.ledger.state_db import Receipt

RETRY_S = 15.0
_BROKEN = (OSError, EOFError, RuntimeError)
"""What a connection that ended raises; uvloop says RuntimeError for a closed transport."""


class _Waiting(msgspec.Struct):
    body: bytes
    future: "asyncio.Future[protocol.Answer]"


class AsyncSequencerClient:
    """Submits batches. One owner: the event loop it was started on."""

    def __init__(self, directory: Path, role: str) -> None:
        self._path = directory / SOCKET
        self._role = role
        self._waiting: dict[int, _Waiting] = {}
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._broken_since: float | None = None

    def start(self) -> None:
        """Begin to connect; call on the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop; what waits is refused."""
        if self._task:
            self._task.cancel()
        self._refuse("the door is closing")

    async def submit(self, batch: bytes) -> Receipt:
        """Append a batch; durable on return. Raises RefusedError or StoppedError."""
        answer = await self._ask(batch)
        if answer.receipt is None:
            raise LedgerError("the sequencer gave no receipt")
        return answer.receipt

    async def report(self, items: list[Refused]) -> None:
        """Say what was refused. Raises RefusedError."""
        await self._ask(protocol.encode(protocol.ReportRefused(items)))

    async def _ask(self, body: bytes) -> protocol.Answer:
        future: asyncio.Future[protocol.Answer] = asyncio.get_running_loop().create_future()
        self._number = number = (self._number + 1) & 0xFFFFFFFF
        self._waiting[number] = _Waiting(body, future)
        if self._writer is not None:
            with contextlib.suppress(*_BROKEN):  # it is sent again on the next connection
                self._writer.write(protocol.frame(number, body))
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._connected()
            except _BROKEN:
                pass
            finally:
                self._writer = None
            now = loop.time()
            self._broken_since = self._broken_since or now
            if now - self._broken_since > RETRY_S:
                self._refuse("the sequencer does not answer")
            await asyncio.sleep(0.05)

    async def _connected(self) -> None:
        with short_path(self._path) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=1 << 20)
        try:
            writer.write(protocol.frame(0, protocol.encode(protocol.Hello(self._role))))
            await self._answer_of(reader)
            for number, waiting in self._waiting.items():
                writer.write(protocol.frame(number, waiting.body))
            self._writer = writer
            self._broken_since = None
            while True:
                number, body = await self._answer_of(reader)
                waiting_ = self._waiting.pop(number, None)
                if waiting_ is not None and not waiting_.future.done():
                    self._settle(waiting_.future, body)
        finally:
            writer.close()

    @staticmethod
    async def _answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = await reader.readexactly(protocol.HEAD.size)
        length, number = protocol.HEAD.unpack(head)
        return number, await reader.readexactly(length)

    @staticmethod
    def _settle(future: "asyncio.Future[protocol.Answer]", body: bytes) -> None:
        try:
            future.set_result(protocol.decode_answer(body))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who asked
            future.set_exception(error)

    def _refuse(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for item in waiting.values():
            if not item.future.done():
                item.future.set_exception(RefusedError(f"{reason}; nothing is known to be stored"))
