"""The sequencer's process."""

from pathlib import Path

from whodid.ledger.opening import open_ledger
from whodid.ledger.server import SequencerServer
from whodid.serve.process import when_told_to_end


def run_sequencer(directory: Path) -> None:
    """Own the ledger until told to end. Raises LedgerError when it cannot be opened."""
    sequencer, lock = open_ledger(directory)
    server = SequencerServer(sequencer, directory)
    when_told_to_end(server.stop)
    try:
        server.run()
    finally:
        sequencer.close()
        lock.release()
