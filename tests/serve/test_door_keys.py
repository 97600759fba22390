"""A door holds the public half of the payload key only: what it wrote, it cannot read back."""

import gc
import shutil
import socket
import subprocess
import sys
from types import FunctionType, ModuleType

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from running_server import wait_until
from whodid.config.settings import Settings
from whodid.ledger.keys import Kek, KeyFolder
from whodid.ledger.opening import init_ledger
from whodid.serve.control import tell
from whodid.serve.door_process import Door

NEEDED = {"doors.key", "identity.key", "kek-1.pub"}


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path / "keys"))
    return init_ledger(tmp_path / "ledger", origin="test.example/whodid/door")


def test_a_door_reads_no_private_key(ledger, tmp_path, monkeypatch):
    read = set()
    real = KeyFolder._read

    def watched(self, name):
        read.add(name)
        return real(self, name)

    monkeypatch.setattr(KeyFolder, "_read", watched)
    door = Door(tmp_path / "ledger")
    app, client = door.app, door.client
    assert read == NEEDED
    for value in held_by(app, client):
        assert not isinstance(value, Kek | X25519PrivateKey | Ed25519PrivateKey)


def held_by(*values):
    """Yield every object that these hold, through attributes, containers and closures."""
    seen, todo = set(), list(values)
    while todo:
        value = todo.pop()
        if id(value) in seen or isinstance(value, type | ModuleType):
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, FunctionType):
            todo += value.__closure__ or ()
        else:
            todo += gc.get_referents(value)


@pytest.mark.slow
def test_a_door_works_where_the_private_keys_are_not(server, tmp_path):
    """The door's process is given a key folder of two files, and takes events all the same."""
    server.start("--doors", 1)
    server.run("source", "add", "crm", "--format", "json")
    token = server.token("--source", "crm")
    [folder] = (tmp_path / "keys").iterdir()
    bare = tmp_path / "door-keys" / folder.name
    bare.mkdir(parents=True)
    for name in NEEDED:
        shutil.copy(folder / name, bare / name)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.set_inheritable(True)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        door = subprocess.Popen(
            [sys.executable, "-m", "whodid.serve", "door", "--dir", str(server.directory),
             "--fd", str(listener.fileno())],
            env={**server.env, "WHODID_KEYS": str(tmp_path / "door-keys")},
            stdin=subprocess.PIPE, pass_fds=(listener.fileno(),),
        )  # fmt: skip
        tell(door.stdin, Settings())
    try:
        wait_until(lambda: _health(url), "the door answers")
        answer = httpx.post(
            f"{url}/v1/events",
            headers={"Authorization": f"Bearer {token}"},
            json={"id": "1", "userId": "bob", "action": "READ"},
            timeout=60,
        )
        assert answer.json()["accepted"] == 1
        assert server.json("search", "actor:bob")["total"] == 1
    finally:
        door.stdin.close()
        assert door.wait(120) == 0


def _health(url):
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
