"""The sequencer's process."""

from pathlib import Path

from whodid.config.settings import Settings
from whodid.ledger.opening import Settings as LedgerSettings
from whodid.ledger.opening import open_ledger
from whodid.ledger.server import SequencerServer
from whodid.serve.metrics_file import MetricsFile
from whodid.serve.process import when_told_to_end
from whodid.serve.sequencer_metrics import TimedDisk, sequencer_metrics


def run_sequencer(directory: Path, settings: Settings) -> None:
    """Own the ledger until told to end. Raises LedgerError when it cannot be opened."""
    chosen = LedgerSettings(
        wal_file_bytes=settings.ledger.wal_file_bytes,
        free_bytes_min=settings.limits.free_disk_bytes,
    )
    disk = TimedDisk()
    sequencer, lock = open_ledger(directory, settings=chosen, disk=disk)
    server = SequencerServer(sequencer, directory)
    telling = MetricsFile(directory, "sequencer")
    telling.keep(lambda: sequencer_metrics(server, disk, directory))
    when_told_to_end(server.stop)
    try:
        server.run()
    finally:
        sequencer.close()
        lock.release()
