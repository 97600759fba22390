"""The sequencer's socket: roles, garbage, full queues, peers that come and go."""

import asyncio
import socket
import threading
import time

import msgspec
import pytest

from ledger_kit import FaultyDisk, Hand
from whodid.errors import (
    AccessDeniedError,
    InputError,
    LedgerError,
    RefusedError,
    StoppedError,
    TooLargeError,
    UsageError,
)
from whodid.ledger import protocol, server
from whodid.ledger.async_client import AsyncSequencerClient
from whodid.ledger.client import SequencerClient
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.local import LocalSequencer, reach_sequencer
from whodid.ledger.server import ROLES, SequencerServer
from whodid.ledger.state_db import OWN_SOURCE


class Served:
    """A hand's sequencer behind its socket, in a thread of this process."""

    def __init__(self, hand):
        self.hand = hand
        self.clients = []
        self.start()

    def start(self):
        self.server = SequencerServer(self.hand.sequencer, self.hand.directory)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        deadline = time.monotonic() + 10
        while not (self.hand.directory / "sock").exists() and time.monotonic() < deadline:
            time.sleep(0.001)

    def stop(self):
        self.server.stop()
        self.thread.join()

    def kill(self):
        self.stop()
        self.hand.kill()

    def client(self, role="admin", retry_s=5.0):
        client = SequencerClient(self.hand.directory, role, retry_s)
        self.clients.append(client)
        return client

    def raw(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        with server.short_path(self.hand.directory / "sock") as address:
            connection.connect(address)
        self.clients.append(connection)
        return connection


@pytest.fixture
def served(tmp_path):
    hand = Hand(tmp_path).open()
    served = Served(hand)
    yield served
    for client in served.clients:
        client.close()
    served.stop()
    hand.close()


def own_batch(hand):
    row = hand.row(1)
    row.source_id = hand.sequencer.sources[OWN_SOURCE].source_id
    return hand.builder.build([row])


# --- asking --------------------------------------------------------------------------------------


def test_everything_over_the_socket(served):
    client = served.client()
    hand = served.hand
    receipt = client.submit(hand.batch([1, 2, 3]))
    assert (receipt.first, receipt.end) == (2, 5)
    assert client.submit(hand.batch([1, 2, 3])).duplicate == 3
    source = client.declare_source("other", "auto", "shared", 4)
    assert client.sources()["other"] == source
    note = client.publish()
    status = client.status()
    assert (status.size, status.published, status.sealed, status.stopped) == (6, 6, 0, None)
    proved, proof = client.prove(3)
    assert proved == note
    assert proof
    with pytest.raises(UsageError, match="not in the log"):
        client.prove(99)
    sealer = hand.sealer()
    sealer._submit = client.seal
    assert sealer.run_once(status.size, force=True) == 6
    sealer._reader.close()
    assert client.status().sealed == 6


def test_a_checkpoint_is_published_soon(served, monkeypatch):
    monkeypatch.setattr(server, "PUBLISH_BUSY_S", 0.01)
    client = served.client("door")
    client.submit(served.hand.batch([1]))
    deadline = time.monotonic() + 10
    while client.status().published < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert client.status().published == 3


def test_the_running_sequencer_is_reached(served):
    port = reach_sequencer(served.hand.directory)
    assert isinstance(port, SequencerClient)
    port.close()


def test_without_one_the_command_is_the_sequencer(tmp_path, monkeypatch):
    hand = Hand(tmp_path)
    monkeypatch.setenv("WHODID_KEYS", str(hand.keys_root))
    port = reach_sequencer(hand.directory, clock=hand.clock, settings=hand.settings)
    assert isinstance(port, LocalSequencer)
    source = port.declare_source("app", "json", "app")
    hand.source = source
    receipt = port.submit(hand.batch([1]))
    assert receipt.accepted == 1
    assert set(port.sources()) == {"app", OWN_SOURCE}
    assert port.status().size == receipt.size
    assert port.prove(1)[0] == port.publish()
    with pytest.raises(InputError):
        port.submit(b"nothing")
    port.close()
    hand.open()
    assert hand.numbers() == [1]
    hand.close()


# --- rights --------------------------------------------------------------------------------------

QUESTIONS = {
    "status": lambda c, h: c.status(),
    "sources": lambda c, h: c.sources(),
    "prove": lambda c, h: c.prove(0),
    "declare": lambda c, h: c.declare_source("new", "json", "new"),
    "publish": lambda c, h: c.publish(),
    "seal": lambda c, h: c.seal(server.protocol.SealRequest([], "", 0, b"", 0, b"")),
    "report": lambda c, h: c.ask(protocol.encode(protocol.ReportRefused([]))),
    "take": lambda c, h: c.take_refused(),
    "events": lambda c, h: c.submit(h.batch([1])),
    "own": lambda c, h: c.submit(own_batch(h)),
    "other types": lambda c, h: c.submit(key_batch(h)),
}
ALLOWED = {
    "door": {"status", "sources", "prove", "events", "report"},
    "face": {"status", "sources", "prove", "own"},
    "sealer": {"status", "sources", "prove", "own", "publish", "seal", "take"},
    "validator": {"status", "sources", "prove", "own"},
    "admin": set(QUESTIONS),
}


def key_batch(hand):
    row = hand.row(1)
    row.type, row.flags, row.identity_tag = int(LeafType.KEY), int(LeafFlag.NO_IDENTITY), bytes(16)
    return hand.builder.build([row])


@pytest.mark.parametrize("question", sorted(QUESTIONS))
@pytest.mark.parametrize("role", ROLES)
def test_rights(served, role, question):
    client = served.client(role)
    before = served.hand.sequencer.size
    answer = "allowed"
    try:
        QUESTIONS[question](client, served.hand)
    except AccessDeniedError:
        answer = "denied"
    except LedgerError as error:
        answer = str(error)
    if question not in ALLOWED[role]:
        assert answer == "denied"
        assert served.hand.sequencer.size == before
    elif question == "seal":
        assert answer.startswith("cannot seal up to")
    else:
        assert answer == "allowed"


def test_an_unknown_role(served):
    with pytest.raises(AccessDeniedError, match="unknown role"):
        served.client("root").status()
    with pytest.raises(AccessDeniedError, match="unknown role"):
        served.client("").connect()


def test_a_hello_comes_first(served):
    connection = served.raw()
    connection.sendall(protocol.frame(7, protocol.encode(protocol.GetStatus())))
    number, answer = answer_of(connection)
    assert number == 7
    assert "hello" in answer.failed.message


def test_the_socket_is_the_users_own(served):
    assert (served.hand.directory / "sock").stat().st_mode & 0o777 == 0o600


# --- garbage -------------------------------------------------------------------------------------


def answer_of(connection):
    head = connection.recv(8, socket.MSG_WAITALL)
    if len(head) < 8:
        raise ConnectionError
    length, number = protocol.HEAD.unpack(head)
    body = connection.recv(length, socket.MSG_WAITALL)
    return number, msgspec.msgpack.decode(body, type=protocol.Answer)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff" * 50, b"whodidB\x01", b"whodidB\x01" + b"\0" * 400, b"whodidB\x02" + bytes(200),
     b"\x93" * 5000, b"\x81\xa4type\xa4Nope", b"\x81\xa4type\xa5Prove"],
)  # fmt: skip
def test_garbage_is_answered_and_the_connection_goes_on(served, body):
    connection = served.raw()
    connection.sendall(protocol.frame(1, protocol.encode(protocol.Hello("admin"))))
    assert answer_of(connection)[1].failed is None
    connection.sendall(protocol.frame(2, body))
    number, answer = answer_of(connection)
    assert number == 2
    assert answer.failed.code in {"input", "integrity", "format"}
    connection.sendall(protocol.frame(3, protocol.encode(protocol.GetStatus())))
    assert answer_of(connection)[1].status.size == 2


