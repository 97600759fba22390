"""`whodid export`: all events of a search, to the output or a file."""

import csv
import io
import json

import pyarrow.parquet as pq

USAGE = 2


def test_lines_and_csv(shared, tmp_path):
    lines = shared("export", "action:FILE_UPLOAD").stdout.splitlines()
    assert [json.loads(line)["native_id"] for line in lines] == ["e2", "e1", "e0"]
    rows = list(csv.DictReader(io.StringIO(shared("export", "--format", "csv").stdout)))
    assert [row["resource.name"] for row in rows] == ["customer-records.csv"] * 3
    file = tmp_path / "out.csv"
    result = shared("export", "--format", "csv", "--out", str(file))
    assert result.stdout == ""
    assert f"bytes in {file}" in result.stderr.replace("\n", "")
    assert len(file.read_text().splitlines()) == 4


def test_parquet(shared, tmp_path):
    file = tmp_path / "out.parquet"
    shared("export", "action:FILE_UPLOAD", "--format", "parquet", "--out", str(file))
    assert pq.read_table(file).column("native_id").to_pylist() == ["e2", "e1", "e0"]
    assert not file.with_name("out.parquet.part").exists()


def test_wrong_searches_leave_a_message(shared):
    assert "did you mean" in shared("export", "actro:x", rc=USAGE).stderr
    assert "table" in shared("export", "| stats count()", rc=USAGE).stderr
