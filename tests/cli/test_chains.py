"""`whodid search '… | sequence …'`: chains on a terminal and as JSON."""

import pytest

TEXT = (
    "actor:al*ice host:chained | sequence by actor [access:authenticate] -> [access:read] within 5m"
)


@pytest.fixture(scope="module")
def chained(shared):
    login = {"id": "c1", "action": "LOGIN", "timestamp": "2026-11-19T10:01:00Z", "status": "OK"}
    read = {"id": "c2", "action": "READ", "timestamp": "2026-11-19T10:02:30Z", "status": "DENIED"}
    who = {"userId": "al\x1b[2Jice", "host": "chained"}
    shared.ingest({**login, **who}, {**read, **who, "resource": "customers"})
    return shared


def test_on_a_terminal(chained):
    done = chained("search", TEXT)
    head, first, second = done.stdout.rstrip().split("\n")
    assert head.startswith("2026-11-19 10:01:00  actor al")
    assert head.endswith("in 90.000 s")
    assert first.startswith("  10:01:00  ")
    assert second.endswith("(denied)")
    assert "\x1b[2J" not in done.stdout
    assert "1 chain, read at checkpoint" in done.stderr.replace("1 of 1", "1")


def test_as_json_and_what_is_refused(chained):
    document = chained.json("search", TEXT)
    assert [len(chain["steps"]) for chain in document["chains"]] == [2]
    assert "no form in OCSF" in chained("search", "--ocsf", TEXT, rc=2).stderr
    assert "| sequence finds chains" in chained("export", TEXT, rc=2).stderr


def test_as_of_a_size_of_the_log(chained):
    now = chained("search", TEXT)
    early = chained("search", "--at", "3", TEXT)
    assert early.stdout == ""
    assert "as of the first 3 entries" in early.stderr
    size = int(now.stderr.partition("read at checkpoint ")[2].split()[0].replace(",", ""))
    assert chained("search", "--at", size, TEXT).stdout == now.stdout
