"""The report on disk is ours, or it is none."""

import pytest

from whodid.errors import IntegrityError
from whodid.ledger.keys import KeyFolder
from whodid.validation.report import Report
from whodid.validation.report_file import Acknowledged, ReportFiles

REPORT = Report(1, 2, 3, "entries", 4, 5)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "L").mkdir()
    return ReportFiles(tmp_path / "L", KeyFolder.create(bytes(16), "log.example", tmp_path / "k"))


def test_it_comes_back(files):
    assert files.report() is None
    files.write_report(REPORT)
    assert files.report() == REPORT
    files.write_acknowledged(Acknowledged({"k": "ann"}))
    assert files.acknowledged().by == {"k": "ann"}
    assert (files.folder / "report").stat().st_mode & 0o777 == 0o600


def test_every_altered_byte_is_noticed(files):
    files.write_report(REPORT)
    path = files.folder / "report"
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(IntegrityError):
            files.report()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        with pytest.raises(IntegrityError):
            files.report()


def test_one_file_is_not_another(files):
    files.write_report(REPORT)
    (files.folder / "acknowledged").write_bytes((files.folder / "report").read_bytes())
    assert files.acknowledged().by == {}


def test_other_keys_are_not_ours(files, tmp_path):
    files.write_report(REPORT)
    other = ReportFiles(tmp_path / "L", KeyFolder.create(bytes(16), "log.example", tmp_path / "j"))
    with pytest.raises(IntegrityError, match="altered"):
        other.report()
