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
    assert process.wait(60) in {0, 1}
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_a_closed_standard_output(full):
    process = full.shell("source", "list", preexec_fn=_close_stdout)
    _, said = process.communicate(timeout=60)
    assert b"Traceback" not in said


def _close_stdout():
    import os

    os.close(1)
