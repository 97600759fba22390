"""`whodid ingest`: real logs of every format, all ways to bring them, twice, and broken ones."""

import gzip
import json
import re

import pytest
import zstandard

RECORD = {
    "timestamp": "2023-10-21T15:45:23.136Z",
    "userId": "john.doe@example.com",
    "action": "FILE_UPLOAD",
    "resource": "customer-records.csv",
    "status": "SUCCESS",
}
LINES = b"".join(json.dumps({**RECORD, "id": f"e{n}"}).encode() + b"\n" for n in range(50))
KEYS = {"accepted", "duplicate", "quarantined", "conflict", "first", "last"}
UNREADABLE = 3

REAL = {
    "cloudtrail": ("cloudtrail/invictus-aws.jsonl.gz", 2900),
    "combined": ("web/apache-combined.log.gz", 10_000),
    "postgres": ("postgres/pg.json", None),
    "authlog": ("linux/auth.log.gz", 7121),
}


@pytest.mark.parametrize(
    "source",
    [
        "cloudtrail",
        "postgres",
        pytest.param("combined", marks=pytest.mark.slow),
        pytest.param("authlog", marks=pytest.mark.slow),
    ],
)
def test_real_logs_by_format_then_again_by_auto(cli, data, source):
    file, count = REAL[source]
    first = cli.json("ingest", "--source", source, data / file)
    assert set(first) == KEYS
    kept = first["accepted"] + first["quarantined"]
    assert kept + first["duplicate"] == count or count is None
    assert first["accepted"] > 0.95 * kept
    assert first["last"] - first["first"] + 1 == kept
    again = cli.json("ingest", "--source", source, data / file)
    assert again["accepted"] == again["quarantined"] == again["conflict"] == 0
    assert again["duplicate"] == kept + first["duplicate"]
    assert (again["first"], again["last"]) == (None, None)
    auto = cli.json("ingest", "--source", "auto", data / file)
    assert auto["accepted"] >= first["accepted"], "auto recognises them"
    answer = cli.json("search", f"source:{source}", "--limit", 1)
    assert answer["total"] == kept
    assert answer["events"][0]["format"] == source
    assert cli.json("verify", cli.directory, "--index")["ok"]


def test_the_articles_sample_as_it_is(cli):
    document = cli.ingest(RECORD)
    assert {**document, "first": 0, "last": 0} == {
        "accepted": 1, "duplicate": 0, "quarantined": 0, "conflict": 0, "first": 0, "last": 0,
    }  # fmt: skip
    [event] = cli.json("search", "actor:john.doe@example.com")["events"]
    assert event["time"] == "2023-10-21T15:45:23.136000Z"
    assert (event["action"], event["access"]) == ("FILE_UPLOAD", "create")
    assert (event["resource.name"], event["outcome"]) == ("customer-records.csv", "success")
    assert event["sentence"] == "john.doe@example.com uploaded customer-records.csv"
    assert event["details"] == RECORD


@pytest.fixture
def ways(tmp_path):
    paths = {
        "plain": LINES,
        "plain.gz": gzip.compress(LINES),
        "plain.zst": zstandard.compress(LINES),
        "two.gz": gzip.compress(LINES[:3000]) + gzip.compress(LINES[3000:]),
        "array.json": b"[" + b",\n".join(LINES.splitlines()) + b"]",
        "bom.log": b"\xef\xbb\xbf" + LINES,
        "crlf.log": LINES.replace(b"\n", b"\r\n"),
        "no-end.log": LINES.rstrip(),
    }
    for name, content in paths.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in paths]


def test_the_same_records_by_every_way_are_stored_once(cli, ways):
    first, *others = ways
    assert cli.json("ingest", "--source", "json", first)["accepted"] == 50
    for way in others:
        document = cli.json("ingest", "--source", "json", way)
        assert (document["accepted"], document["duplicate"]) == (0, 50), way.name
    by_stdin = cli.json("ingest", "--source", "json", "-", stdin=gzip.compress(LINES))
    assert by_stdin["duplicate"] == 50
    together = cli.json("ingest", "--source", "json", *ways)
    assert together["duplicate"] == 50 * len(ways)
    assert cli.json("search", "")["total"] == 50


def test_records_without_ids_are_known_by_their_place_in_the_file(cli, tmp_path):
    file = tmp_path / "short.log"
    line = json.dumps(RECORD).encode() + b"\n"
    file.write_bytes(line * 3)
    assert cli.json("ingest", "--source", "json", file)["accepted"] == 3
    with file.open("ab") as more:
        more.write(line)
    document = cli.json("ingest", "--source", "json", file)
    assert (document["accepted"], document["duplicate"]) == (1, 3)


def test_the_same_id_with_other_content_is_a_conflict_and_both_are_kept(cli):
    cli.ingest({**RECORD, "id": "x"})
    document = cli.ingest({**RECORD, "id": "x", "status": "DENIED"})
    assert (document["accepted"], document["conflict"]) == (1, 1)
    assert cli.json("search", "id:* source:json")["total"] == 2
    assert "1 conflict" in cli(
        "ingest", "--source", "json", "-", stdin=json.dumps({**RECORD, "id": "x", "rows": 1})
    ).stdout  # fmt: skip


