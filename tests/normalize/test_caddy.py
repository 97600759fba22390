# Tables of log lines read better whole.
# ruff: noqa: E501
"""`caddy`: real access, error and administration lines, trusted proxies, and 10^5 mutated ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from chance import SEED
from whodid.event import Mapped
from whodid.normalize.caddy import Caddy
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

SAMPLES = Path(__file__).with_name("samples") / "caddy.log"
DATA = Path(__file__).resolve().parents[2] / "../shared/data/web/caddy.log"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = Caddy()


def map_line(request: dict[str, Any] | None = None, **fields: Any) -> Mapped:
    base = {
        "level": "info", "ts": 1795288458.3890722, "logger": "http.log.access.log0", "msg": "handled request",
        "request": {"remote_ip": "192.0.2.7", "remote_port": "40224", "method": "GET", "host": "h", "uri": "/a?b", "headers": {}, **(request or {})},
        "user_id": "", "duration": 9.7729e-05, "size": 3, "status": 200,
    }  # fmt: skip
    return FORMAT.map(json.dumps({**base, **fields}, separators=(",", ":")).encode(), 0)


def test_real_lines() -> None:
    lines = SAMPLES.read_bytes().splitlines()
    mapped = [FORMAT.map(line, 0) for line in lines]
    assert all(FORMAT.sniff(line) for line in lines)
    assert [m.quarantine for m in mapped] == [None] * 9
    assert [m.who.actor_id for m in mapped] == [None, "alice", *[None] * 7]
    assert [m.what.action for m in mapped] == [
        "GET",
        "GET",
        "GET",
        "DELETE",
        "GET",
        "DELETE",
        "GET",
        "POST",
        None,
    ]
    assert [m.what.access for m in mapped] == [
        "read",
        "read",
        "read",
        "delete",
        "read",
        "delete",
        "read",
        "administer",
        "other",
    ]
    assert [m.what.outcome for m in mapped] == [
        "success",
        "failure",
        "denied",
        "failure",
        "failure",
        "failure",
        "unknown",
        "unknown",
        None,
    ]
    assert [m.what.resource_name for m in mapped][:4] == [
        "/customers.csv",
        "/private/x",
        "/private/x",
        "/boom",
    ]
    first = mapped[0]
    assert (first.time, first.context.duration_us) == (1_795_714_898_329_766, 15_471)
    assert (first.where.ip, first.where.port, first.where.agent) == (
        "127.0.0.1",
        41690,
        "curl/7.88.1",
    )
    assert (first.context.correlation, first.context.trace) == (
        "abc-123",
        "4bf92f3577b34da6a3ce929d0e0e4736",
    )
    assert mapped[3].where.via == ("1.2.3.4",)
    assert (mapped[5].what.reason, mapped[7].what.resource_name) == ("no", "/load")
    assert mapped[8].content.message == "load complete"


@needs_data
def test_lines_of_another_day() -> None:
    mapped = [FORMAT.map(line, 0) for line in DATA.read_bytes().splitlines()]
    assert [m.what.outcome for m in mapped] == [
        "success",
        "failure",
        "failure",
        "denied",
        "success",
    ]
    assert [m.context.correlation for m in mapped] == ["abc-123"] * 4 + [None]


def test_where_from() -> None:
    assert map_line().where.ip == "192.0.2.7"
    behind = map_line(
        {"client_ip": "203.0.113.9", "headers": {"X-Forwarded-For": ["203.0.113.9, 10.0.0.1"]}}
    ).where
    assert (behind.ip, behind.port, behind.via) == ("203.0.113.9", None, ("10.0.0.1", "192.0.2.7"))
    forged = map_line(
        {"client_ip": "192.0.2.7", "headers": {"X-Forwarded-For": ["203.0.113.9"]}}
    ).where
    assert (forged.ip, forged.via) == ("192.0.2.7", ("203.0.113.9",))
    old = map_line(
        {"remote_ip": None, "remote_port": None, "remote_addr": "[2001:db8::1]:4711"}
    ).where
    assert (old.ip, old.port) == ("2001:db8::1", 4711)


def test_times_ids_and_users() -> None:
    assert map_line().context.duration_us == 97
    assert map_line(ts="2026-11-21T19:14:21.5Z").time == 1_795_288_461_500_000
    assert map_line(ts="soon").labels == ("invalid:time",)
    assert map_line(uuid="u-1").context.request == "u-1"
    assert map_line({"tls": {"client_common_name": "bob"}}).who.actor_id == "bob"
    assert map_line({"method": "GET /\n"}).labels == ("broken:request",)


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"a":1}', b'{"msg":"x"}'])
def test_what_is_no_line_is_quarantined(record: bytes) -> None:
    assert (FORMAT.map(record, 0).quarantine or "").startswith("caddy: ")


def samples() -> list[bytes]:
    return SAMPLES.read_bytes().splitlines()


def test_it_keeps_the_promises_of_a_format() -> None:
    check_format(
        FORMAT,
        samples(),
        [{"endpoint": "/customers.csv", "ip": "127.0.0.1"}, {"actor.id": "alice"}],
    )


@pytest.mark.slow
def test_fuzz_100_000_lines() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, 0).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
