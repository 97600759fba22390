"""A server whose index is damaged while it runs answers right, and mends it without a restart."""

import shutil
from contextlib import suppress

import pytest

from running_server import RunningServer, wait_until

pytestmark = pytest.mark.slow

EVENTS = 3000


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A server of its own, with so many events in segments."""
    server = RunningServer(tmp_path_factory.mktemp("damaged")).init().start()
    server.run("source", "add", "app", "--format", "json")
    with server.client(server.token("--source", "app")) as sender:
        for start in range(0, EVENTS, 500):
            rows = [
                {"id": f"d{n}", "userId": f"user{n % 50}", "action": "READ", "resource": f"r{n}"}
                for n in range(start, start + 500)
            ]
            assert sender.post("/v1/events", json=rows).status_code == 200
    with server.client(server.token("--user", "ann")) as reader:
        yield server, reader
    server.stop()


def total(reader, text):
    reply = reader.get("/v1/search", params={"q": text, "limit": 1})
    assert reply.status_code == 200, reply.text
    return reply.json()["total"], reply.json()["warnings"]


def files(server):
    return sorted((server.directory / "index").glob("0*-????????"))


def flip(path, where):
    with path.open("r+b") as file:
        at = int(where * (path.stat().st_size - 1))
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x55]))


ACTS = {
    **{f"flip at {where}": where for where in (0, 0.01, 0.3, 0.6, 1)},
    "delete": None, "cut": None, "catalog deleted": None, "catalog flipped": None,
    "catalog emptied": None, "folder deleted": None,
}  # fmt: skip


@pytest.mark.parametrize("act", list(ACTS))
def test_it_answers_right_meanwhile_and_is_mended(act, damaged):
    server, reader = damaged
    path = wait_until(lambda: damage(server, act), "a file of the index was there to be damaged")
    assert total(reader, "source:app")[0] == EVENTS
    assert total(reader, "actor:user7")[0] == EVENTS // 50
    assert total(reader, "r1234")[0] == 1
    wait_until(lambda: not path.exists() or not act.startswith("flip"), f"{path.name} is replaced")
    wait_until(
        lambda: files(server) and total(reader, "actor:user7")[1] == [], "no warning is left"
    )
    wait_until(lambda: server.verified() == [], "verify finds nothing")
    assert total(reader, "actor:user7")[0] == EVENTS // 50


def damage(server, act):
    """Do it to the largest segment; None if there is none, or the server just replaced it."""
    with suppress(FileNotFoundError):
        path = max(files(server), key=lambda file: file.stat().st_size, default=None)
        if path is not None:
            do(server, act, path)
            return path
    return None


def do(server, act, path):
    if act.startswith("flip"):
        flip(path, ACTS[act])
    elif act == "delete":
        path.unlink()
    elif act == "cut":
        with path.open("r+b") as file:
            file.truncate(1000)
    elif act == "folder deleted":
        aside = server.directory.with_name("deleted")  # in one step: the server writes into it
        (server.directory / "index").rename(aside)
        shutil.rmtree(aside)
    else:
        catalog = server.directory / "index" / "catalog"
        if act == "catalog deleted":
            catalog.unlink()
        elif act == "catalog flipped":
            flip(catalog, 0.5)
        else:
            catalog.write_bytes(b"")
