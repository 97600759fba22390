import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from whodid.demo.scenes.broken_records import BROKEN
from whodid.demo.sources.billing import CLOCK_FAST_US
from whodid.demo.story import SOURCES, write_story
from whodid.errors import UsageError

END_US = 1_795_305_600_000_000
START_US = END_US - 30 * 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JSON_SOURCES = ("crm", "billing", "admin-console", "hr-portal", "ai-gateway", "vpn")


def us(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


def time_of(source: str, line: bytes) -> int:
    """The time a record claims, µs, read without the project's own parsers."""
    if source.startswith("web"):
        stamp = line.split(b"[", 1)[1].split(b"]", 1)[0].decode()
        return us(datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z"))
    if source == "bastion":
        return us(datetime.strptime(f"2026 {line[:15].decode()} +0000", "%Y %b %d %H:%M:%S %z"))
    record = json.loads(line)
    if source == "aws-cloudtrail":
        return us(datetime.fromisoformat(record["eventTime"]))
    text = record.get("timestamp") or record["time"]
    if isinstance(text, int):
        return text * 1_000_000
    return us(datetime.fromisoformat(text.replace(" UTC", "+00:00")))


def digest(files):
    return [
        (f.source, f.path.name, f.records, hashlib.sha256(f.path.read_bytes()).hexdigest())
        for f in files
    ]


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    one = write_story(tmp_path / "one", end_us=END_US, events=4_000)
    two = write_story(tmp_path / "two", end_us=END_US, events=4_000)
    other = write_story(tmp_path / "other", end_us=END_US, events=4_000, seed=8)
    assert digest(one) == digest(two)
    assert digest(one) != digest(other)


def test_a_second_telling_in_the_same_place_replaces_the_first(tmp_path):
    write_story(tmp_path, end_us=END_US, events=4_000, seed=8)
    again = write_story(tmp_path, end_us=END_US, events=4_000)
    assert digest(again) == digest(write_story(tmp_path / "new", end_us=END_US, events=4_000))


def test_the_whole_story_is_large_and_quick(tell):
    before_s = time.process_time()
    whole = tell(events=60_000)
    assert time.process_time() - before_s < 20  # about 2 s; the bound only says "not minutes"
    counts = {source: len(lines) for source, lines in whole.lines.items()}
    assert 54_000 <= sum(file.records for file in whole.files) <= 66_000
    assert set(counts) == {source for source, _ in SOURCES}
    assert len(counts) >= 9
    assert min(counts.values()) >= 500
    assert max(counts.values()) <= 16_000
    for file in whole.files:
        assert file.records > 0


def test_counts_are_those_of_the_files(story):
    assert [file.records for file in story.files] == story.counts


def test_formats_are_those_of_the_house():
    assert dict(SOURCES) == {
        "crm": "json",
        "billing": "json",
        "admin-console": "json",
        "hr-portal": "json",
        "ai-gateway": "json",
        "vpn": "json",
        "aws-cloudtrail": "cloudtrail",
        "web-public": "combined",
        "web-intranet": "combined",
        "postgres-main": "postgres",
        "bastion": "authlog",
    }


def test_every_time_is_within_the_story_but_for_the_fast_clock(story):
    broken = {line for _, line in BROKEN}
    for source, lines in story.lines.items():
        late_us = CLOCK_FAST_US if source == "billing" else 0
        times = [time_of(source, line) for line in lines if line not in broken]
        assert min(times) >= START_US - 1_000_000, source  # formats without fractions
        assert max(times) <= END_US + late_us, source
        assert all(a <= b for a, b in pairwise(times)), source


def test_only_the_known_records_are_broken(story):
    broken = set(BROKEN)
    for source in (*JSON_SOURCES, "postgres-main", "aws-cloudtrail"):
        for line in story.lines[source]:
            if (source, line) not in broken:
                assert isinstance(json.loads(line), dict)
    assert sum(file.broken for file in story.files) == len(BROKEN)
    for source, line in BROKEN:
        assert story.lines[source].count(line) == 1
        assert sum(file.broken for file in story.files if file.source == source) == 1


def test_second_deliveries_are_byte_identical(story):
    import gzip

    (again,) = [file for file in story.files if file.duplicates]
    first = b"".join(
        gzip.decompress(file.path.read_bytes())
        for file in story.files
        if file.source == again.source and not file.duplicates
    )
    copies = gzip.decompress(again.path.read_bytes()).splitlines()
    assert len(copies) == again.duplicates == again.records
    assert all(first.count(copy) == 1 for copy in copies)
    assert 0.12 < len(copies) / len(story.lines["aws-cloudtrail"]) < 0.3


def test_sequences_have_no_gap(story):
    seqs = [record["seq"] for record in story.json("admin-console")]
    assert seqs == list(range(1, len(seqs) + 1))
    last: dict[str, int] = {}
    for record in story.json("postgres-main"):
        session = record["session_id"]
        assert record["line_num"] == last.get(session, 0) + 1
        last[session] = record["line_num"]
    ids = [record["eventID"] for record in story.json("aws-cloudtrail")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "how", [{"days": 13}, {"end_us": 5}, {"end_us": 14 * 86_400_000_000 - 1, "days": 14}]
)
def test_a_story_too_short_for_its_plot_is_refused(tmp_path, how):
    with pytest.raises(UsageError, match="14 days"):
        write_story(tmp_path, **{"end_us": END_US} | how)


def test_other_lengths_keep_their_bounds(tell):
    short = tell(days=14, events=5_000)
    times = [time_of("crm", line) for line in short.lines["crm"] if line.endswith(b"}")]
    assert min(times) >= END_US - 14 * 86_400_000_000
    assert max(times) <= END_US
    assert sum(file.broken for file in short.files) == len(BROKEN)


def test_releases_show_in_the_versions(story):
    versions = [record["version"] for record in story.json("crm")]
    assert list(dict.fromkeys(versions)) == ["5.1.4", "5.2.0", "5.2.1", "5.3.0"]
