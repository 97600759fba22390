"""The sequencer behind its socket: one thread a connection reads, one thread owns the sequencer.

All batches that wait are committed with one fsync. Rights by role: a door appends events of
declared sources but never whodid's own, and reports what it refused; faces, the validator and the
detector append only those; only the sealer seals, appends the roots of ranges, and takes what the
doors refused; the administrator (a command of the user who owns the keys) may do everything.

All peers are processes of the same operating-system user (checked); a role keeps an honest
process to its part, it does not hold against one that was taken over.
"""

import contextlib
import logging
import os
import queue
import socket
import struct
import threading
import time
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.errors import (
    AccessDeniedError,
    RefusedError,
    StoppedError,
    TooLargeError,
    UsageError,
    WhodidError,
)
from whodid.ledger import protocol
from whodid.ledger.batch import Batch, parse_batch
from whodid.ledger.layout import BATCH, SOCKET
from whodid.ledger.leaf import LeafType
from whodid.ledger.port import PATHS_AT_ONCE, Status
from whodid.ledger.refusals import Refusals
from whodid.ledger.sequencer import Sequencer
from whodid.ledger.state_db import OWN_SOURCE, Receipt
from whodid.limits import (
    BACKLOG_ENTRIES_MAX,
    BATCH_BYTES_MAX,
    PUBLISH_BUSY_S,
    PUBLISH_IDLE_S,
    QUEUE_BYTES_MAX,
    QUEUE_ROWS_MAX,
)

_log = logging.getLogger("whodid.sequencer")
ROLES = ("door", "face", "sealer", "validator", "detector", "admin")
_RIGHTS: dict[str, tuple[type, ...]] = {
    "door": (protocol.ReportRefused,),
    "face": (protocol.HeadAt,),
    "sealer": (protocol.Seal, protocol.Publish, protocol.TakeRefused),
}
"""What a role may ask beside appending and what every role may."""

_SEND_TIMEOUT_S = 10
_HOUR_S = 3600.0
_BACKLOG_S = 10.0
_SKIP_BYTES = 1 << 16
_SOL_LOCAL = 0
_XUCRED_BYTES = 76
_GROUP_MAX = 16  # requests behind one fsync; more would keep readers waiting


class _Work(Struct):
    peer: "_Peer"
    number: int
    request: "protocol.Request | Batch"


