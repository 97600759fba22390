"""What the detector tells of itself, in seconds of a clock that the test holds."""

from whodid.detection.follow import Counts
from whodid.detection.sigma import Fault
from whodid.detection.windows.engine import Notice
from whodid.serve.detector_metrics import DetectorMetrics


def value(metrics, name, **labels):
    [found] = [m for m in metrics.metrics() if m.name == name]
    return {tuple(sorted(key.items())): v for key, v in found.samples}[
        tuple(sorted(labels.items()))
    ]


def test_lag_is_the_age_of_what_waits():
    now = [100.0]
    metrics = DetectorMetrics(lambda: now[0])
    metrics.stands(durable=10, cursor=10, counts=Counts())
    now[0] += 50
    assert value(metrics, "whodid_detection_lag_seconds") == 0, "nothing waits"
    metrics.stands(durable=20, cursor=10, counts=Counts())
    now[0] += 3
    metrics.stands(durable=30, cursor=15, counts=Counts())
    assert value(metrics, "whodid_detection_lag_seconds") == 3
    assert value(metrics, "whodid_detection_lag_entries") == 15
    metrics.stands(durable=30, cursor=30, counts=Counts())
    assert value(metrics, "whodid_detection_lag_seconds") == 0


def test_counters_go_on_when_a_detector_is_made_anew():
    metrics = DetectorMetrics()
    metrics.stands(durable=9, cursor=9, counts=Counts(events=9, findings=2))
    metrics.begun_anew()
    metrics.stands(durable=12, cursor=12, counts=Counts(events=3, begun_again=1))
    metrics.begun_anew()
    assert value(metrics, "whodid_detection_events_total") == 12
    assert value(metrics, "whodid_detection_findings_total") == 2
    assert value(metrics, "whodid_detection_begun_again_total") == 1


def test_rules_and_what_was_given_up():
    metrics = DetectorMetrics()
    faults = [Fault("a.yml", 3, "no condition"), Fault("b.yml", 1, "odd", warning=True)]
    metrics.rules(used=150, faults=faults, unusable=4, blind=9)
    for state, count in (
        ("used", 150),
        ("faulty", 1),
        ("doubtful", 1),
        ("unusable", 4),
        ("blind", 9),
    ):
        assert value(metrics, "whodid_detection_rules", state=state) == count
    metrics.notices([Notice("late", "app", 3, ""), Notice("late", "db", 2, "")])
    metrics.notices([Notice("evicted", "a-rule", 7, "")])
    assert value(metrics, "whodid_detection_notices_total", kind="late") == 5
    assert value(metrics, "whodid_detection_notices_total", kind="evicted") == 7
    assert value(metrics, "whodid_detection_notices_total", kind="ahead") == 0
