"""An outsider reads /openapi.json and tries to break what it describes (schemathesis).

No request may be answered with a 5xx, and every answer must be one that the document describes.
Left out are two of its checks. That every request of the right shape is taken: JSON Schema cannot
say what a search text is, and a record that is no JSON is refused although it is text. That a wrong
token gets 401 or 403: the fuzzer sends so many that it is told to wait (429), as it should be.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chance import SEED

pytestmark = pytest.mark.slow

EXAMPLES = os.environ.get("WHODID_FUZZ_EXAMPLES", "40")
FUZZER = Path(sys.executable).with_name("schemathesis")


@pytest.fixture(scope="module")
def filled(source):
    """A source with some events, one of them hostile."""
    names = ["plain.csv", '"><script>alert(1)</script>', "\u202egnp.exe", "a" * 3000]
    source.send([
        {"id": f"{n}", "timestamp": "2026-11-22T10:00:00Z", "userId": "alice", "action": "READ",
         "resource": names[n % len(names)], "rows": n}
        for n in range(100)
    ])  # fmt: skip
    return source


def fuzz(server, token, folder, *options):
    """Run the fuzzer and return its report."""
    report = folder / "report.json"
    command = [
        str(FUZZER), "run", f"{server.url}/openapi.json", "-H", f"Authorization: Bearer {token}",
        "--phases", "coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", f"{SEED}",
        "--exclude-checks", "positive_data_acceptance,ignored_auth", "--warnings", "off",
        "--no-color", "--generation-database", "none", "--report-json-path", str(report), *options,
    ]  # fmt: skip
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, timeout=3600
    )
    said = "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines())
    assert done.returncode == 0, said[-6000:]
    return json.loads(report.read_text())


def test_no_read_breaks_it(server, filled, tmp_path):
    token = server.token("--user", "ann")
    report = fuzz(
        server, token, tmp_path, "--exclude-path", "/v1/tail", "--exclude-path", "/v1/events"
    )
    assert report
    assert "Traceback" not in server.said()


def test_no_tail_breaks_it(server, filled, tmp_path):
    # A stream that goes on is right: the fuzzer's patience is not the point, its questions are.
    token = server.token("--user", "ann")
    options = ("--include-path", "/v1/tail", "--request-timeout", "1", "--max-examples", "8")
    fuzz(server, token, tmp_path, *options)
    assert "Traceback" not in server.said()


def test_no_record_breaks_it(server, filled, tmp_path):
    fuzz(server, server.token("--source", filled.name), tmp_path, "--include-path", "/v1/events")
    assert "Traceback" not in server.said()
