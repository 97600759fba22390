"""How far behind the follower is, in seconds of a clock that the test holds."""

from whodid.serve.follower_metrics import FollowerMetrics, size_of


def value(metrics, name, **labels):
    [found] = [m for m in metrics.metrics() if m.name == name]
    return {tuple(sorted(key.items())): v for key, v in found.samples}[
        tuple(sorted(labels.items()))
    ]


def test_lag_is_the_age_of_what_waits(tmp_path):
    now = [100.0]
    metrics = FollowerMetrics(tmp_path, lambda: now[0])
    metrics.stands(durable=10, sealed=0, indexed=10, segments=1)
    now[0] += 50
    assert value(metrics, "whodid_index_lag_seconds") == 0, "nothing waits"
    metrics.stands(durable=12, sealed=0, indexed=10, segments=1)
    now[0] += 3
    metrics.stands(durable=20, sealed=0, indexed=11, segments=1)
    assert value(metrics, "whodid_index_lag_seconds") == 3
    now[0] += 4
    metrics.stands(durable=30, sealed=0, indexed=12, segments=1)
    now[0] += 1
    assert value(metrics, "whodid_index_lag_seconds") == 1, "what waited first is in"
    metrics.stands(durable=30, sealed=5, indexed=30, segments=2)
    assert value(metrics, "whodid_index_lag_seconds") == 0
    assert value(metrics, "whodid_seal_lag_entries") == 25
    assert value(metrics, "whodid_index_segments") == 2


def test_an_index_that_goes_back_is_a_rebuild(tmp_path):
    metrics = FollowerMetrics(tmp_path)
    for indexed in (0, 5, 9, 3, 9):
        metrics.stands(durable=9, sealed=0, indexed=indexed, segments=1)
    assert value(metrics, "whodid_index_rebuilds_total") == 1


def test_sizes_by_part(tmp_path):
    (tmp_path / "payload" / "deep").mkdir(parents=True)
    (tmp_path / "payload" / "a").write_bytes(bytes(10))
    (tmp_path / "payload" / "deep" / "b").write_bytes(bytes(5))
    (tmp_path / "payload" / "link").symlink_to(tmp_path / "payload" / "a")
    (tmp_path / "keys.db").write_bytes(bytes(7))
    metrics = FollowerMetrics(tmp_path)
    assert value(metrics, "whodid_ledger_bytes", part="keys.db") == 7
    assert value(metrics, "whodid_ledger_bytes", part="payload") >= 15
    assert value(metrics, "whodid_ledger_bytes", part="wal") == 0
    assert size_of(tmp_path / "missing") == 0
