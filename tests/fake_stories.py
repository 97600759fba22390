"""What a fake log tells: a dozen events, a month of the demo, hostile texts in every field."""

import gzip
import json
import tempfile
from pathlib import Path

from fake_log import FakeLog
from hostile_events import HOSTILE, NOW_US, hostile_event
from whodid.event import (
    EMPTY_CONTENT,
    Context,
    Envelope,
    Event,
    What,
    When,
    Where,
    Who,
)
from whodid.ledger.leaf import LeafFlag


def short(**fields) -> bytes:
    return json.dumps(fields).encode()


def small_log() -> FakeLog:
    """A dozen events of four formats, one each of what the page must be able to show."""
    log = FakeLog()
    log.ingest("files", "json", short(
        timestamp="2023-10-21T15:45:23.136Z", userId="john.doe@example.com", action="FILE_UPLOAD",
        resource="customer-records.csv", status="SUCCESS",
    ))  # fmt: skip
    log.ingest("crm", "json", short(
        timestamp="2026-11-22T10:30:15.123456Z", userId="alice", action="SELECT",
        resource="customers", status="SUCCESS", rows=1204, ip="203.0.113.9",
        correlation_id="c0ffee-1", session_id="s-77",
    ))  # fmt: skip
    log.ingest("crm", "json", short(
        timestamp="2026-11-22T10:31:00Z", userId="bob", action="DELETE", resource="invoices/7",
        status="DENIED", ip="2001:db8::7", api_key="sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc",
        password="hunter2-hunter2",
    ))  # fmt: skip
    log.ingest("web", "combined", (
        b'198.51.100.4 - - [21/Nov/2026:23:59:59 +0000] "GET /admin?x=1 HTTP/1.1" 403 153 "-" '
        b'"curl/8.5.0"'
    ))  # fmt: skip
    log.ingest("bastion", "authlog", (
        b"Nov 22 03:12:44 bastion sshd[4711]: Failed password for invalid user oracle from "
        b"203.0.113.77 port 40022 ssh2"
    ))  # fmt: skip
    log.ingest("crm", "json", b'{"broken": ', flags=LeafFlag.CONFLICT)
    log.add(own_event(len(log.hits)))
    return log


def own_event(number: int) -> Event:
    """One of whodid's own events."""
    event_id = f"019ab000-0000-7000-8000-{number:012x}"
    return Event(
        When(event_id, NOW_US, NOW_US), Who(actor_id="admin", actor_type="user"),
        What("search", "read", "ledger", "events", outcome="success", rows=6),
        Where(ip="127.0.0.1"),
        Context(service_name="whodid", endpoint="web"), EMPTY_CONTENT, b"",
        Envelope("whodid", "own", 1, "client", event_id),
    )  # fmt: skip


def story_log(events: int = 4_000) -> FakeLog:
    """Thirty days of the demo's company."""
    from whodid.demo.story import write_story

    log = FakeLog()
    with tempfile.TemporaryDirectory() as folder:
        for file in write_story(Path(folder), end_us=NOW_US, events=events):
            if file.duplicates:
                continue
            data = file.path.read_bytes()
            if file.path.suffix == ".gz":
                data = gzip.decompress(data)
            if data.startswith(b'{"Records":['):
                records = [json.dumps(r).encode() for r in json.loads(data)["Records"]]
            else:
                records = data.splitlines()
            for record in records:
                log.ingest(file.source, file.format, record)
    log.add(own_event(len(log.hits)))
    return log


def hostile_log() -> tuple[FakeLog, list[str]]:
    """One event per hostile text, the text in every field of it."""
    log = FakeLog(hostile=True)
    for number, text in enumerate(HOSTILE):
        log.add(hostile_event(number, text), LeafFlag.QUARANTINED | LeafFlag.CONFLICT)
        log.add(hostile_event(number + 1000, text, quarantine=None))
    return log, HOSTILE
