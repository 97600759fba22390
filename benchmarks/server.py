"""The server that is measured: `whodid serve` on a new ledger, on a real disk, everything on."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.events import BUILD
from benchmarks.processes import children, command_line, cpu_s
from whodid.index.catalog import gaps, read_catalog
from whodid.ledger.client import SequencerClient
from whodid.ledger.opening import keys_of
from whodid.limits import UNIT_ROWS

_START_S = 60.0
_WHODID = str(Path(sys.executable).with_name("whodid"))
_PORT = re.compile(r"http://127\.0\.0\.1:(\d+)/")


@dataclass(frozen=True, slots=True)
class Standing:
    """Entries that are durable, sealed and in the index."""

    durable: int
    sealed: int
    indexed: int

    @property
    def behind(self) -> int:
        """How many entries the slower follower has not done; a unit that is not full may wait."""
        full_units = self.durable - self.durable % UNIT_ROWS
        return max(self.durable - self.indexed, full_units - self.sealed)


class Server:
    """A ledger with a reader, and its server: `ledger` is the folder, `port` the address."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ledger = home / "ledger"
        self.port = 0
        self._environment = os.environ | {"WHODID_KEYS": str(home / "keys")}
        self._process: subprocess.Popen[str] | None = None
        self._client: SequencerClient | None = None
        self._said: list[str] = []
        self._has_reader = False
        password = "not a secret\n"
        self.command(
            "init", str(self.ledger), "--admin", "bench", "--password-stdin", text=password
        )
        with self.at_home():
            self.keys = keys_of(self.ledger)

    @contextmanager
    def at_home(self) -> Iterator[None]:
        """Let this process find the keys, which only this ledger's processes know."""
        before = os.environ.get("WHODID_KEYS")
        os.environ["WHODID_KEYS"] = self._environment["WHODID_KEYS"]
        try:
            yield
        finally:
            if before is None:
                del os.environ["WHODID_KEYS"]
            else:
                os.environ["WHODID_KEYS"] = before

    def command(self, *arguments: str, text: str = "") -> str:
        """Run a command of whodid on this ledger and return what it prints."""
        done = subprocess.run(
            [_WHODID, *arguments], env=self.environment,
            input=text, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"whodid {' '.join(arguments)}: {done.stderr.strip()[-500:]}")
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of this ledger."""
        return self._environment | {"WHODID_DIR": str(self.ledger)}

    def token(self, source: str) -> str:
        """Declare a source of short JSON and return a token that writes it."""
        self.command("source", "add", source, "--format", "json")
        return self.command("token", "issue", "--source", source).strip()

    def read_token(self) -> str:
        """Return a token that reads: the administrator's would not."""
        if not self._has_reader:
            reader = ("--role", "investigator", "--password-stdin")
            self.command("user", "add", "reader", *reader, text="another secret\n")
            self._has_reader = True
        return self.command("token", "issue", "--user", "reader").strip()

    def start(self) -> None:
        """Start the server and wait until it listens."""
        self.port = 0
        self._said.clear()
        self._process = subprocess.Popen(
            [_WHODID, "serve", "--port", "0"],
            env=self.environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        listening = threading.Event()
        threading.Thread(target=self._listen, args=(listening,), daemon=True).start()
        if not listening.wait(_START_S) or not self.port:
            raise RuntimeError(f"whodid serve did not start: {' '.join(self._said)[-500:]}")
        self._client = SequencerClient(self.ledger, "admin")

    def _listen(self, listening: threading.Event) -> None:
        process = self._process
        if process is None or process.stderr is None:
            return
        for line in process.stderr:
            self._said.append(line.strip())
            found = _PORT.search("".join(self._said))  # a terminal's width may break the line
            if found and not self.port:
                self.port = int(found[1])
                listening.set()
        listening.set()

    @property
    def complaints(self) -> list[str]:
        """What its processes printed after the first line."""
        return [line for line in self._said if line and not _PORT.search(line)][1:]

    def pids(self) -> dict[int, str]:
        """Return the running processes: number → name."""
        if self._process is None:
            return {}
        found = {self._process.pid: "supervisor"}
        for pid in children(self._process.pid):
            line = command_line(pid)
            if "whodid.serve" in line:
                found[pid] = line[line.index("whodid.serve") + 1]
        return found

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds used so far, by name of process."""
        used: dict[str, float] = {}
        for pid, name in self.pids().items():
            used[name] = used.get(name, 0.0) + cpu_s(pid)
        return used

    def standing(self) -> Standing:
        """Return where ledger, sealer and index are."""
        assert self._client is not None
        status = self._client.status()
        entries = read_catalog(self.ledger, self.keys.ledger_id)
        missing = sum(end - first for first, end in gaps(entries, status.size))
        return Standing(status.size, status.sealed, status.size - missing)

    def wait_current(self, seconds_max: float) -> float:
        """Wait until the followers are current; return the seconds it took, or inf."""
        start_s = time.perf_counter()
        while time.perf_counter() - start_s < seconds_max:
            if self.standing().behind <= 0:
                return time.perf_counter() - start_s
            time.sleep(0.05)
        return float("inf")

    def stop(self) -> None:
        """End the server in order; kill what does not end."""
        process, self._process = self._process, None
        if self._client is not None:
            self._client.close()
            self._client = None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            for pid in [*children(process.pid), process.pid]:
                os.kill(pid, 9)
            process.wait()


@contextmanager
def new_server() -> Iterator[Server]:
    """Make a ledger with its server; end it and remove the ledger."""
    BUILD.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="ledger-", dir=BUILD))
    server = None
    try:
        server = Server(home)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(home, ignore_errors=True)
