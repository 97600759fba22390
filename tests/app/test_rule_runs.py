"""Looks over history: one at a time, bounded, ended by whoever may, and each an event."""

import threading

import pytest

import desks_kit
from alert_kit import head
from whodid.app.answer import Caller
from whodid.app.rule_backtest import kept as kept_module
from whodid.app.rule_backtest import runs as runs_module
from whodid.app.rule_backtest.kept import KeptRuns
from whodid.app.rule_backtest.run import CUT_OFF, WITH_SERVER
from whodid.app.rule_backtest.runs import History, Runs
from whodid.app.rule_backtest.task import Answered
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings
from whodid.errors import RefusedError, UsageError
from whodid.limits import BACKTESTS_KEPT, BACKTESTS_KEPT_DAYS
from whodid.query.rights import EVERYTHING

INGRID = Caller("ingrid", "web", "10.0.0.1", session="s", rights=EVERYTHING)
HISTORY = History(Choice(disabled=("x",)), Settings(lateness_us=7))


class Place:
    def __init__(self, folder):
        self.acts, self.callers = [], []
        self.processes = []
        self.next = {"waits": True}
        self.folder = folder
        self.now_us = desks_kit.NOW_US
        self.open()

    def open(self):
        """As a server does when it starts."""
        kept = KeptRuns(self.folder, desks_kit.KEYS)
        self.runs = Runs(self.folder, self.write, lambda: self.now_us, kept, self.start)

    def write(self, caller, act, once):
        assert once
        self.callers.append((once, caller))
        self.acts.append((caller.name, act.action, act.outcome, act.reason))

    def start(self):
        self.processes.append(desks_kit.FakeProcess(**self.next))
        return self.processes[-1]

    def begin(self, name="burst", days=7):
        return self.runs.begin(INGRID, head(name), days, HISTORY)

    def now(self, run):
        return self.runs.get(run.id)

    def join(self):
        self.runs._thread.join(20)
        assert not self.runs._thread.is_alive()


@pytest.fixture
def place(tmp_path):
    found = Place(tmp_path)
    yield found
    found.runs.close()


def test_one_at_a_time_and_the_task_is_whole(place, tmp_path):
    run = place.begin()
    assert place.runs.running == run
    with pytest.raises(RefusedError, match="Title of burst"):
        place.begin("other")
    assert len(place.processes) == 1
    place.processes[0].free.set()
    place.join()
    run = place.now(run)
    assert (run.state, run.answer) == ("done", desks_kit.ANSWER)
    assert place.runs.running is None
    task = place.processes[0].task
    assert (task.directory, task.rule, task.days) == (str(tmp_path.resolve()), "burst", 7)
    assert task.choice.disabled == ("x",)
    assert (task.windows.lateness_us, task.windows.settings().early) == (7, False)
    asked = task.asker.caller(lambda: False)
    assert (asked.name, asked.face, asked.session, asked.rights.whole) == (
        "ingrid", "web", "s", True,
    )  # fmt: skip
    assert place.acts == [], "the process has written its event itself"
    place.begin("other")


def test_one_that_is_ended_shows_nothing_and_is_told(place):
    run = place.begin()
    assert place.runs.end(run.id).state == "ended"
    place.join()
    run = place.now(run)
    assert (run.state, run.answer) == ("ended", None)
    assert place.processes[0].gone.is_set()
    assert place.acts == [("ingrid", "backtest", "failure", "it was ended")]
    assert place.runs.end(run.id).state == "ended"
    with pytest.raises(UsageError):
        place.runs.end("none")


def test_an_answer_that_comes_too_late_is_not_shown(place):
    """It was ended between its last byte and its being noted."""
    run = place.begin()
    process = place.processes[0]
    process.close = lambda: process.gone.set() or process.free.set()
    place.runs._find(run.id).state = "ended"
    process.free.set()
    place.join()
    run = place.now(run)
    assert (run.state, run.answer) == ("ended", None)


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (Answered(error="too many events fit", code="usage"), "too many events fit"),
        (Answered(), ""),
    ],
)
def test_one_that_fails_says_why(place, answered, said):
    place.next = {"answered": answered}
    run = place.begin()
    place.join()
    run = place.now(run)
    assert (run.state, run.error) == ("failed", said)
    assert place.acts[0][:3] == ("ingrid", "backtest", "failure")


def test_one_that_takes_too_long_is_ended(place, monkeypatch):
    monkeypatch.setattr(runs_module, "BACKTEST_SECONDS_MAX", 0.01)
    run = place.begin()
    place.join()
    run = place.now(run)
    assert run.state == "failed"
    assert "look at fewer days" in run.error
    assert place.processes[0].gone.is_set()


def test_a_process_that_ends_or_says_nonsense_is_a_failure(place):
    for said in (b"", b"{", b'{"answer": 3}', b"\xff"):
        place.next = {"raw": said}
        run = place.begin()
        place.join()
        run = place.now(run)
        assert run.state == "failed", said
        assert "its process ended" in run.error


