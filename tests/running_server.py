"""A server as its users meet it: `whodid serve` in processes of its own, on a free port."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

COMMAND = [sys.executable, "-c", "from whodid.cli import main; main()"]
PASSWORD = "correct horse battery"


class RunningServer:
    """One ledger and, between `start` and `stop`, its server."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.directory = self.folder / "ledger"
        self.errors = self.folder / "stderr"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WHODID_") and k != "PORT"}
        self.env = {
            **kept,
            "WHODID_DIR": str(self.directory),
            "WHODID_KEYS": str(self.folder / "keys"),
        }
        self.process = None
        self.trust = True
        self.url = None

    def run(self, *arguments, rc=0, stdin="", **env):
        """Run a command to its end."""
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            check=False, input=stdin, capture_output=True, text=True, timeout=300,
            env={**self.env, **env},
        )  # fmt: skip
        assert done.returncode == rc, done
        return done

    def json(self, *arguments, **options):
        return json.loads(self.run(*arguments, "--json", **options).stdout)

    def verified(self):
        """Return the faults that `whodid verify` finds, the server running or not."""
        command = [*COMMAND, "verify", str(self.directory), "--index", "--json"]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=300, env=self.env
        )
        document = json.loads(done.stdout)
        assert document["ok"] is (done.returncode == 0)
        return document["faults"] + document["index"]

    def init(self):
        stdin = f"{PASSWORD}\n"
        self.run("init", self.directory, "--admin", "root", "--password-stdin", stdin=stdin)
        ann = ("--role", "investigator", "--password-stdin")
        self.run("user", "add", "ann", *ann, stdin=stdin)
        return self

    def token(self, *options):
        return self.run("token", "issue", *options).stdout.strip()

    def spawn(self, *options):
        """Start `whodid serve` and return its process."""
        with self.errors.open("ab") as errors:
            return subprocess.Popen(
                [*COMMAND, "serve", "--port", "0", *map(str, options)],
                env=self.env, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
            )  # fmt: skip

    def start(self, *options):
        self.errors.write_bytes(b"")
        self.process = self.spawn(*options)
        wait_until(self._said_where, "the server says where it is")
        self.wait_ready()
        return self

    def _said_where(self):
        assert self.process.poll() is None, self.said()
        found = re.search(r"on (https?://\S+)/", self.said())
        self.url = found[1] if found else None
        return found

    def wait_ready(self):
        wait_until(self.ready, "the server is ready")

    def ready(self):
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz", timeout=5, verify=self.trust).status_code == 200
        return False

    def said(self):
        return self.errors.read_text(errors="replace")

    def children(self):
        """Return the process ids of the server's processes by name."""
        found = {}
        for pid, name in self._processes():
            found.setdefault(name, []).append(pid)
        return found

    def alive(self):
        """Return the process ids of all processes that serve this ledger."""
        return [pid for pid, _ in self._processes()]

    def _processes(self):
        """Return (process id, name), from one look at each: it may end before a second one."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with contextlib.suppress(OSError):
                    words = (folder / "cmdline").read_bytes().decode().split("\0")
                    if "whodid.serve" in words and str(self.directory) in words:
                        found.append((int(folder.name), words[words.index("whodid.serve") + 1]))
        return found

    def client(self, token=None, **options):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=60, verify=self.trust, **options
        )

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(120)
        wait_until(lambda: not self.alive(), "all processes have ended")
        return self.process.returncode if self.process else 0


def wait_until(true, what, seconds=120):
    """Wait for something that other processes do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"it did not come to pass in {seconds} s: {what}")