@pytest.mark.parametrize("sent", [b"", b"\0\0", protocol.frame(1, b"half of it")[:-3], b"\xff" * 8])
def test_half_messages_hurt_nobody(served, sent):
    connection = served.raw()
    connection.sendall(sent)
    connection.close()
    assert served.client("door").submit(served.hand.batch([1])).accepted == 1


def test_a_message_that_is_too_large_is_answered(served, monkeypatch):
    monkeypatch.setattr(server, "BATCH_BYTES_MAX", 5000)
    client = served.client("door")
    with pytest.raises(TooLargeError, match="at most 5000"):
        client.submit(served.hand.batch(range(100), pad=50))
    assert client.submit(served.hand.batch([1])).accepted == 1


def test_a_peer_that_is_gone_before_its_answer(served):
    connection = served.raw()
    connection.sendall(protocol.frame(1, protocol.encode(protocol.Hello("door"))))
    answer_of(connection)
    data = served.hand.batch([1], batch_id=b"b" * 16)
    connection.sendall(protocol.frame(2, data))
    connection.close()
    receipt = served.client("door").submit(data)
    assert (receipt.first, receipt.end) == (2, 3)
    assert served.hand.numbers() == [1]


# --- bounds and failures -------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "value"), [("QUEUE_ROWS_MAX", 5), ("QUEUE_BYTES_MAX", 1000)])
def test_a_full_queue_is_a_refusal(served, monkeypatch, bound, value):
    monkeypatch.setattr(server, bound, value)
    hand = served.hand
    gate, begun, commit = threading.Event(), threading.Event(), hand.sequencer.commit

    def slow(batches):
        begun.set()
        gate.wait(10)
        return commit(batches)

    monkeypatch.setattr(hand.sequencer, "commit", slow)
    connection = served.raw()
    connection.sendall(protocol.frame(0, protocol.encode(protocol.Hello("door"))))
    answer_of(connection)
    for number in range(1, 5):
        if number == 2:  # the first is not waiting any more
            assert begun.wait(10)
        connection.sendall(protocol.frame(number, hand.batch(range(10 * number, 10 * number + 6))))
    first, refused = answer_of(connection)
    assert first > 1
    assert refused.failed.code == "refused"
    assert "queue is full" in refused.failed.message
    gate.set()
    answers = dict(answer_of(connection) for _ in range(3))
    assert answers[1].receipt.accepted == 6
    served.client("door").submit(hand.batch([99]))
    assert served.server._rows_waiting == served.server._bytes_waiting == 0


