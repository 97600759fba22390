"""`whodid search --prove`, `whodid check`, `whodid verify --replay`."""

import json

from whodid.ledger.opening import keys_of

USAGE, NOT_READABLE = 2, 3


def log_key(shared):
    with shared.keys_here():
        return keys_of(shared.directory).vkey().encode()


def test_an_answer_is_written_and_checked(shared, tmp_path):
    file, pub = tmp_path / "answer", tmp_path / "log.pub"
    result = shared("search", "action:FILE_UPLOAD", "--prove", str(file))
    assert result.stdout == ""
    assert "`whodid check" in result.stderr
    found = shared("check", str(file)).stdout
    assert "the key is the file's own" in found.replace("\n", " ")
    pub.write_text(log_key(shared))
    verdict = shared.json("check", str(file), "--pub", str(pub))
    document = json.loads(file.read_text())
    assert verdict["ok"]
    assert verdict["statement"] == "complete as indexed"
    assert verdict["events"] == len(document["events"]) == 3
    assert (verdict["complete_to"], verdict["trusted_key"]) == (verdict["size"], True)


def test_a_replay_makes_it_genuine(shared, tmp_path):
    file, note, key = tmp_path / "answer", tmp_path / "replay", tmp_path / "key"
    shared("search", "action:FILE_UPLOAD", "--prove", str(file))
    said = shared("verify", str(shared.directory), "--replay", "--attest", str(note)).stderr
    key.write_text(next(line for line in said.splitlines() if "/attester+" in line))
    found = shared.json("check", str(file), "--replay", str(note), "--attester", str(key))
    assert found["statement"] == "genuine and complete"
    note.write_text(note.read_text().replace("whodid replay 1", "whodid replay 2"))
    found = shared.json("check", str(file), "--replay", str(note), "--attester", str(key), rc=1)
    assert found["faults"][0].startswith("the replay: the signature of")


def test_what_is_wrong_is_said_and_ends_with_one(shared, tmp_path):
    file = tmp_path / "answer"
    shared("search", "action:FILE_UPLOAD", "--prove", str(file))
    document = json.loads(file.read_text())
    document["events"].pop()
    file.write_text(json.dumps(document))
    result = shared("check", str(file), rc=1)
    assert "not every entry from 0 to" in result.stdout
    assert "not proved" in result.stdout
    file.write_bytes(b"\x00no json")
    assert "the document is no JSON" in shared("check", str(file), rc=1).stdout


def test_what_is_asked_wrongly(shared, tmp_path):
    file = str(tmp_path / "answer")
    assert (
        "a proof is of exact values" in shared("search", "alice", "--prove", file, rc=USAGE).stderr
    )
    result = shared("search", "actor:alice", "--ocsf", "--prove", file, rc=USAGE)
    assert "leave out" in result.stderr
    assert "cannot be read" in shared("check", file, rc=NOT_READABLE).stderr
    result = shared("check", file, "--replay", file, rc=USAGE)
    assert "go together" in result.stderr
