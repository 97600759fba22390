"""The sequencer's socket: roles, garbage, full queues, peers that come and go."""

import threading
import time

import pytest

from ledger_kit import FaultyDisk, Hand
from ledger_served import Served, answer_of, own_batch
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
from whodid.ledger.client import SequencerClient
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.local import LocalSequencer, reach_sequencer
from whodid.ledger.server import ROLES
from whodid.ledger.state_db import OWN_SOURCE

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
    deadline = time.monotonic() + 60
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
    "paths": lambda c, h: c.prove_at(1, [0], 1),
    "head": lambda c, h: c.head_at(1),
    "declare": lambda c, h: c.declare_source("new", "json", "new"),
    "publish": lambda c, h: c.publish(),
    "seal": lambda c, h: c.seal(server.protocol.SealRequest([], "", 0, b"", 0, b"")),
    "report": lambda c, h: c.ask(protocol.encode(protocol.ReportRefused([]))),
    "take": lambda c, h: c.take_refused(),
    "events": lambda c, h: c.submit(h.batch([1])),
    "own": lambda c, h: c.submit(own_batch(h)),
    "other types": lambda c, h: c.submit(key_batch(h)),
    "range": lambda c, h: c.submit(range_batch(h)),
}
ALLOWED = {
    "door": {"status", "sources", "prove", "paths", "events", "report"},
    "face": {"status", "sources", "prove", "paths", "head", "own"},
    "sealer": {"status", "sources", "prove", "paths", "own", "publish", "seal", "take", "range"},
    "validator": {"status", "sources", "prove", "paths", "own"},
    "detector": {"status", "sources", "prove", "paths", "own"},
    "admin": set(QUESTIONS),
}


def key_batch(hand):
    row = hand.row(1)
    row.type, row.flags, row.identity_tag = int(LeafType.KEY), int(LeafFlag.NO_IDENTITY), bytes(16)
    return hand.builder.build([row])


def range_batch(hand):
    row = hand.row(1)
    row.type, row.flags = int(LeafType.RANGE_ROOT), int(LeafFlag.NO_IDENTITY)
    row.identity_tag, row.source_id = bytes(16), hand.sequencer.sources[OWN_SOURCE].source_id
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
    elif question == "range":
        assert (
            answer
            == "row 0 of the batch: the root of a range is cut short or of an unknown version"
        )
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
        gate.wait(60)
        return commit(batches)

    monkeypatch.setattr(hand.sequencer, "commit", slow)
    connection = served.raw()
    connection.sendall(protocol.frame(0, protocol.encode(protocol.Hello("door"))))
    answer_of(connection)
    for number in range(1, 5):
        if number == 2:  # the first is not waiting any more
            assert begun.wait(60)
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
        gate.wait(60)
        groups.append(len(batches))
        return commit(batches)

    monkeypatch.setattr(hand.sequencer, "commit", counted)
    batches = [hand.batch([n]) for n in range(8)]
    threads = [
        threading.Thread(target=served.client("door").submit, args=(data,)) for data in batches
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
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
