"""The sequencer from another process: a blocking client of its socket.

A batch that got no answer (the sequencer was restarted) is sent again with the same batch id, so
it is appended once. Safe for threads; one request at a time.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from whodid.errors import LedgerError, RefusedError
from whodid.ledger import protocol
from whodid.ledger.hash_tree import Paths
from whodid.ledger.layout import SOCKET
from whodid.ledger.port import PATHS_AT_ONCE, Status
from whodid.ledger.refusals import Refused
from whodid.ledger.seal_request import SealRequest
from whodid.ledger.server import short_path
from whodid.ledger.state_db import Receipt, Source

RETRY_S = 15.0


class SequencerClient:
    """A `SequencerPort` over the socket in DIR.

    With `answer_s` a sequencer that lives but does not answer is one that is not there.
    """

    def __init__(
        self, directory: Path, role: str, retry_s: float = RETRY_S, answer_s: float | None = None
    ) -> None:
        self._path = directory / SOCKET
        self._role = role
        self._retry_s = retry_s
        self._answer_s = answer_s
        self._connection: socket.socket | None = None
        self._number = 0
        self._lock = threading.Lock()

    def connect(self) -> None:
        """Connect now. Raises OSError when no sequencer listens."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._answer_s)
        try:
            with short_path(self._path) as address:
                connection.connect(address)
            self._connection = connection
            self._exchange(protocol.encode(protocol.Hello(self._role)))
        except BaseException:
            connection.close()
            self._connection = None
            raise

    def _exchange(self, body: bytes) -> protocol.Answer:
        assert self._connection is not None
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._connection.sendall(protocol.frame(self._number, body))
        length, number = protocol.HEAD.unpack(self._read(protocol.HEAD.size))
        answer = self._read(length)
        if number != self._number:
            raise ConnectionError("an answer to another request")
        return protocol.decode_answer(answer)

    def _read(self, size: int) -> bytes:
        assert self._connection is not None
        parts = bytearray()
        while len(parts) < size:
            part = self._connection.recv(min(size - len(parts), 1 << 20))
            if not part:
                raise ConnectionError("the sequencer closed the connection")
            parts += part
        return bytes(parts)

    def ask(self, body: bytes) -> protocol.Answer:
        """Send a body and return its answer, connecting again while the sequencer restarts.

        Raises what the sequencer answers; RefusedError when it does not come back in time.
        """
        deadline = time.monotonic() + self._retry_s
        with self._turn():
            while True:
                try:
                    if self._connection is None:
                        self.connect()
                    return self._exchange(body)
                except OSError as error:
                    self._drop()
                    if time.monotonic() >= deadline:
                        raise RefusedError(
                            f"the sequencer does not answer ({error}); what was sent may be stored:"
                            " send it again with the same ids"
                        ) from error
                    time.sleep(0.05)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other thread asks. Raises RefusedError when that takes `answer_s`."""
        if not self._lock.acquire(timeout=-1 if self._answer_s is None else self._answer_s):
            raise RefusedError("the sequencer does not answer; nothing was sent")
        try:
            yield
        finally:
            self._lock.release()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def submit(self, batch: bytes) -> Receipt:
        """Append a batch; durable on return."""
        receipt = self.ask(batch).receipt
        if receipt is None:
            raise LedgerError("the sequencer gave no receipt")
        return receipt

    def status(self) -> Status:
        """Return where the log stands."""
        status = self.ask(protocol.encode(protocol.GetStatus())).status
        if status is None:
            raise LedgerError("the sequencer gave no status")
        return status

    def declare_source(self, name: str, format_name: str, domain: str, class_: int = 0) -> Source:
        """Open a source, or return the one that is open."""
        message = protocol.Declare(name, format_name, domain, class_)
        return (self.ask(protocol.encode(message)).sources or [])[0]

    def sources(self) -> dict[str, Source]:
        """Return the declared sources by name."""
        found = self.ask(protocol.encode(protocol.GetSources())).sources or []
        return {source.name: source for source in found}

    def seal(self, request: SealRequest) -> None:
        """Name sealed files in the manifest."""
        self.ask(protocol.encode(protocol.Seal(request)))

    def publish(self) -> str:
        """Sign a checkpoint of everything durable and return the note."""
        return self.ask(protocol.encode(protocol.Publish())).note or ""

    def prove(self, index: int) -> tuple[str, list[bytes]]:
        """Return (signed checkpoint that covers the entry, inclusion proof)."""
        answer = self.ask(protocol.encode(protocol.Prove(index)))
        return answer.note or "", answer.proof or []

    def prove_at(self, size: int, indexes: Sequence[int], edge: int) -> Paths:
        """Return inclusion proofs in the tree of `size` entries, which are published."""
        paths: list[list[bytes]] = []
        found = Paths([], [])
        for start in range(0, max(len(indexes), 1), PATHS_AT_ONCE):
            chosen = list(indexes[start : start + PATHS_AT_ONCE])
            answer = self.ask(protocol.encode(protocol.ProveAt(size, chosen, edge)))
            if answer.paths is None:
                raise LedgerError("the sequencer gave no proofs")
            found = answer.paths
            paths += found.paths
        return Paths(paths, found.edge)

    def want_sealed(self, size: int) -> None:
        """Ask whoever seals to seal the entries below `size` now."""
        self.ask(protocol.encode(protocol.WantSealed(size)))

    def head_at(self, size: int) -> str:
        """Return a signed checkpoint of the first `size` entries."""
        return self.ask(protocol.encode(protocol.HeadAt(size))).note or ""

    def take_refused(self) -> list[Refused]:
        """Return what the doors refused since the last call."""
        return self.ask(protocol.encode(protocol.TakeRefused())).refused or []

    def close(self) -> None:
        """Close the connection."""
        self._drop()
