"""`whodid status` without a server: it measures the folder; ends with 1 when something is up."""

import shutil

from whodid.clock import system_clock
from whodid.ledger.opening import keys_of
from whodid.ledger.verify import Fault
from whodid.validation.report import Report, Round, Standing, key_of
from whodid.validation.report_file import ReportFiles


def records(count):
    return [
        {"id": f"e{n}", "userId": "alice", "action": "READ", "resource": f"f{n}",
         "timestamp": "2026-11-22T10:00:00Z"}
        for n in range(count)
    ]  # fmt: skip


def test_it_measures_the_folder(cli):
    cli.ingest(*records(300))
    found = cli.json("status")
    assert (found["ok"], found["running"], found["attention"]) == (True, False, [])
    entries = found["entries"]
    assert entries["size"] == len(cli.events()) - 1 + 2  # its own event came after; two sources
    assert entries["last_7_days"] == entries["last_30_days"] == entries["a_day"] == entries["size"]
    real = sum(path.lstat().st_size for path in cli.directory.rglob("*") if path.is_file())
    assert abs(found["bytes"]["total"] - real) < 100_000
    stored = found["bytes"]["total"] - found["bytes"]["wal"]
    assert found["bytes_an_entry"] == round(stored / entries["size"], 1)
    free = shutil.disk_usage(cli.directory).free
    assert abs(found["disk_free_bytes"] - free) < 1 << 30
    assert found["days_until_full"] > 0
    assert {source["name"]: source["events"] for source in found["sources"]}["json"] == 300
    text = cli("status").stdout
    for word in ("no server runs", "format 1", "entries a day", "json: 300 events", "not yet by a"):
        assert word in text, word


def test_what_needs_attention_ends_with_1(cli):
    cli.ingest(*records(3))
    now = system_clock()
    fault = Fault("payload/x", 17, "does not open")
    standing = Standing(key_of(fault), fault.where, 17, fault.problem, now, now, told=True)
    done = Round(now, now, 0.1, 9, 9, 9, 1, [], [], "not checked", "compared", told=True)
    with cli.keys_here():
        files = ReportFiles(cli.directory, keys_of(cli.directory))
        files.write_report(Report(now, now, 10, rounds=[done], faults=[standing]))
    found = cli.json("status", rc=1)
    assert found["attention"] == ["The last verification left 1 faults."]
    assert "1 faults stand" in cli("status", rc=1).stdout


def test_a_source_that_cannot_be_mapped_needs_attention(cli):
    cli("source", "add", "crm", "--format", "json")
    cli("ingest", "--source", "crm", "-", stdin=b"nonsense\n" * 3 + b'{"userId":"a"}\n')
    [said] = cli.json("status", rc=1)["attention"]
    assert said.startswith("Source crm: ")
