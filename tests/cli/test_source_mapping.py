"""Sources with a mapping file: tried, declared, shown, used, and noticed when altered."""

import json
import sqlite3

import pytest

MAPPING = """
[fields]
time = "when"
action = "did"
actor.id = "by.login"
"resource.name" = "to"
ip = "net.addr"
[values.outcome]
x = "success"
[time]
layout = "%d.%m.%Y %H:%M"
zone = "+01:00"
"""
RECORDS = [
    {"when": "21.11.2026 20:14", "did": "read", "by": {"login": "ann"}, "to": "r-1"},
    {"when": "21.11.2026 20:15", "did": "delete", "by": {"login": "bob"}, "to": "r-2"},
    {"other": 1},
]


@pytest.fixture
def files(tmp_path):
    mapping, sample = tmp_path / "shop.toml", tmp_path / "sample.jsonl"
    mapping.write_text(MAPPING)
    sample.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    return mapping, sample


def test_try_needs_no_ledger_and_stores_nothing(bare, files):
    mapping, sample = files
    done = bare("source", "try", sample, "--mapping", mapping, "--limit", "1")
    assert "ann read r-1" in done.stdout
    assert "2026-11-21T19:14:00.000000Z" in done.stdout
    assert "bob" not in done.stdout
    rows = {line.split("  ")[0]: line.split()[-3:] for line in done.stdout.splitlines()}
    assert rows["actor.id"] == ["2", "of", "3"]
    assert rows["ip"] == ["0", "of", "3"]
    assert "3 records, 1 would be quarantined" in done.stderr
    assert "nothing of what the mapping names" in done.stderr
    document = bare.json("source", "try", sample, "--mapping", mapping)
    assert document["records"] == 3
    assert document["events"][1]["access"] == "delete"
    assert bare.json("source", "try", sample, "--format", "auto")["quarantined"] == 3
    bare("source", "try", sample, "--mapping", mapping, "--source", "x", rc=2)
    bare("source", "try", sample, "--format", "combined", "--mapping", mapping, rc=2)
    bare("source", "try", sample.with_name("none"), "--mapping", mapping, rc=3)


def test_a_faulty_mapping_is_refused_with_its_line(bare, files, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text('[fields]\nactoin = "a"\n')
    done = bare("source", "try", files[1], "--mapping", bad, rc=3)
    assert "bad.toml:2: [fields] actoin is not known; did you mean action?" in done.stderr
    bad.write_bytes(b"\xff")
    bare("source", "try", files[1], "--mapping", bad, rc=3)


def test_declared_shown_used(cli, files):
    mapping, sample = files
    done = cli("source", "add", "shop", "--mapping", mapping)
    assert done.stdout.startswith("source shop takes json+")
    shown = cli.json("source", "show", "shop")
    assert shown["mapping"] == MAPPING
    assert shown["format"] in done.stdout
    assert 'actor.id = "by.login"' in cli("source", "show", "shop").stdout
    tally = cli.json("ingest", "--source", "shop", sample)
    assert (tally["accepted"], tally["quarantined"]) == (2, 1)
    [event] = cli.json("search", "source:shop actor:ann access:read")["events"]
    assert event["format"] == shown["format"]
    assert event["time"] == "2026-11-21T19:14:00.000000Z"
    assert cli.json("source", "try", sample, "--source", "shop")["quarantined"] == 1
    [declared] = [own for own in cli.own() if own.what.action == "declare source"]
    assert declared.what.resource_name == "shop"
    assert declared.content.statement == MAPPING
    assert cli.json("source", "show", "shop")["events"] == 3
    cli("source", "show", "none", rc=2)


def test_another_mapping_is_another_format(cli, files):
    mapping, _ = files
    cli("source", "add", "shop", "--mapping", mapping)
    cli("source", "add", "shop", "--mapping", mapping)  # the same again changes nothing
    mapping.write_text(MAPPING + "# new\n")
    done = cli("source", "add", "shop", "--mapping", mapping, rc=2)
    assert "takes json+" in done.stderr


def test_an_altered_mapping_is_refused(cli, files):
    mapping, sample = files
    cli("source", "add", "shop", "--mapping", mapping)
    cli("verify")
    with sqlite3.connect(cli.directory / "state.db") as db:
        db.execute("UPDATE source_mappings SET text = replace(text, 'by.login', 'to')")
    db.close()
    assert "mapping of source 'shop' was altered" in cli("verify", rc=1).stdout
    assert "was altered" in cli("ingest", "--source", "shop", sample, rc=1).stderr
    assert "was altered" in cli("source", "show", "shop", rc=1).stderr
    with sqlite3.connect(cli.directory / "state.db") as db:
        db.execute("DELETE FROM source_mappings")
    db.close()
    assert "mapping of source 'shop' is missing" in cli("verify", rc=1).stdout
    assert "is not in state.db" in cli("ingest", "--source", "shop", sample, rc=1).stderr
