"""What every process tells, from made-up values; and a strict reader of Prometheus' text."""

import re
import tempfile
from pathlib import Path

from whodid.config.settings import Settings, TlsSettings
from whodid.detection.baseline import Scorer
from whodid.serve.acceptor import AcceptorMetrics
from whodid.serve.certificate import make_certificate, write_certificate
from whodid.serve.child import Child
from whodid.serve.detector_metrics import DetectorMetrics
from whodid.serve.door_metrics import RequestMetrics, door_metrics
from whodid.serve.face_metrics import face_metrics
from whodid.serve.follower_metrics import FollowerMetrics
from whodid.serve.metrics_file import MetricsFile
from whodid.serve.sequencer_metrics import TimedDisk, sequencer_metrics
from whodid.serve.supervisor_metrics import supervisor_metrics
from whodid.serve.watch import Watch
from whodid.sources.http import IngestMetrics
from whodid.sources.intake import Tally


class _Server:
    batches, rows, refused, waiting = 3, 30, 1, (5, 500)


def of_a_door():
    requests = RequestMetrics()
    requests.count("GET", "/v1/search", 200, 0.02)
    requests.count("GET", "/v1/search", 400, 0.001)
    requests.count("POST", "/v1/events", 200, 99.0)
    ingest = IngestMetrics()
    ingest.count("crm", Tally(accepted=7, duplicate=1))
    ingest.refuse("too_fast")
    ingest.acknowledged.observe(0.004)
    return door_metrics(
        requests, ingest, AcceptorMetrics(9, 1, 2), open_connections=6, queue_rows=4
    )


def of_the_sequencer():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "wal").mkdir()
        (Path(folder) / "checkpoint").touch()
        return sequencer_metrics(_Server, TimedDisk(), Path(folder))


def of_the_follower():
    with tempfile.TemporaryDirectory() as folder:
        return FollowerMetrics(Path(folder)).metrics()


def of_the_detector():
    metrics = DetectorMetrics()
    metrics.learning(Scorer())
    return metrics.metrics()


def of_the_faces():
    return face_metrics(tails=1, failed_logins=2)


def of_the_supervisor():
    with tempfile.TemporaryDirectory() as folder:
        made = write_certificate(Path(folder), *make_certificate(["a.example"], 1, lambda: 10**15))
        tls = TlsSettings(*map(str, made))
        return supervisor_metrics([Child("door-1", ["door"])], Settings(tls=tls), 1.5)


def of_the_watch():
    with tempfile.TemporaryDirectory() as folder:
        MetricsFile(Path(folder), "follower").write([])
        return Watch(Path(folder)).metrics()


def of_the_delivery():
    from whodid.detection.delivery.metrics import metrics_of
    from whodid.detection.delivery.outbox import Standing

    standing = {"chat": Standing(3, 1_000_000, 1, 2, full=True)}
    return metrics_of(standing, {("chat", "given up"): 1}, {"chat": 5}, 7, "no disk", 9_000_000)


EVERYTHING = (
    of_the_delivery, of_a_door, of_the_sequencer, of_the_follower, of_the_detector, of_the_faces,
    of_the_supervisor, of_the_watch,
)  # fmt: skip

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\S+)")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def parse(text):
    """Return {family: (kind, {(name, labels): value})}; AssertionError for any fault of form."""
    families, kind_of, helped = {}, {}, set()
    current = None
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in helped, line
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current not in kind_of, line
            assert current in helped, line
            kind_of[current] = kind
            families[current] = (kind, {})
            assert (kind == "counter") == current.endswith("_total"), line
            assert not current.endswith(("_ms", "_milliseconds", "_kb", "_mb")), "base units"
        else:
            found = _SAMPLE.fullmatch(line)
            assert found, line
            name, labels, value = found.groups()
            allowed = {current + suffix for suffix in _SUFFIXES.get(kind_of[current], ("",))}
            assert name in allowed, f"{line} is not of {current}"
            pairs = frozenset(re.findall(_LABEL, labels or ""))
            key = (name, pairs)
            assert key not in families[current][1], f"twice: {line}"
            assert float(value) >= 0, line
            families[current][1][key] = float(value)
    for name, (kind, samples) in families.items():
        if kind == "histogram":
            _check_histogram(name, samples)
    return families


def _check_histogram(name, samples):
    series = {}
    for (sample, labels), value in samples.items():
        if sample == f"{name}_bucket":
            [bound] = [label for label in labels if label.startswith("le=")]
            rest = labels - {bound}
            series.setdefault(rest, []).append((float(bound[4:-1].replace("+Inf", "inf")), value))
    assert series or not samples
    for labels, found in series.items():
        counts = [value for _, value in sorted(found)]
        assert counts == sorted(counts), name
        assert max(found)[0] == float("inf"), name
        assert counts[-1] == samples[f"{name}_count", labels], name
        assert (f"{name}_sum", labels) in samples, name
