"""A disk that really fills up: refused by name, nothing lost, and on with it when there is room.

The ledger lies on a small memory disk in a mount namespace of its own, which needs root.
"""

import os
import shutil
import subprocess
import sys

import pytest

from running_server import COMMAND, PASSWORD, RunningServer, wait_until

pytestmark = pytest.mark.slow

MEGABYTES = 480
RECORD = {"userId": "bob", "action": "READ", "resource": "customers"}
PREPARE = 'mount -t tmpfs -o size="$1"m tmpfs "$2" && shift 2 && exec "$@"'


class ServerOnSmallDisk(RunningServer):
    """Its ledger is seen by its own processes only; commands are run beside them."""

    def __init__(self, folder):
        super().__init__(folder)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.directory = self.disk / "ledger"
        self.env["WHODID_DIR"] = str(self.directory)

    def spawn(self, *options):
        serve = (
            f"$0 init {self.directory} && echo {PASSWORD} |"
            " $0 user add ann --role investigator --password-stdin && exec $0 serve --port 0"
        )
        whodid = self.folder / "whodid"
        whodid.write_text(f"#!{sys.executable}\nfrom whodid.cli import main\nmain()\n")
        whodid.chmod(0o700)
        with self.errors.open("ab") as errors:
            return subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", PREPARE, "sh",
                 str(MEGABYTES), str(self.disk), "sh", "-c", serve, str(whodid), *options],
                env=self.env, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
            )  # fmt: skip

    def inside(self, *command, rc=0, stdin=None):
        done = subprocess.run(
            ["nsenter", "--mount", f"--target={self.process.pid}", *map(str, command)],
            check=False, capture_output=True, text=True, timeout=120, env=self.env, input=stdin,
        )  # fmt: skip
        assert done.returncode == rc, done
        return done.stdout

    def run(self, *arguments, rc=0, stdin="", **_env):
        done = subprocess.CompletedProcess(arguments, rc)
        done.stdout = self.inside(*COMMAND, *arguments, rc=rc, stdin=stdin)
        return done

    def leave_free(self, megabytes):
        """Fill the disk until only so much is left."""
        (free,) = self.inside("df", "-BM", "--output=avail", self.disk).split()[1:]
        size = int(free.rstrip("M")) + 1 - megabytes
        fill = ("dd", "if=/dev/zero", f"of={self.disk}/filler", "bs=1M", f"count={size}")
        self.inside(*fill, rc=0 if megabytes else 1)

    def make_room(self):
        self.inside("rm", self.disk / "filler")


@pytest.fixture
def server(tmp_path):
    if os.geteuid() or not shutil.which("unshare") or not shutil.which("nsenter"):
        pytest.skip("a private mount needs root, unshare and nsenter")
    trial = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "mount",
        "-t",
        "tmpfs",
        "none",
        "/mnt",
    ]
    if subprocess.run(trial, check=False, capture_output=True).returncode:
        pytest.skip("a private mount is not permitted here")
    server = ServerOnSmallDisk(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    "left_megabytes", [100, 0], ids=["below what it keeps", "to the last byte"]
)
def test_a_full_disk_refuses_by_name_and_goes_on_when_there_is_room(server, left_megabytes):
    server.run("source", "add", "crm", "--format", "json")
    tokens = server.token("--source", "crm"), server.token("--user", "ann")
    with server.client(tokens[0]) as writer, server.client(tokens[1]) as reader:
        fill_and_free(server, writer, reader, left_megabytes)


def fill_and_free(server, writer, reader, left_megabytes):
    def post(name):
        return writer.post("/v1/events", json={**RECORD, "id": name})

    assert post("before").status_code == 200
    server.leave_free(left_megabytes)
    for number in range(3):
        refused = post(f"full{number}")
        assert refused.status_code == 503, refused.text
        assert int(refused.headers["retry-after"]) > 0
        assert "disk" in refused.json()["error"]["message"]
        assert int(refused.headers["retry-after"]) >= 1
    search = reader.get("/v1/search", params={"q": "actor:bob"})
    assert search.status_code == 503, "a read that cannot be recorded is not answered"
    assert "disk" in search.json()["error"]["message"]
    assert "customers" not in search.text
    assert server.run("search", "actor:bob", rc=1).stdout == ""
    health = reader.get("/healthz")
    assert health.status_code in {200, 503}
    assert reader.get("/ledger/default/checkpoint").status_code == 200
    server.make_room()
    wait_until(lambda: post("full0").status_code == 200, "events are taken again")
    assert post("full0").json()["duplicate"] == 1
    found = reader.get("/v1/search", params={"q": "actor:bob"}).json()
    assert found["total"] == 2
    server.wait_ready()
    lines = b"".join(
        b'{"id":"more%d","userId":"bob","action":"READ"}\n' % number for number in range(20_000)
    )
    assert writer.post("/v1/events", content=lines).json()["accepted"] == 20_000
    wait_until(lambda: reader.get("/healthz").json()["sealed"] >= 16_384, "the follower goes on")
    assert "Traceback" not in server.said()
    assert '"ok": true' in server.inside(*COMMAND, "verify", server.directory, "--json")
