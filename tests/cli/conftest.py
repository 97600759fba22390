"""The command line in this process (`cli`), and as processes of its own (`shell`)."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from whodid.cli import main
from whodid.ledger.opening import keys_of
from whodid.ledger.reader import LedgerReader

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
PASSWORD = "correct horse battery"


class Cli:
    """Runs commands on one ledger; `WHODID_DIR` and `WHODID_KEYS` are set for each."""

    def __init__(self, folder):
        self.folder = folder
        self.directory = folder / "ledger"
        self.env = {
            "WHODID_DIR": str(self.directory),
            "WHODID_KEYS": str(folder / "keys"),
            "WHODID_URL": None,
            "WHODID_TOKEN": None,
            "PORT": None,
        }
        self.runner = CliRunner()

    def __call__(self, *arguments, rc=0, stdin=None, **env):
        result = self.runner.invoke(
            main, [str(one) for one in arguments], input=stdin, env={**self.env, **env}
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == rc, result.output
        return result

    def json(self, *arguments, **options):
        return json.loads(self(*arguments, "--json", **options).stdout)

    def ingest(self, *records, source="json", **options):
        lines = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        return self.json("ingest", "--source", source, "-", stdin=lines, **options)

    def events(self):
        """Every event in the ledger, in order, read without an event of its own."""
        with self.keys_here():
            reader = LedgerReader(self.directory, keys_of(self.directory))
            try:
                found = [row.event() for row in reader.rows(0, reader.refresh())]
            finally:
                reader.close()
        return [event for event in found if event is not None]

    def own(self):
        return [event for event in self.events() if event.envelope.source == "whodid"]

    @contextlib.contextmanager
    def keys_here(self):
        before = os.environ.get("WHODID_KEYS")
        os.environ["WHODID_KEYS"] = self.env["WHODID_KEYS"]
        try:
            yield
        finally:
            if before is None:
                del os.environ["WHODID_KEYS"]
            else:
                os.environ["WHODID_KEYS"] = before

    def shell(self, *arguments, **options):
        """Start the command as a process of its own."""
        env = {key: value for key, value in self.env.items() if value is not None}
        command = [sys.executable, "-c", "from whodid.cli import main; main()", *arguments]
        return subprocess.Popen(
            [str(one) for one in command],
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )


def make(folder):
    cli = Cli(folder)
    cli("init", cli.directory, "--admin", "ann", "--password-stdin", stdin=f"{PASSWORD}\n")
    return cli


@pytest.fixture
def bare(tmp_path):
    """No ledger yet."""
    return Cli(tmp_path)


@pytest.fixture
def cli(tmp_path):
    """A fresh ledger with an administrator."""
    return make(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One ledger a module with three events, for commands that change nothing but own events."""
    cli = make(tmp_path_factory.mktemp("shared"))
    cli.ingest(
        *(
            {
                "id": f"e{n}",
                "timestamp": f"2023-10-21T15:45:2{n}.136Z",
                "userId": "john.doe@example.com",
                "action": "FILE_UPLOAD",
                "resource": "customer-records.csv",
                "status": "SUCCESS",
            }
            for n in range(3)
        )
    )
    return cli


@pytest.fixture(scope="session")
def data():
    """The folder of real logs beside the repository."""
    if not DATA.is_dir():
        pytest.skip("the real logs (../shared/data) are not here")
    return DATA
