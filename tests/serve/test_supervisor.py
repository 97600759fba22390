"""The server's processes: they start, are restarted, and end in order, however it comes."""

import os
import signal
import socket
import threading
from pathlib import Path

import httpx
import pytest

from running_server import wait_until

RECORD = {"userId": "bob", "action": "READ", "resource": "customers"}
SOCKETS = {"sock", "faces.sock"}


def sockets(server):
    return {path.name for path in server.directory.iterdir() if path.is_socket()}


def post(server, token, event_id):
    with server.client(token) as client:
        answer = client.post("/v1/events", json={**RECORD, "id": event_id})
        return answer.json()["accepted"] + answer.json()["duplicate"]


def test_it_starts_serves_and_ends_without_a_trace(server):
    _patient(server)
    server.start()
    kinds = wait_until(lambda: _whole(server), "each process runs, and none that is being forked")
    for pids in kinds.values():  # memory that threads leave in pieces
        given = (b"\0" + Path(f"/proc/{pids[0]}/environ").read_bytes()).split(b"\0")
        assert {b"MALLOC_ARENA_MAX=1", b"OPENBLAS_NUM_THREADS=1"} <= set(given)
    assert sockets(server) == SOCKETS
    for name in SOCKETS:
        assert (server.directory / name).stat().st_mode & 0o77 == 0
    health = httpx.get(f"{server.url}/healthz", timeout=60).json()
    assert (health["ready"], health["reasons"], health["stopped"]) == (True, [], None)
    assert "whodid_ready 1" in httpx.get(f"{server.url}/metrics", timeout=60).text
    assert server.stop() == 0
    assert sockets(server) == set()
    assert server.said() == f"whodid serves {server.directory} on {server.url}/\n"
    assert server.json("verify", server.directory)["ok"]


def _whole(server):
    """Return the processes by name if they are those of a server with two doors."""
    kinds = server.children()
    counts = {name: len(pids) for name, pids in kinds.items()}
    expected = {
        "sequencer": 1, "follower": 1, "detector": 1, "validator": 1, "faces": 1, "door": 2,
    }  # fmt: skip
    return kinds if counts == expected else None


def test_a_second_server_on_one_ledger_says_so_and_harms_nothing(server):
    server.start()
    second = server.run("serve", "--port", "0", rc=1)
    assert "another server runs on" in second.stderr
    assert sockets(server) == SOCKETS
    server.wait_ready()
    wait_until(lambda: _whole(server), "the first one goes on")


@pytest.mark.slow
def test_sigint_ends_it_at_once_though_a_tail_is_open(server):
    server.start()
    token = server.token("--user", "ann")
    began, ended = threading.Event(), threading.Event()

    def tail():
        with server.client(token) as client, client.stream("GET", "/v1/tail") as answer:
            for _ in answer.iter_raw():
                began.set()
        ended.set()

    threading.Thread(target=tail, daemon=True).start()
    assert began.wait(60)
    assert server.stop(signal.SIGINT) == 0
    assert ended.wait(60), "and the tail was ended in order, not cut off"
    assert "Traceback" not in server.said()
    assert sockets(server) == set()


@pytest.mark.slow
def test_whatever_child_dies_comes_again_and_nothing_is_lost(server):
    server.start()
    server.run("source", "add", "crm", "--format", "json")
    token = server.token("--source", "crm")
    sent = 0
    for name in ("door", "faces", "follower", "sequencer"):
        [victim, *_] = server.children()[name]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: _sent(server, token, f"e{sent}"), "an event is taken again")  # noqa: B023
        sent += 1
        wait_until(lambda: _again(server, name, victim), f"{name} runs again")  # noqa: B023
        server.wait_ready()
    assert server.json("search", "actor:bob")["total"] == sent
    assert server.said().count("ended with status -9; again in") == 4
    server.stop()
    verdict = server.json("verify", server.directory, "--index")
    assert (verdict["ok"], verdict["faults"], verdict["index"]) == (True, [], [])


def _sent(server, token, event_id):
    """Send until it is acknowledged; always with the same id, so it is stored once."""
    try:
        return post(server, token, event_id) == 1
    except (httpx.HTTPError, KeyError):
        return False


def _again(server, name, victim):
    pids = server.children().get(name, [])
    return victim not in pids and len(pids) == (2 if name == "door" else 1)


@pytest.mark.slow
def test_children_end_by_themselves_when_the_supervisor_is_killed(server):
    server.start()
    server.process.kill()
    server.process.wait(60)
    wait_until(lambda: not server.alive(), "its children have ended")
    assert "Traceback" not in server.said()
    assert "Fatal Python error" not in server.said()
    server.start()


def test_settings_are_read_again_while_it_runs(server):
    file = server.directory / "whodid.toml"
    file.write_text("[log]\nlevel = 'info'\n")
    server.start("--doors", "1")
    file.write_text("[log]\naccess = true\n[ledger]\nseal_after_seconds = 60\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "were read again" in server.said(), "the settings are read again")
    assert (
        'changed="log.access, ledger.seal_after_seconds" after_a_restart=ledger.seal_after_seconds'
        in server.said()
    )
    wait_until(lambda: server.ready() and "route=/healthz" in server.said(), "it acts")
    before = {name: sorted(pids) for name, pids in server.children().items()}
    file.write_text("[log]\nlevel = 'loud'\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the settings stay as they were" in server.said(), "what is wrong is said")
    assert "whodid.toml line 2: log.level" in server.said()
    assert {name: sorted(pids) for name, pids in server.children().items()} == before
    server.wait_ready()


def _patient(server):
    """Let it wait for its processes far longer than the test waits for it."""
    known = os.environ.get("PYTHONPATH")
    patient = str(Path(__file__).with_name("patient"))
    server.env["PYTHONPATH"] = os.pathsep.join([patient, known] if known else [patient])


def test_a_request_under_way_is_finished_before_the_end(server):
    _patient(server)
    server.run("source", "add", "crm", "--format", "json")
    token = server.token("--source", "crm")
    server.start("--doors", "1")
    port = int(server.url.rpartition(":")[2])
    body = b'{"id":"last","action":"READ"}'
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        line.sendall(
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 100 "), "the door waits for the body"
        line.sendall(body[:5])
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "faces" not in server.children(), "the end has begun")
        line.sendall(body[5:])
        assert line.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert server.stop() == 0
    document = server.json("verify", server.directory)
    assert document["ok"]
    assert server.json("search", "source:crm")["total"] == 1


def test_a_second_signal_does_not_wait(server):
    _patient(server)
    server.start("--doors", "1")
    [door] = server.children()["door"]
    os.kill(door, signal.SIGSTOP)  # it cannot end in order
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "faces" not in server.children(), "the first signal was heard")
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not server.alive(), "nobody is left")
    assert server.process.wait(120) == 0
    assert "door-1 does not end and is killed" in server.said()


@pytest.mark.slow
def test_a_crash_loop_is_told_and_makes_the_server_unready(server):
    server.start("--doors", "2")
    for _ in range(3):
        [victim, *_] = server.children()["follower"]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: _again(server, "follower", victim), "it runs again")  # noqa: B023

    def told():
        answer = httpx.get(f"{server.url}/healthz", timeout=60)
        reason = "the process follower ends again and again: see its log"
        return answer.status_code == 503 and reason in answer.json()["reasons"]

    wait_until(told, "the server is not ready, and says why")
    assert "follower ends again and again end=sigkill" in server.said()
