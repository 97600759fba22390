"""Metrics: their text, their way between processes, and what a running server tells."""

import os
import signal
import threading
import time

import httpx
import pytest

from metrics_kit import EVERYTHING, parse
from running_server import wait_until
from whodid.config.settings import Settings
from whodid.metrics import Histogram, Metric, gauge, histogram, merged, render
from whodid.serve import metrics_file, watch
from whodid.serve.child import Child, reason_of
from whodid.serve.metrics_file import MetricsFile, read_snapshot, read_snapshots
from whodid.serve.supervisor_metrics import supervisor_metrics
from whodid.serve.watch import Watch


@pytest.mark.parametrize("told", EVERYTHING)
def test_what_each_process_tells_is_well_formed(told):
    families = parse(render(told()))
    assert families
    assert all(name.startswith("whodid_") for name in families)


def test_text_is_escaped():
    text = render([Metric("m", "gauge", "a\nb\\", [({"l": 'x"y\n\\'}, 1)]), gauge("n", "h", 0.5)])
    assert text == (
        "# HELP m a\\nb\\\\\n# TYPE m gauge\n" 'm{l="x\\"y\\n\\\\"} 1\n'
        "# HELP n h\n# TYPE n gauge\nn 0.5\n"
    )  # fmt: skip
    parse(text)


def test_a_histogram_counts_into_buckets():
    found = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        found.observe(value)
    assert render([histogram("h", "x", found)]).splitlines()[2:] == [
        'h_bucket{le="1"} 2', 'h_bucket{le="2"} 3', 'h_bucket{le="+Inf"} 4', "h_sum 12", "h_count 4"
    ]  # fmt: skip


def test_processes_are_told_apart_in_one_family():
    parts = [("door-1", [gauge("a", "x", 1)]), ("door-2", [gauge("a", "x", 2), gauge("b", "y", 3)])]
    assert render(merged(parts)).splitlines() == [
        "# HELP a x", "# TYPE a gauge", 'a{process="door-1"} 1', 'a{process="door-2"} 2',
        "# HELP b y", "# TYPE b gauge", 'b{process="door-2"} 3',
    ]  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    file = MetricsFile(tmp_path, "door-1", lambda: 7)
    path = tmp_path / "run" / "door-1.metrics"
    assert read_snapshot(path) is None, "nothing was written yet"
    for number in range(3):
        file.write([gauge("a", "x", number)])
        found = read_snapshot(path)
        assert (found.process, found.pid, found.written_us) == ("door-1", os.getpid(), 7)
        assert found.metrics[0].samples == [({}, number)]
    assert path.stat().st_mode & 0o077 == 0
    file.write([gauge("a", "x" * metrics_file.SLOT_BYTES, 9)])
    assert read_snapshot(path).metrics[0].samples == [({}, 2)], "too much is not told"


