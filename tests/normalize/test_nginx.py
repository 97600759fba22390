# Tables of log lines read better whole.
# ruff: noqa: E501
"""`nginx`: real JSON access lines, other names of keys, bytes that are no UTF-8, and 10^5 mutated ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from chance import SEED
from whodid.event import Mapped
from whodid.normalize.nginx import Nginx
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

SAMPLES = Path(__file__).with_name("samples") / "nginx.json"
DATA = Path(__file__).resolve().parents[2] / "../shared/data/web/nginx.json"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = Nginx()
BASE = {
    "time": "2026-11-21T20:14:21+01:00", "msec": "1795288461.914", "remote_addr": "192.0.2.7",
    "remote_user": "alice", "request_method": "GET", "request_uri": "/a?q=1", "status": "200",
}  # fmt: skip


def map_line(**fields: Any) -> Mapped:
    return FORMAT.map(json.dumps({**BASE, **fields}).encode(), 0)


def test_real_lines() -> None:
    mapped = [FORMAT.map(line, 0) for line in SAMPLES.read_bytes().splitlines()]
    assert all(FORMAT.sniff(line) for line in SAMPLES.read_bytes().splitlines())
    assert [m.quarantine for m in mapped] == [None] * 6
    assert [m.who.actor_id for m in mapped] == [None, "alice", 'bo"b,x', None, None, None]
    assert [m.what.resource_name for m in mapped] == [
        "/customers.csv",
        "/private/x",
        "/private/x",
        "/a%22b",
        None,
        "/\\xff\\xfe",
    ]
    assert [m.what.outcome for m in mapped] == [
        "success",
        "failure",
        "denied",
        "failure",
        "failure",
        "failure",
    ]
    assert [m.labels for m in mapped] == [(), (), (), ("invalid:utf8",), (), ("invalid:utf8",)]
    first = mapped[0]
    assert (first.time, first.original_time) == (1_795_714_784_738_000, "2026-11-26T17:39:44+00:00")
    assert (first.where.ip, first.where.port, first.where.agent) == (
        "127.0.0.1",
        43868,
        "curl/7.88.1",
    )
    assert first.where.via == ("203.0.113.9", "10.0.0.1")
    assert (first.what.resource_parent, first.what.bytes) == ("shop.example", 239)
    assert (first.context.request, first.context.duration_us) == (
        "d900b23e14720161ef2a1d2da2f6400e",
        0,
    )
    assert (first.context.trace, first.context.span) == (
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00f067aa0ba902b7",
    )
    assert mapped[3].where.agent == 'ev"il\\xff\x01'


@needs_data
def test_real_lines_of_other_keys() -> None:
    mapped = [FORMAT.map(line, 0) for line in DATA.read_bytes().splitlines()]
    assert [m.who.actor_id for m in mapped] == ["alice"] * 4 + [None]
    assert [m.what.resource_name for m in mapped] == [
        "/customer-records.csv",
        "/nope",
        "/a",
        "/private/x",
        "/customer-records.csv",
    ]
    assert mapped[0].where.agent == 'Mozilla/5.0 "quoted" é'
    assert (mapped[0].what.bytes, mapped[0].context.request) == (
        3,
        "335f757b897a066822f15d0243a94ada",
    )


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({}, 1_795_288_461_914_000), ({"msec": 1795288461.914}, 1_795_288_461_914_000),
        ({"msec": ""}, 1_795_288_461_000_000), ({"msec": "x", "time": "", "time_local": "21/Nov/2026:19:14:21 +0000"}, 1_795_288_461_000_000),
        ({"msec": "9" * 40, "time": "yesterday"}, None),
    ],
)  # fmt: skip
def test_times(fields: dict, time: int | None) -> None:
    mapped = map_line(**fields)
    assert mapped.time == time
    assert (mapped.labels == ("invalid:time",)) == (time is None)


def test_a_request_line_is_taken_apart() -> None:
    mapped = map_line(request_method="", request_uri="", request="POST /x?y=z HTTP/1.1")
    assert (mapped.what.action, mapped.what.access, mapped.what.resource_name) == (
        "POST",
        "create",
        "/x",
    )
    broken = map_line(request_method="", request_uri="", request="\x16\x03\x01")
    assert (broken.what.action, broken.labels, broken.content.message) == (
        None,
        ("broken:request",),
        "\x16\x03\x01",
    )


def test_who() -> None:
    assert (
        map_line(remote_user="", ssl_client_verify="SUCCESS", ssl_client_s_dn="CN=bob").who.actor_id
        == "CN=bob"
    )
    assert (
        map_line(
            remote_user="", ssl_client_verify="FAILED:x", ssl_client_s_dn="CN=bob"
        ).who.actor_id
        is None
    )
    assert map_line(remote_addr="unix:").where.ip is None
    assert map_line(http_x_forwarded_for="root, 1.2.3.4").where.via == ()


@pytest.mark.parametrize(
    "record", [b"", b"{", b"[]", b'{"a":1}', b'{"remote_addr":"","status":""}']
)
def test_what_is_no_line_is_quarantined(record: bytes) -> None:
    assert (FORMAT.map(record, 0).quarantine or "").startswith("nginx: ")


def samples() -> list[bytes]:
    return [json.dumps(BASE).encode(), *SAMPLES.read_bytes().splitlines()]


def test_it_keeps_the_promises_of_a_format() -> None:
    check_format(FORMAT, samples(), [{"actor.id": "alice", "endpoint": "/a", "ip": "192.0.2.7"}])


@pytest.mark.slow
def test_fuzz_100_000_lines() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, 0).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
