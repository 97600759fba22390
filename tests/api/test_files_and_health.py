import pytest

from whodid.api.metrics import log_metrics
from whodid.app.answer import Health
from whodid.errors import LedgerError
from whodid.metrics import render

LOCAL = {"token": "", "ip": "127.0.0.1", "headers": {"Host": "localhost:9460"}}


def test_checkpoint_and_hash_tiles_are_for_all(server):
    response = server.get("/ledger/demo/checkpoint", token="")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text.startswith("test.example/log\n10\n")
    response = server.get("/ledger/demo/tile/0/000.p/10", token="")
    assert (response.status_code, response.content) == (200, b"tile/0/000.p/10")
    assert response.headers["content-type"] == "application/octet-stream"
    assert server.reading.calls == server.reading.records == []


def test_entries_are_for_readers_and_recorded(server):
    response = server.get("/ledger/demo/tile/entries/000.p/10")
    assert (response.status_code, response.content) == (200, b"tile/entries/000.p/10")
    assert server.reading.records == [
        ("alice", "export entries", "/ledger/demo/tile/entries/000.p/10", True)
    ]
    server.reading.fault = LedgerError("cannot record")
    assert server.get("/ledger/demo/tile/entries/000").status_code == 500


@pytest.mark.parametrize(
    "path",
    [
        "demo/tile/0/001", "demo/tile/x/000", "demo/tile/0/0", "demo/tile/0/000.p/0", "demo/tile/",
        "demo/tile/0/000.p/256", "demo/tile/entries/001", "demo/tile/64/000", "demo/tile/0/%00",
        "demo/tile/0/../../state.db", "demo/tile/..%2f..%2fstate.db", "other/checkpoint",
        "other/tile/0/000", "demo/tile/" + "x" * 5000, "demo/tile/0/x001/000/000",
    ],
)  # fmt: skip
def test_tiles_that_are_not_there(server, path):
    response = server.get(f"/ledger/{path}")
    assert response.status_code == 404


def test_healthz(server):
    response = server.get("/healthz", token="")
    assert response.status_code == 200
    assert response.json()["ready"] is True
    server.reading.ready = False
    response = server.get("/healthz", token="")
    assert response.status_code == 503
    assert response.json()["reasons"] == ["the story is not in yet"]
    server.reading.fault = LedgerError("gone")
    assert server.get("/healthz", token="").status_code == 500


def test_metrics_over_loopback_or_with_a_token(server):
    response = server.get("/metrics", **LOCAL)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert server.get("/metrics", token="", ip="10.0.0.1").status_code == 401
    assert server.get("/metrics", ip="10.0.0.1").status_code == 200
    assert server.reading.calls == []


@pytest.mark.parametrize(
    ("ip", "host", "status"),
    [
        ("127.0.0.1", "127.0.0.1", 200), ("::1", "[::1]:9460", 200),
        ("127.0.0.1", "LOCALHOST", 200), ("", "localhost", 401),
        ("127.0.0.1", "rebound.example", 401), ("127.0.0.1", "localhost.example:80", 401),
        ("testclient", "localhost", 401), ("::ffff:10.0.0.1", "localhost", 401),
    ],
)  # fmt: skip
def test_loopback_means_both_ends(server, ip, host, status):
    response = server.get("/metrics", token="", ip=ip, headers={"Host": host})
    assert response.status_code == status


def test_what_a_proxy_passes_on_is_not_local(server):
    headers = {"Host": "127.0.0.1:9460", "X-Whodid-Proxied": "1"}
    assert server.get("/metrics", token="", ip="127.0.0.1", headers=headers).status_code == 401


def test_prometheus_text():
    health = Health(True, [], 10, 9, 8, 7, None)
    text = render(log_metrics(health, events=9, sources=2))
    lines = text.splitlines()
    for line in (
        "whodid_events_total 9",
        "whodid_sources 2",
        "# TYPE whodid_events_total counter",
        "whodid_publish_lag_entries 1",
        "whodid_index_lag_entries 3",
    ):
        assert line in lines
    assert text.endswith("\n")
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
