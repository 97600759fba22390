"""A ledger with sealed and unsealed entries, and backups of it."""

import pytest

from ledger_kit import Hand
from whodid.backup.make import Report, make_backup
from whodid.backup.snapshot import Ledger
from whodid.ledger.local import LocalSequencer
from whodid.ledger.verify import verify_ledger


def _ignore(*_):
    pass


class Owner(Hand):
    """A ledger in a test's hand that can be backed up."""

    def ledger(self, **changed):
        port = LocalSequencer(self.sequencer, self.lock)
        parts = {"port": port, "alone": True, "clock": self.clock, "sleep": _ignore, **changed}
        return Ledger(self.directory, self.keys, **parts)

    def backup(self, place, disk=None, **changed):
        return make_backup(self.ledger(**changed), place, Report(_ignore, _ignore, _ignore), disk)

    def verified(self, folder, *, keys=True):
        verdict = verify_ledger(
            folder, keys=self.keys if keys else None, vkey=self.keys.vkey(), processes=1
        )
        assert verdict.ok, verdict.faults
        return verdict


@pytest.fixture
def owner(tmp_path):
    owner = Owner(tmp_path).open()
    owner.add(range(10))
    owner.seal()
    owner.add(range(10, 20))
    yield owner
    owner.close()