class _Peer:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.role = ""
        self._lock = threading.Lock()

    def receive(self) -> tuple[int, bytes]:
        while True:
            length, number = protocol.HEAD.unpack(_exactly(self.connection, protocol.HEAD.size))
            if length <= BATCH_BYTES_MAX:
                return number, _exactly(self.connection, length)
            # Read to its end and answered, or the peer would send it again when it reconnects.
            for start in range(0, length, _SKIP_BYTES):
                _exactly(self.connection, min(_SKIP_BYTES, length - start))
            error = TooLargeError(f"a message of {length} bytes; at most {BATCH_BYTES_MAX}")
            self.send(number, protocol.failure(error))

    def send(self, number: int, answer: protocol.Answer) -> None:
        try:
            with self._lock:
                self.connection.sendall(protocol.frame(number, protocol.encode(answer)))
        except OSError:  # a peer that does not read is dropped; it asks again with the same id
            self.drop()

    def drop(self) -> None:
        """End the connection; the thread that reads it closes it."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        got = connection.recv_into(view)
        if not got:
            raise ConnectionError("closed")
        view = view[got:]
    return bytes(data)


class SequencerServer:
    """Serves one sequencer until `stop`. `run` is called by the thread that owns it."""

    def __init__(self, sequencer: Sequencer, directory: Path) -> None:
        self._sequencer = sequencer
        self._path = directory / SOCKET
        self._queue: queue.Queue[_Work] = queue.Queue()
        self._lock = threading.Lock()  # of the next three
        self._rows_waiting = 0
        self._bytes_waiting = 0
        self._peers: set[_Peer] = set()
        self.batches = self.rows = self.refused = 0  # written by the owner of the sequencer only
        self._refusals = Refusals()
        self._stopping = threading.Event()
        self._published_s = 0.0
        self._kept_s = time.monotonic()

    def run(self) -> None:
        """Listen and serve until `stop` is called."""
        listener = listen(self._path)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            listener.close()
            with self._lock:
                peers = list(self._peers)
            for peer in peers:
                peer.drop()
            self._path.unlink(missing_ok=True)

    @property
    def waiting(self) -> tuple[int, int]:
        """(rows, bytes) of the batches that wait."""
        with self._lock:
            return self._rows_waiting, self._bytes_waiting

    def stop(self) -> None:
        """Make `run` return after the turn it is in."""
        self._stopping.set()

    # --- connections -----------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        peer = _Peer(connection)
        with self._lock:
            self._peers.add(peer)
        try:
            connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_TIMEOUT_S, 0)
            )
            if not same_user(connection):
                return
            while not self._stopping.is_set():
                number, body = peer.receive()
                self._enqueue(peer, number, body)
        except (OSError, WhodidError):
            return
        finally:
            with self._lock:
                self._peers.discard(peer)
            connection.close()

    def _enqueue(self, peer: _Peer, number: int, body: bytes) -> None:
        try:
            request = parse_batch(body) if body[:8] == BATCH else protocol.decode_request(body)
            self._authorise(peer, request)
            if isinstance(request, protocol.Hello):
                peer.role = request.role
                peer.send(number, protocol.Answer())
                return
            if isinstance(request, protocol.ReportRefused):
                self._refusals.add(request.items)
                peer.send(number, protocol.Answer())
                return
            if isinstance(request, protocol.TakeRefused):
                peer.send(number, protocol.Answer(refused=self._refusals.take()))
                return
            if isinstance(request, Batch):
                self._wait(peer.role, request)
        except WhodidError as error:
            peer.send(number, protocol.failure(error))
            return
        self._queue.put(_Work(peer, number, request))

    def _wait(self, role: str, batch: Batch) -> None:
        backlog = self._sequencer.size - self._sequencer.manifest.sealed
        if role == "door" and backlog > BACKLOG_ENTRIES_MAX:
            raise RefusedError(f"{backlog} entries wait to be sealed; send more slowly", _BACKLOG_S)
        with self._lock:
            if self._rows_waiting > QUEUE_ROWS_MAX or self._bytes_waiting > QUEUE_BYTES_MAX:
                raise RefusedError("the sequencer's queue is full; send more slowly", 1.0)
            self._rows_waiting += batch.rows
            self._bytes_waiting += len(batch.data)

    def _authorise(self, peer: _Peer, request: "protocol.Request | Batch") -> None:
        if isinstance(request, protocol.Hello):
            if request.role not in ROLES:
                raise AccessDeniedError(f"unknown role {request.role!r}")
            return
        role = peer.role
        if not role:
            raise AccessDeniedError("the first message must be a hello")
        if role == "admin" or isinstance(
            request, protocol.GetStatus | protocol.GetSources | protocol.Prove | protocol.ProveAt
        ):
            return
        if isinstance(request, Batch):
            self._authorise_batch(role, request)
        elif not isinstance(request, _RIGHTS.get(role, ())):
            raise AccessDeniedError(f"a {role} may not do that")

    def _authorise_batch(self, role: str, batch: Batch) -> None:
        own_source = self._sequencer.sources.get(OWN_SOURCE)
        own = own_source.source_id if own_source else b""
        allowed = [int(LeafType.EVENT)] + [int(LeafType.RANGE_ROOT)] * (role == "sealer")
        if not bool(np.isin(batch.table["type"], allowed).all()):
            raise AccessDeniedError(f"a {role} may append events only")
        if role == "door" and own in batch.sources:
            raise AccessDeniedError("a door may not append whodid's own events")
        if role in {"face", "sealer", "validator", "detector"} and batch.sources != (own,):
            raise AccessDeniedError(f"a {role} may append whodid's own events only")

    # --- the owner of the sequencer --------------------------------------------------------------

    def _turn(self) -> None:
        works = self._take()
        batches = [work for work in works if isinstance(work.request, Batch)]
        if batches:
            found = [work.request for work in batches if isinstance(work.request, Batch)]
            with self._lock:
                self._rows_waiting -= sum(batch.rows for batch in found)
                self._bytes_waiting -= sum(len(batch.data) for batch in found)
            answers = self._sequencer.commit(found)
            self.batches += len(found)
            self.rows += sum(batch.rows for batch in found)
            self.refused += sum(isinstance(answer, WhodidError) for answer in answers)
            for work, answer in zip(batches, answers, strict=True):
                work.peer.send(work.number, _reply(answer))
        for work in works:
            if not isinstance(work.request, Batch):
                work.peer.send(work.number, self._answer(work.request))
        self._publish_when_due()

    def _take(self) -> list[_Work]:
        try:
            works = [self._queue.get(timeout=0.05)]
        except queue.Empty:
            return []
        while self._queue.qsize() and len(works) < _GROUP_MAX:
            try:
                works.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return works

    def _answer(self, request: "protocol.Request") -> protocol.Answer:
        sequencer = self._sequencer
        try:
            match request:
                case protocol.Declare(name, format_name, domain, class_):
                    source = sequencer.declare_source(name, format_name, domain, class_)
                    return protocol.Answer(sources=[source])
                case protocol.GetSources():
                    return protocol.Answer(sources=list(sequencer.sources.values()))
                case protocol.Seal(seal_request):
                    sequencer.seal(seal_request)
                case protocol.Publish() | protocol.HeadAt() | protocol.Prove() | protocol.ProveAt():
                    return _signed(sequencer, request)
                case protocol.WantSealed(size):
                    sequencer.want_sealed(size)
                case _:
                    pass
        except WhodidError as error:
            return protocol.failure(error)
        return protocol.Answer(status=status_of(sequencer))

    def _publish_when_due(self) -> None:
        sequencer = self._sequencer
        if sequencer.stopped:
            return
        now = time.monotonic()
        wait = PUBLISH_BUSY_S if sequencer.size > sequencer.published else PUBLISH_IDLE_S
        if now - self._published_s < wait:
            return
        keep = now - self._kept_s >= _HOUR_S
        try:
            sequencer.publish(keep=keep)
        except (StoppedError, RefusedError) as error:
            word = "the log has stopped: " if isinstance(error, StoppedError) else ""
            _log.error("%s%s", word, error)
        self._published_s = now
        self._kept_s = now if keep else self._kept_s


def _reply(answer: Receipt | WhodidError) -> protocol.Answer:
    if isinstance(answer, WhodidError):
        return protocol.failure(answer)
    return protocol.Answer(receipt=answer)


def _signed(sequencer: Sequencer, request: "protocol.Request") -> protocol.Answer:
    """Answer what asks for signed heads and proofs. Raises what the sequencer does."""
    match request:
        case protocol.HeadAt(size):
            return protocol.Answer(note=sequencer.head_at(size))
        case protocol.Prove(index):
            note, proof = sequencer.prove(index)
            return protocol.Answer(note=note, proof=proof)
        case protocol.ProveAt(size, indexes, edge):
            if len(indexes) > PATHS_AT_ONCE:
                raise UsageError(f"at most {PATHS_AT_ONCE} proofs at once")
            return protocol.Answer(paths=sequencer.prove_at(size, indexes, edge))
    return protocol.Answer(note=sequencer.publish(keep=True))


def status_of(sequencer: Sequencer) -> Status:
    """Return where a sequencer stands."""
    return Status(
        sequencer.size, sequencer.durable_lsn, sequencer.published,
        sequencer.manifest.sealed, sequencer.stopped, sequencer.duplicates, sequencer.conflicts,
        sequencer.seal_wanted,
    )  # fmt: skip


def same_user(connection: socket.socket) -> bool:
    """Tell whether the peer runs as the same user (or root); True where the system cannot say."""
    if hasattr(socket, "SO_PEERCRED"):  # Linux
        data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", data)
    elif hasattr(socket, "LOCAL_PEERCRED"):  # macOS, BSD: struct xucred
        data = connection.getsockopt(_SOL_LOCAL, socket.LOCAL_PEERCRED, _XUCRED_BYTES)
        (uid,) = struct.unpack_from("I", data, 4)
    else:
        return True  # the folder's permissions (0700) keep others out
    return uid in {os.getuid(), 0}


def listen(path: Path) -> socket.socket:
    """Listen on a local socket that only this user can open; a stale one is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_path(path) as address:
        old = os.umask(0o177)
        try:
            listener.bind(address)
        finally:
            os.umask(old)
    listener.listen(64)
    return listener


class short_path:  # noqa: N801 - used as a function
    """A name for a socket path that fits the 108 bytes of sockaddr_un."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> str:
        """Open the folder when the path is too long for the system."""
        if len(str(self._path)) < 100 or not Path("/proc/self/fd").is_dir():
            return str(self._path)
        self._fd = os.open(self._path.parent, os.O_PATH | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._fd}/{self._path.name}"

    def __exit__(self, *_: object) -> None:
        """Close it again."""
        if self._fd >= 0:
            os.close(self._fd)
