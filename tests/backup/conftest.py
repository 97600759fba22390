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


@pytest.fixture
def restored(owner, tmp_path):
    """Restore a backup of the ledger, whose own folder was moved away, and return what came of it.

    Calling it gives the hand on the new ledger.
    """

    def run(source, place=None, *, keys_root=None, **wished):
        from whodid.backup.restore import Wish, restore

        owner.close()
        if keys_root is None and owner.directory.exists():
            owner.directory.rename(tmp_path / "lost")
        place = place or tmp_path / "new"
        answer = restore(
            Wish(source, place, **wished), _ignore, keys_root=keys_root or owner.keys_root,
            clock=owner.clock, settings=owner.settings,
        )  # fmt: skip
        owner.directory = place
        owner.keys_root = keys_root or owner.keys_root
        owner.keys = type(owner.keys)(owner.keys.ledger_id, owner.keys_root)
        owner.notes = []
        return answer

    return run
