"""What the supervisor tells: which processes run, how often they ended and why, what they take."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import whodid
from whodid.config.settings import Settings
from whodid.errors import UsageError
from whodid.metrics import Labels, Metric, gauge
from whodid.serve.child import Child
from whodid.serve.tls import expires_s

_PROC = Path("/proc")
_UTIME, _STIME, _RSS = 13, 14, 23  # fields of proc_pid_stat(5), from 0

UP = "whodid_process_up"
CRASH_LOOP = "whodid_process_crash_loop"
RESTARTS = "whodid_process_restarts_total"
MEMORY = "whodid_process_resident_memory_bytes"


def supervisor_metrics(
    children: Sequence[Child], settings: Settings, started_s: float
) -> list[Metric]:
    """Return everything. What processes take is told where there is /proc."""
    uses = {
        "supervisor": _uses(os.getpid()),
        **{child.name: _uses(child.process.pid) for child in children if child.process},
    }
    python = ".".join(map(str, sys.version_info[:3]))
    found = [
        Metric(
            "whodid_build_info", "gauge", "1; the version is in the labels.",
            [({"version": whodid.__version__, "python": python}, 1)],
        ),
        gauge("whodid_start_timestamp_seconds", "When the server was started.", started_s),
        Metric(
            UP, "gauge", "1 when the process runs.",
            [(_of(child), int(child.running)) for child in children],
        ),
        Metric(
            RESTARTS, "counter", "Ends of a process by reason; it was started again.",
            [
                ({**_of(child), "reason": reason}, count)
                for child in children
                for reason, count in (sorted(child.restarts.items()) or [("none", 0)])
            ],
        ),
        Metric(
            CRASH_LOOP, "gauge", "1 when the process ends again and again.",
            [(_of(child), int(child.crash_loop)) for child in children],
        ),
        Metric(
            MEMORY, "gauge", "Memory of the process.",
            [({"process": name}, use[1]) for name, use in uses.items() if use],
        ),
        Metric(
            "whodid_process_cpu_seconds_total", "counter", "Processor time of the process.",
            [({"process": name}, use[0]) for name, use in uses.items() if use],
        ),
    ]  # fmt: skip
    if settings.tls.certificate:
        with contextlib.suppress(UsageError):
            ends_s = expires_s(Path(settings.tls.certificate))
            text = "When the certificate ends."
            found.append(gauge("whodid_tls_certificate_expiry_timestamp_seconds", text, ends_s))
    return found


def _of(child: Child) -> Labels:
    return {"process": child.name}


def _uses(pid: int) -> tuple[float, int] | None:
    """Return (processor seconds, resident bytes) of a process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("ascii", "replace")
        fields = ["", "", *text.rpartition(")")[2].split()]
        ticks = int(fields[_UTIME]) + int(fields[_STIME])
        return ticks / os.sysconf("SC_CLK_TCK"), int(fields[_RSS]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
