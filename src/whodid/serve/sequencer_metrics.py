"""What the sequencer tells of itself: batches, how the disk does, queue, log, space."""

import contextlib
import time
from pathlib import Path

from whodid.ledger.layout import CHECKPOINT, WAL
from whodid.ledger.server import SequencerServer
from whodid.metrics import Histogram, Metric, counter, gauge, histogram
from whodid.storage.posix import PosixDisk


class TimedDisk(PosixDisk):
    """The disk, and how long it takes to make data durable. One owner: the sequencer's thread."""

    def __init__(self) -> None:
        self.synced = Histogram()

    def sync_data(self, fd: int) -> None:
        """As `PosixDisk.sync_data`; a failure is no time."""
        began_s = time.perf_counter()
        super().sync_data(fd)
        self.synced.observe(time.perf_counter() - began_s)


def sequencer_metrics(server: SequencerServer, disk: TimedDisk, directory: Path) -> list[Metric]:
    """Return everything; safe beside the sequencer's thread."""
    rows, size_bytes = server.waiting
    found = [
        counter("whodid_sequencer_batches_total", "Batches committed.", server.batches),
        counter("whodid_sequencer_rows_total", "Rows of these, duplicates too.", server.rows),
        counter("whodid_sequencer_refused_total", "Batches refused.", server.refused),
        gauge("whodid_sequencer_queue_rows", "Rows that wait.", rows),
        gauge("whodid_sequencer_queue_bytes", "Bytes of the batches that wait.", size_bytes),
        histogram("whodid_fsync_seconds", "Time until written data is durable.", disk.synced),
        gauge(
            "whodid_disk_free_bytes", "Free space of the ledger's disk.", disk.free_bytes(directory)
        ),
        gauge("whodid_wal_bytes", "Size of the write-ahead files.", _size(directory / WAL)),
    ]
    with contextlib.suppress(OSError):
        made_s = (directory / CHECKPOINT).stat().st_mtime
        text = "When the newest checkpoint was signed."
        found.append(gauge("whodid_checkpoint_timestamp_seconds", text, made_s))
    return found


def _size(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total