def test_a_broken_file_is_none(tmp_path):
    file = MetricsFile(tmp_path, "a")
    file.write([gauge("a", "x", 1)])
    path = tmp_path / "run" / "a.metrics"
    whole = path.read_bytes()
    for at in (0, 8, whole.rindex(b"whodid") if whole.count(b"whodid") > 1 else 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert read_snapshot(path) is None or at > 8
    for broken in (b"", whole[:100], os.urandom(len(whole))):
        path.write_bytes(broken)
        assert read_snapshots(tmp_path) == []


def test_no_reader_ever_meets_half_a_snapshot(tmp_path):
    file = MetricsFile(tmp_path, "a")
    path = tmp_path / "run" / "a.metrics"
    ended = threading.Event()

    def write():
        number = 0
        while not ended.is_set():
            number += 1
            file.write([gauge(f"m{item}", "x", number) for item in range(50)])

    writer = threading.Thread(target=write)
    writer.start()
    seen = []

    def enough():
        seen.extend(found for _ in range(150) if (found := read_snapshot(path)))
        return len(seen) > 20

    try:
        wait_until(enough, "whole snapshots were met")
    finally:
        ended.set()
        writer.join()
    for found in seen:
        assert len({metric.samples[0][1] for metric in found.metrics}) == 1


def test_a_disk_that_fails_is_no_fault_of_the_process(tmp_path):
    (tmp_path / "run").write_text("a file where the folder should be")
    MetricsFile(tmp_path, "a").write([gauge("a", "x", 1)])
    assert read_snapshots(tmp_path) == []


def _supervised(folder, child, written_us=0):
    told = supervisor_metrics([child], Settings(), 1.0)
    MetricsFile(folder, "supervisor", lambda: written_us).write(told)


def test_readiness_knows_what_is_down_and_what_ends_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "_KEPT_S", 0)
    seen = Watch(tmp_path, lambda: 10)
    assert seen.faults() == [], "without a supervisor nothing is known"
    child = Child("sequencer", ["sequencer"])
    _supervised(tmp_path, child)
    assert seen.faults() == ["the process sequencer is down"]
    door = Child("door-1", ["door"])
    _supervised(tmp_path, door)
    assert seen.faults() == [], "its sister answers"
    now = time.monotonic()
    door.ends = [now, now, now]
    _supervised(tmp_path, door)
    assert seen.faults() == ["the process door-1 ends again and again: see its log"]
    assert Watch(tmp_path, lambda: 10**9).faults() == [
        "the supervisor does not report: its processes are watched by nobody"
    ]


def test_reasons_of_an_end_are_few():
    assert [reason_of(status) for status in (-9, -11, 0, 1, 2, 78, -999)] == [
        "sigkill", "sigsegv", "exit", "error", "error", "cannot_start", "signal"
    ]  # fmt: skip


def _told(server):
    return parse(httpx.get(f"{server.url}/metrics", timeout=60).text)


def _sum(families, name, *labels):
    return sum(
        value
        for (_, found), value in families[name][1].items()
        if all(label in found for label in labels)
    )


def _count(families, name):
    samples = families[name][1].items()
    return sum(value for (sample, _), value in samples if sample.endswith("_count"))


def test_a_running_server_tells_what_an_operator_watches(server):
    server.start()
    server.run("source", "add", "crm", "--format", "json")
    token = server.token("--source", "crm")
    with server.client(token) as client:
        for number in range(3):
            client.post("/v1/events", json={"id": str(number), "action": "READ"})
        client.post("/v1/events", content=b"{", headers={"Content-Encoding": "gzip"})
    with server.client("wd_wrong") as stranger:
        assert stranger.post("/v1/events", json={}).status_code == 401

    def counted():  # each process tells its own, once a second; a request after its records
        families = _told(server)
        took, refused = "whodid_ingest_records_total", "whodid_ingest_refused_total"
        requests, up = "whodid_http_requests_total", "whodid_process_up"
        syncs, memory = "whodid_fsync_seconds", "whodid_process_resident_memory_bytes"
        whole = (
            {took, refused, requests, up, syncs, memory} <= families.keys()
            and _sum(families, took, 'source="crm"', 'result="accepted"') == 3
            and all(_sum(families, refused, f'code="{code}"') for code in ("input", "token"))
            and _sum(families, requests, 'route="/v1/events"', 'code="200"') == 3
            and _sum(families, up) == 7
            and _count(families, syncs) >= 3
            and _sum(families, memory, 'process="sequencer"')
        )
        return families if whole else None

    families = wait_until(counted, "the processes' counters are there")
    assert _sum(families, "whodid_ingest_refused_total", 'code="input"') == 1
    assert _sum(families, "whodid_ingest_refused_total", 'code="token"') == 1
    assert _sum(families, "whodid_ingest_decompress_refused_total") == 1
    assert _sum(families, "whodid_process_resident_memory_bytes", 'process="sequencer"') > 1e6
    assert _sum(families, "whodid_disk_free_bytes") > 0
    assert _count(families, "whodid_ingest_ack_seconds") == 3

    [victim] = server.children()["follower"]
    os.kill(victim, signal.SIGKILL)
    wait_until(
        lambda: _sum(_told(server), "whodid_process_restarts_total", 'reason="sigkill"') == 1,
        "the restart is told",
    )  # fmt: skip
