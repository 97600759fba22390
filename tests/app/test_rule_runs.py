"""Looks over history: one at a time, bounded, ended by whoever may, and each an event."""

import threading

import pytest

import desks_kit
from alert_kit import head
from whodid.app.answer import Caller
from whodid.app.rule_backtest import runs as runs_module
from whodid.app.rule_backtest.runs import History, Runs
from whodid.app.rule_backtest.task import Answered
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings
from whodid.errors import RefusedError, UsageError
from whodid.limits import BACKTESTS_KEPT
from whodid.query.rights import EVERYTHING

INGRID = Caller("ingrid", "web", "10.0.0.1", session="s", rights=EVERYTHING)
HISTORY = History(Choice(disabled=("x",)), Settings(lateness_us=7))


class Place:
    def __init__(self, folder):
        self.acts = []
        self.processes = []
        self.next = {"waits": True}
        self.runs = Runs(folder, self.write, lambda: desks_kit.NOW_US, self.start)

    def write(self, caller, act):
        self.acts.append((caller.name, act.action, act.outcome, act.reason))

    def start(self):
        self.processes.append(desks_kit.FakeProcess(**self.next))
        return self.processes[-1]

    def begin(self, name="burst", days=7):
        return self.runs.begin(INGRID, head(name), days, HISTORY)

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
    assert place.runs.running is run
    with pytest.raises(RefusedError, match="Title of burst"):
        place.begin("other")
    assert len(place.processes) == 1
    place.processes[0].free.set()
    place.join()
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
    run.state = "ended"
    process.free.set()
    place.join()
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
    assert (run.state, run.error) == ("failed", said)
    assert place.acts[0][:3] == ("ingrid", "backtest", "failure")


def test_one_that_takes_too_long_is_ended(place, monkeypatch):
    monkeypatch.setattr(runs_module, "BACKTEST_SECONDS_MAX", 0.01)
    run = place.begin()
    place.join()
    assert run.state == "failed"
    assert "look at fewer days" in run.error
    assert place.processes[0].gone.is_set()


def test_a_process_that_ends_or_says_nonsense_is_a_failure(place):
    for said in (b"", b"{", b'{"answer": 3}', b"\xff"):
        place.next = {"raw": said}
        run = place.begin()
        place.join()
        assert run.state == "failed", said
        assert "its process ended" in run.error


def test_a_log_that_takes_nothing_changes_no_end(place):
    def refuse(_caller, _act):
        raise RefusedError("full")

    place.runs._write = refuse
    run = place.begin()
    place.runs.end(run.id)
    place.join()
    assert run.state == "ended"


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
    assert place.runs.get(newest[0].id) is newest[0]


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