def test_a_log_that_takes_nothing_changes_no_end(place):
    def refuse(_caller, _act, _once):
        raise RefusedError("full")

    place.runs._write = refuse
    run = place.begin()
    place.runs.end(run.id)
    place.join()
    assert place.now(run).state == "ended"
    assert not place.runs.write_owed()
    place.open()
    assert place.runs.write_owed(), "what was refused is written later"
    assert place.acts == [("ingrid", "backtest", "failure", "it was ended")]


def test_days_and_how_many_are_kept(place):
    for days in (0, -7, 401):
        with pytest.raises(UsageError):
            place.begin(days=days)
    place.next = {}
    for number in range(BACKTESTS_KEPT + 3):
        place.begin(f"rule-{number}")
        place.join()
    assert place.runs.of("rule-0") == []
    newest = place.runs.of(f"rule-{BACKTESTS_KEPT + 2}")
    assert [run.rule.id for run in newest] == [f"rule-{BACKTESTS_KEPT + 2}"]
    assert place.runs.get(newest[0].id) == newest[0]


def test_what_is_shown_does_not_change_meanwhile(place):
    run = place.begin()
    shown = place.now(run)
    place.processes[0].free.set()
    place.join()
    assert (shown.state, shown.answer) == ("running", None)
    assert place.now(run).state == "done"


def test_many_who_begin_at_once_begin_one(place):
    begun = []

    def begin():
        try:
            begun.append(place.begin())
        except RefusedError:
            begun.append(None)

    threads = [threading.Thread(target=begin) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in begun if run is not None]) == 1


def test_those_that_are_over_outlive_the_server(place):
    place.next = {}
    done = place.begin()
    place.join()
    before = place.now(done)
    place.open()
    assert place.now(done) == before
    assert place.now(done).answer == desks_kit.ANSWER
    assert [run.answer for run in place.runs.of("burst")] == [desks_kit.ANSWER]
    assert b"alice" not in (place.folder / "detection" / "backtests").read_bytes()


@pytest.mark.parametrize("orderly", [True, False])
def test_one_that_was_under_way_ended_with_the_server(place, orderly):
    run = place.begin()
    if orderly:
        place.runs.close()
    place.open()
    found = place.runs.get(run.id)
    state, why = ("ended", WITH_SERVER) if orderly else ("failed", CUT_OFF)
    assert (found.state, found.error, found.answer) == (state, why, None)
    assert bool(found.ended_us) is orderly
    assert place.runs.running is None
    assert place.acts == ([("ingrid", "backtest", "failure", why)] if orderly else [])
    for _ in range(2):  # a server that starts; one that starts after it finds nothing owed
        assert place.runs.write_owed()
        assert place.acts == [("ingrid", "backtest", "failure", why)]
        place.open()
        assert place.now(run).error == why
    [(once, caller)] = place.callers
    assert once == f"backtest {run.id}"
    assert (caller.face, caller.ip, caller.session) == ("web", "10.0.0.1", "s")
    place.processes[0].close()


def test_a_kill_while_the_event_is_written_makes_no_second_one(place):
    """It is written under the same name again, which the log has once."""
    place.begin()
    place.open()
    before = (place.folder / "detection" / "backtests").read_bytes()
    assert place.runs.write_owed()
    (place.folder / "detection" / "backtests").write_bytes(before)
    place.open()
    assert place.runs.write_owed()
    assert len(place.acts) == 2
    assert len({once for once, _ in place.callers}) == 1
    place.processes[0].close()


def test_what_is_kept_is_bounded_in_age_and_bytes(place, monkeypatch):
    place.next = {}
    old = place.begin("old")
    place.join()
    place.now_us += BACKTESTS_KEPT_DAYS * desks_kit.DAY_US
    with pytest.raises(UsageError, match="30 days"):
        place.runs.get(old.id)
    new = []
    for _ in range(3):
        new.append(place.begin("new"))
        place.join()
    monkeypatch.setattr(kept_module, "BACKTESTS_KEPT_BYTES_MAX", 2_000)
    last = place.begin("new")
    place.join()
    place.open()
    kept = [run.id for run in place.runs.of("new")]
    assert kept == [run.id for run in (last, *reversed(new))][: len(kept)]
    assert 1 <= len(kept) < 4
    assert place.runs.of("old") == []


def test_a_damaged_or_foreign_file_is_read_as_nothing(place):
    place.next = {}
    run = place.begin()
    place.join()
    path = place.folder / "detection" / "backtests"
    data = path.read_bytes()
    for damaged in (b"", data[:-1], data[:60] + bytes([data[60] ^ 1]) + data[61:]):
        path.write_bytes(damaged)
        place.open()
        with pytest.raises(UsageError):
            place.runs.get(run.id)
    place.begin()
    place.join()