def test_waiting_batches_share_a_sync(served, monkeypatch):
    hand = served.hand
    gate, commit, groups = threading.Event(), hand.sequencer.commit, []

    def counted(batches):
        gate.wait(10)
        groups.append(len(batches))
        return commit(batches)

    monkeypatch.setattr(hand.sequencer, "commit", counted)
    batches = [hand.batch([n]) for n in range(8)]
    threads = [
        threading.Thread(target=served.client("door").submit, args=(data,)) for data in batches
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while served.server._rows_waiting < 7 and time.monotonic() < deadline:
        time.sleep(0.005)
    gate.set()
    for thread in threads:
        thread.join()
    assert sum(groups) == 8
    assert len(groups) < 8
    assert sorted(hand.numbers()) == list(range(8))


def test_a_stopped_log_says_so(tmp_path):
    hand = Hand(tmp_path)
    disk = FaultyDisk()
    hand.open(disk)
    served = Served(hand)
    client = served.client()
    client.submit(hand.batch([1]))
    disk.arm("sync_data", r"wal/\d+$")
    for number in (2, 3):
        with pytest.raises(StoppedError, match="fsync failed"):
            client.submit(hand.batch([number]))
    assert "fsync failed" in client.status().stopped
    with pytest.raises(StoppedError):
        client.declare_source("new", "json", "new")
    client.close()
    served.kill()
    hand.open().close()


def test_a_long_backlog_refuses_doors_and_nobody_else(served, monkeypatch):
    monkeypatch.setattr(server, "BACKLOG_ENTRIES_MAX", 3)
    hand, door = served.hand, served.client("door")
    door.submit(hand.batch(range(4)))
    with pytest.raises(
        RefusedError, match="entries wait to be sealed; send more slowly"
    ) as refused:
        door.submit(hand.batch([9]))
    assert refused.value.retry_after_s == 10
    served.client("admin").submit(hand.batch([9]))
    assert hand.numbers() == [0, 1, 2, 3, 9]


def test_a_full_disk_is_a_refusal_and_the_server_lives(tmp_path, monkeypatch, capfd):
    import errno

    monkeypatch.setattr(server, "PUBLISH_BUSY_S", 0.01)
    hand = Hand(tmp_path)
    disk = FaultyDisk()
    hand.open(disk)
    served = Served(hand)
    client = served.client()
    disk.arm("create", "checkpoint$", "lost", errno.ENOSPC, times=10**6)
    client.submit(hand.batch([1]))
    with pytest.raises(RefusedError, match="no checkpoint can be written"):
        client.publish()
    time.sleep(0.05)
    disk.disarm()
    disk.free = 0
    hand.sequencer._p.free_bytes_min = 1
    with pytest.raises(RefusedError, match="free some space") as caught:
        client.submit(hand.batch([2]))
    assert caught.value.retry_after_s == 10
    disk.free = 1 << 30
    client.submit(hand.batch([2]))
    assert client.publish()
    assert hand.numbers() == [1, 2]
    client.close()
    served.stop()
    hand.close()


# --- coming back ---------------------------------------------------------------------------------


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
        client = SequencerClient(served.hand.directory, "door", 20)
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


# --- the client of an event loop -----------------------------------------------------------------


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
        client = SequencerClient(tmp_path / "ledger", "face", retry_s=0.1, answer_s=0.2)
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
            thread.join(30)
        assert len(errors) == 20
        assert time.monotonic() - began < 3, "those who wait for their turn do not add up"
    finally:
        listener.close()
