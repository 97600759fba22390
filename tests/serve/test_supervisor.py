"""The server's processes: they start, are restarted, and end in order, however it comes."""

import os
import signal
import threading

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
    server.start()
    kinds = server.children()
    assert {name: len(pids) for name, pids in kinds.items()} == {
        "sequencer": 1, "follower": 1, "validator": 1, "faces": 1, "door": 2,
    }  # fmt: skip
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


def test_a_second_server_on_one_ledger_says_so_and_harms_nothing(server):
    server.start()
    second = server.run("serve", "--port", "0", rc=1)
    assert "another server runs on" in second.stderr
    assert sockets(server) == SOCKETS
    assert server.ready()
    assert len(server.alive()) == 6


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
    assert server.ready()
