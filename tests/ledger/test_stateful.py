"""Anything that can happen to a ledger, in any order, against a model of thirty lines."""

import base64
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger_kit import FaultyDisk, Hand
from whodid.errors import RefusedError, StoppedError
from whodid.ledger.sequenced import ACCEPTED, CONFLICT, DUPLICATE
from whodid.merkle.tree import root_of

NUMBERS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=1, max_size=12)


class Model:
    """What a ledger is: a list, and the answers that were given."""

    def __init__(self):
        self.log = []
        self.receipts = {}

    def append(self, batch_id, rows):
        if batch_id in self.receipts:
            return self.receipts[batch_id]
        verdicts, first = [], len(self.log)
        for number, version in rows:
            known = {v for n, v in self.log if n == number}
            verdict = ACCEPTED if not known else DUPLICATE if version in known else CONFLICT
            verdicts.append(verdict)
            if verdict != DUPLICATE:
                self.log.append((number, version))
        answer = (first, len(self.log), bytes(verdicts))
        if len(self.log) > first:
            self.receipts[batch_id] = answer
        return answer


class LedgerMachine(RuleBasedStateMachine):
    """Appends, retries, kills, seals and faults; sizes are made small, so that all borders move."""

    @initialize()
    def begin(self):
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("whodid.ledger.sealer.UNIT_ROWS", 8)
        self.patch.setattr("whodid.ledger.sealer.UNITS_AT_ONCE", 3)
        self.patch.setattr("whodid.ledger.manifest.CHAPTER_FILES", 3)
        self.patch.setattr("whodid.ledger.identity.RUN_ROWS", 10)
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.hand = Hand(self.folder, wal_file_bytes=1 << 12).open()
        self.model = Model()
        self.batches = []
        self.base = self.hand.sequencer.size

    def teardown(self):
        if hasattr(self, "hand"):
            self.compare()
            self.hand.reopen()
            self.compare()
            self.hand.close()
            shutil.rmtree(self.folder)
            self.patch.undo()

    def data_of(self, rows):
        batch_id = len(self.batches).to_bytes(16, "big")
        made = [self.hand.row(number, version=version) for number, version in rows]
        self.batches.append((batch_id, rows, self.hand.builder.build(made, batch_id)))
        return self.batches[-1]

    def expect(self, batch, answer):
        first, end, verdicts = self.model.append(batch[0], batch[1])
        found = (answer.first - self.base, answer.end - self.base, answer.verdicts)
        assert found == (first, end, verdicts)

    @rule(groups=st.lists(NUMBERS, min_size=1, max_size=4))
    def append(self, groups):
        batches = [self.data_of(rows) for rows in groups]
        answers = self.hand.commit(*(batch[2] for batch in batches))
        for batch, answer in zip(batches, answers, strict=True):
            self.expect(batch, answer)

    @rule(data=st.data())
    def retry(self, data):
        if self.batches:
            batch = data.draw(st.sampled_from(self.batches))
            self.expect(batch, self.hand.commit(batch[2])[0])

    @rule(keep=st.booleans())
    def publish(self, keep):
        self.hand.publish(keep=keep)

    @rule(force=st.booleans())
    def seal(self, force):
        self.hand.seal(force=force)

    @rule()
    def kill(self):
        self.hand.reopen()

    @rule()
    def restart(self):
        self.hand.close()
        self.hand.open()

    @rule(data=st.data())
    def lose_runs(self, data):
        self.hand.close()
        for run in sorted((self.hand.directory / "identity").iterdir()):
            match data.draw(st.integers(0, 2)):
                case 0:
                    run.unlink()
                case 1:
                    run.write_bytes(run.read_bytes()[:-3])
        self.hand.open()

    @rule(
        rows=NUMBERS,
        call=st.sampled_from(
            [("write_at", r"wal/\d+$"), ("sync_data", r"wal/\d+$"), ("rename", r"wal/\d+$")]
        ),
        mode=st.sampled_from(["lost", "torn", "kept"]),
    )  # fmt: skip
    def fail_to_append(self, rows, call, mode):
        disk = FaultyDisk()
        self.hand.reopen(disk)
        disk.arm(*call, mode)
        batch = self.data_of(rows)
        [answer] = self.hand.commit(batch[2])
        size = self.hand.sequencer.size
        self.hand.reopen()
        if isinstance(answer, RefusedError):
            assert self.hand.sequencer.size == size
        elif not isinstance(answer, StoppedError):
            self.expect(batch, answer)
        elif self.hand.sequencer.size > size:
            self.model.append(batch[0], batch[1])  # nobody was told, but it arrived
        self.expect(batch, self.hand.commit(batch[2])[0])

    @rule(
        call=st.sampled_from(
            [
                ("create", "manifest"),
                ("create", "payload"),
                ("create", "leaves"),
                ("create", "identity"),
                ("sync_folder", "leaves$"),
                ("rename", "dirty$"),
            ]
        ),
        mode=st.sampled_from(["lost", "torn", "kept"]), killed=st.booleans(),
    )  # fmt: skip
    def fail_to_seal(self, call, mode, killed):
        disk = FaultyDisk()
        self.hand.reopen(disk)
        disk.arm(*call, mode)
        try:
            self.hand.seal(disk=disk)
        except RefusedError:
            assert disk.spent
        disk.disarm()
        if killed:
            self.hand.reopen()

    @invariant()
    def as_many_as_the_model(self):
        if hasattr(self, "hand"):
            assert self.hand.sequencer.size == self.base + len(self.model.log)
            assert self.hand.sequencer.stopped is None

    @rule()
    def compare(self):
        stored = [raw.split(b",")[:2] for raw in self.hand.stored()]
        assert [(int(n[5:]), int(v[4:])) for n, v in stored] == self.model.log
        hashes = self.hand.roots()
        assert self.hand.sequencer._p.tree.root() == root_of(hashes)
        for note in self.hand.notes:
            size, root = note.split("\n")[1:3]
            assert root_of(hashes[: int(size)]) == base64.b64decode(root)


LedgerMachine.TestCase.settings = settings(
    max_examples=8, stateful_step_count=25, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TestLedger = LedgerMachine.TestCase


@pytest.mark.slow
class TestLedgerLonger(LedgerMachine.TestCase):
    settings = settings(
        max_examples=150, stateful_step_count=50, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
