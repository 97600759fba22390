"""Standard output that closes early, or was never open: quiet either way."""

import pytest


@pytest.fixture(scope="module")
def full(shared):
    shared.ingest(*({"id": f"p{n}", "userId": "x" * 500, "action": "READ"} for n in range(400)))
    return shared


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_goes_away_is_no_error(full, options):
    """As in `whodid search … | head -1`."""
    process = full.shell("search", "actor:x*", "--limit", 400, *options)
    with process.stdout, process.stderr:
        assert process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.wait(300) in {0, 1}
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_a_closed_standard_output(full):
    process = full.shell("source", "list", preexec_fn=_close_stdout)
    _, said = process.communicate(timeout=300)
    assert b"Traceback" not in said


def _close_stdout():
    import os

    os.close(1)


def test_as_of_a_size_of_the_log(cli):
    cli.ingest({"userId": "alice", "action": "READ", "timestamp": "2026-11-19T10:00:00Z"})
    size = cli.json("search", "")["size"]
    cli.ingest({"userId": "bob", "action": "READ", "timestamp": "2026-11-19T10:00:01Z"})
    found = cli.json("search", "--at", size)
    assert [event["actor.id"] for event in found["events"]] == ["alice"]
    assert (found["size"], found["total"]) == (size, 1)
    assert found["newer"] > 0
    assert f"as of the first {size} entries" in cli("search", "--at", size).stderr
    table = cli("search", "| stats by (actor) count()", "--at", size)
    assert "bob" not in table.stdout
    assert f"as of the first {size} entries" in table.stderr
    cli("search", "--at", "999999", rc=2)
