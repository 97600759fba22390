"""What the faces know of the other processes: their metrics, and whether those needed are up."""

import time
from pathlib import Path

from whodid.app.detection_standing import DetectionStanding
from whodid.clock import Clock, system_clock
from whodid.metrics import Metric, merged
from whodid.serve.detection_told import detection_told
from whodid.serve.metrics_file import STALE_US, Snapshot, read_snapshots
from whodid.serve.supervisor_metrics import CRASH_LOOP, UP

_NEEDED = ("sequencer", "follower", "faces")
_SUPERVISOR = "supervisor"
_KEPT_S = 1.0


class Watch:
    """Reads what the processes of this server told, at most once a second. Safe for threads."""

    def __init__(self, directory: Path, clock: Clock = system_clock) -> None:
        self._directory = directory
        self._clock = clock
        self._read_s = -_KEPT_S
        self._snapshots: list[Snapshot] = []

    def snapshots(self) -> list[Snapshot]:
        """Return what each told last."""
        if time.monotonic() - self._read_s >= _KEPT_S:
            self._snapshots = read_snapshots(self._directory)
            self._read_s = time.monotonic()
        return self._snapshots

    def metrics(self) -> list[Metric]:
        """Return the metrics of all of them; those of the supervisor name their process already."""
        found = self.snapshots()
        ages = [
            ({"process": item.process}, max(self._clock() - item.written_us, 0) / 1e6)
            for item in found
        ]
        own = [metric for item in found if item.process == _SUPERVISOR for metric in item.metrics]
        others = merged((i.process, i.metrics) for i in found if i.process != _SUPERVISOR)
        age = Metric(
            "whodid_metrics_age_seconds", "gauge", "Since the process last told its metrics.", ages
        )
        return [*own, *others, *([age] if ages else [])]

    def detection(self) -> DetectionStanding | None:
        """Return how detection stands (see `detection_told`)."""
        return detection_told(self.snapshots(), self._clock())

    def faults(self) -> list[str]:
        """Return why the server is not ready, as far as its processes are concerned."""
        supervisor = next((i for i in self.snapshots() if i.process == _SUPERVISOR), None)
        if supervisor is None:  # no supervisor: a test, or somebody's own composition
            return []
        if self._clock() - supervisor.written_us > STALE_US:
            return ["the supervisor does not report: its processes are watched by nobody"]
        found = []
        values = {metric.name: metric.samples for metric in supervisor.metrics}
        for labels, up in values.get(UP, ()):
            if not up and labels["process"] in _NEEDED:
                found.append(f"the process {labels['process']} is down")
        for labels, loops in values.get(CRASH_LOOP, ()):
            if loops:
                found.append(f"the process {labels['process']} ends again and again: see its log")
        return found
