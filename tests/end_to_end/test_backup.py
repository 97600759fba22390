"""A backup of a real server while four writers send to it."""

import json
import threading

import httpx
import pytest


@pytest.mark.slow
def test_a_backup_while_others_write(server, tmp_path):
    server.run("source", "add", "busy", "--format", "json")
    token = server.token("--source", "busy")
    before = ids_in(server)
    acknowledged, stopping = [], threading.Event()

    def write(writer):
        with server.client(token) as client:
            number = 0
            while not stopping.is_set():
                ids = [f"{writer}-{number + n}" for n in range(50)]
                body = "\n".join(
                    json.dumps({"id": i, "userId": "bo", "action": "read"}) for i in ids
                )
                answer = client.post("/v1/events", content=body)
                if answer.status_code == httpx.codes.OK:
                    acknowledged.extend(ids)
                number += 50
                stopping.wait(0.1)  # the machine is for the backup too

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    try:
        made = []
        for _ in range(3):
            held = len(acknowledged)
            answer = server.json("backup", tmp_path / "b")
            made.append((held, answer))
    finally:
        stopping.set()
        for writer in writers:
            writer.join()
    held, last = made[-1]
    assert last["size"] >= before + held
    assert last["bytes_copied"] < last["bytes"]
    pub = next((server.directory.parent / "keys").glob("*/log.vkey"))
    verdict = server.json("verify", tmp_path / "b", "--pub", pub)
    assert (verdict["ok"], verdict["leaves"]) == (True, last["size"])
    whole = server.json("verify", tmp_path / "b")
    assert (whole["ok"], whole["opened"]) == (True, last["size"])
    assert server.verified() == []
    own = server.json("search", "--own", 'action:"backup made"')["events"]
    assert len(own) == 3


def ids_in(server):
    return server.json("search", "--limit", "1")["total"]
