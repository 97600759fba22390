"""How detection stands, from the metrics of its process."""

from whodid.app.detection_standing import detection_attention, detection_document
from whodid.detection.delivery.metrics import metrics_of
from whodid.detection.delivery.outbox import Standing
from whodid.detection.follow import Counts
from whodid.detection.sigma import Fault
from whodid.metrics import Metric
from whodid.serve.detection_told import detection_told
from whodid.serve.detector_metrics import DetectorMetrics
from whodid.serve.metrics_file import STALE_US, Snapshot
from whodid.serve.supervisor_metrics import MEMORY

NOW_US = 1_795_000_000_000_000


def snapshot(*, behind=0, seconds=0.0, faults=(), standing=None, trouble="", written_us=NOW_US):
    now = [0.0]
    metrics = DetectorMetrics(lambda: now[0])
    counts = Counts(events=7, findings=2)
    metrics.stands(durable=10, cursor=10, counts=counts, state_bytes=5)
    metrics.stands(durable=10 + behind, cursor=10, counts=counts, state_bytes=5)
    now[0] = seconds
    metrics.rules(used=20, faults=faults, unusable=3, blind=4)
    told = [*metrics.metrics(), *metrics_of(standing or {}, {}, {}, 0, trouble, NOW_US)]
    return Snapshot("detector", 1, written_us, told)


def supervisor():
    return Snapshot("supervisor", 2, NOW_US, [
        Metric(MEMORY, "gauge", "", [({"process": "faces"}, 1.0), ({"process": "detector"}, 99.0)])
    ])  # fmt: skip


def test_nothing_was_told():
    assert detection_told([supervisor()], NOW_US) is None
    assert detection_document(None) is None
    assert detection_attention(None) == []


def test_all_is_well():
    found = detection_told([snapshot(), supervisor()], NOW_US + 500_000)
    assert (found.up, found.age_s, found.behind, found.behind_s) == (True, 0.5, 0, 0.0)
    assert (found.rules, found.blind, found.unusable, found.faulty) == (20, 4, 3, 0)
    assert (found.state_bytes, found.memory_bytes) == (5, 99)
    assert (found.events, found.findings) == (7, 2)
    assert detection_attention(found) == []


def test_what_asks_for_somebody():
    standing = {
        "chat": Standing(3, NOW_US - 3_600_000_000, 1, 2, full=True),
        "mail": Standing(0, 0, 0, 0, full=False),
    }
    found = detection_told(
        [snapshot(behind=5000, seconds=600, faults=[Fault("a.yml", 1, "no")], standing=standing,
                  trouble="disk")],
        NOW_US,
    )  # fmt: skip
    assert (found.behind, found.behind_s, found.waiting, found.oldest_s) == (5000, 600, 3, 3600)
    assert detection_attention(found) == [
        "Rules are 5,000 entries behind, and have been for 10 minutes.",
        "1 rule cannot be read (`whodid rules check`).",
        "Messages about alerts cannot be made: the server's log says why.",
        "3 messages about alerts wait, the oldest for 60 minutes.",
        "2 messages about alerts were left out: the outbox was full.",
    ]
    outbox = detection_document(found)["outbox"]
    assert outbox["channels"][0] == {
        "name": "chat", "waiting": 3, "oldest_seconds": 3600.0, "given_up": 1, "lost": 2,
    }  # fmt: skip


def test_a_detector_that_is_silent_does_not_run():
    found = detection_told([snapshot(written_us=NOW_US - STALE_US - 1)], NOW_US)
    assert not found.up
    assert detection_attention(found) == ["The detector does not run: no rule looks at what comes."]
    late = detection_told([snapshot(behind=5, seconds=2)], NOW_US)
    assert detection_attention(late) == [], "a moment's lag is none"