def test_words_for_people(cli, tmp_path):
    file = tmp_path / "some.log"
    file.write_bytes(LINES + b"rubbish\n")
    result = cli("ingest", "--source", "json", file)
    assert result.stdout == "50 accepted, 1 quarantined\n"
    [line] = result.stderr.splitlines()
    assert line.startswith("why: "), "no bar where there is no terminal"
    assert cli("ingest", "--source", "json", file).stdout == "0 accepted, 51 duplicate\n"
    assert cli.json("search", "_quarantined:true")["events"][0]["raw"] == "rubbish"


# --- what cannot be read -------------------------------------------------------------------------


def test_a_truncated_gzip_keeps_what_was_before(cli, tmp_path):
    file = tmp_path / "cut.gz"
    lines = b"".join(
        json.dumps({**RECORD, "id": f"e{n}", "nonce": f"{n * 7919 % 10007:x}"}).encode() + b"\n"
        for n in range(5000)
    )
    whole = gzip.compress(lines)
    file.write_bytes(whole[: len(whole) // 2])
    result = cli("ingest", "--source", "json", file, "--json", rc=UNREADABLE)
    document = json.loads(result.stdout)
    assert 0 < document["accepted"] < 5000
    assert str(file) in result.stderr
    assert cli.json("search", "")["total"] == document["accepted"]
    file.write_bytes(whole)
    rest = cli.json("ingest", "--source", "json", file)
    assert rest["accepted"] + document["accepted"] == 5000
    assert rest["duplicate"] == document["accepted"]


@pytest.mark.parametrize("name", ["nothing.log", "folder", "cut.zst", "utf16.log", "no\x1b[2Jfile"])
def test_files_that_cannot_be_read_are_named(cli, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.zst").write_bytes(zstandard.compress(LINES)[:20])
    (tmp_path / "utf16.log").write_bytes("{}".encode("utf-16"))
    good = tmp_path / "good.log"
    good.write_bytes(LINES)
    result = cli("ingest", "--source", "json", good, tmp_path / name, "--json", rc=UNREADABLE)
    assert json.loads(result.stdout)["accepted"] == 50, "the file before is counted"
    assert name.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in result.stderr
    assert "\x1b" not in result.output


def test_binary_rubbish_is_quarantined_and_does_not_stop_the_rest(cli, tmp_path):
    file = tmp_path / "rubbish"
    deep = b"[" * 5000 + b"]" * 5000
    file.write_bytes(
        b"\n".join([
            LINES.splitlines()[0], b"\0\xff\xfe\x1b[2J", b'{"a":' + deep + b"}",
            b'{"userId":"\\ud800"}',
            b'{"timestamp":"9999999-99-99","userId":"x"}', b'{"userId":' + b"9" * 500 + b"}",
            b'{"userId":"a","userId":"b"}', LINES.splitlines()[1],
        ])
    )  # fmt: skip
    document = cli.json("ingest", "--source", "json", file)
    assert document["accepted"] + document["quarantined"] == 8
    assert document["quarantined"] >= 4
    found = cli.json("search", "_quarantined:true")
    assert found["total"] == document["quarantined"]
    assert all(event["quarantine"] for event in found["events"])
    cli("search", "")
    for event in found["events"]:
        cli("show", event["id"])


def test_a_line_of_many_megabytes_is_cut_and_quarantined(cli, tmp_path):
    file = tmp_path / "long.log"
    file.write_bytes(LINES + b'{"userId":"' + b"x" * 20_000_000 + b'"}\n' + LINES.splitlines()[0])
    document = cli.json("ingest", "--source", "json", file)
    assert (document["accepted"], document["quarantined"], document["duplicate"]) == (50, 1, 1)
    [event] = cli.json("search", "_quarantined:true")["events"]
    assert len(event["raw"]) < 20_000


def test_an_empty_file_and_no_file(cli, tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    document = cli.json("ingest", "--source", "json", tmp_path / "empty")
    assert document["accepted"] == 0
    assert cli("ingest", "--source", "json", rc=2).stdout == ""


def test_an_unknown_source_says_how_to_declare_it(cli, tmp_path):
    (tmp_path / "a").write_bytes(LINES)
    result = cli("ingest", "--source", "crm", tmp_path / "a", rc=2)
    assert "whodid source add crm" in result.stderr
    assert re.search(r"authlog, auto, .*cloudtrail", result.stderr)
    assert result.stdout == ""
    cli("source", "add", "crm", "--format", "json")
    assert cli.json("ingest", "--source", "crm", tmp_path / "a")["accepted"] == 50


def test_nobody_writes_whodids_own_source(cli):
    result = cli("ingest", "--source", "whodid", "-", stdin=LINES, rc=2)
    assert "only whodid itself" in result.stderr
    assert len(cli.own()) == 1


def test_a_file_that_is_not_there_declares_no_source(cli, tmp_path):
    result = cli("ingest", "--source", "combined", str(tmp_path / "nowhere.log"), rc=UNREADABLE)
    assert "cannot be opened" in result.stderr
    assert result.stdout == ""
    assert all(source["name"] != "combined" for source in cli.json("source", "list")["sources"])


def test_quarantined_records_say_where_to_look(cli, tmp_path):
    (tmp_path / "odd.ndjson").write_text("rubbish\n")
    result = cli("ingest", "--source", "json", str(tmp_path / "odd.ndjson"))
    assert "`whodid search _quarantined:true source:json`" in result.stderr
