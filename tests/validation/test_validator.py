"""When it looks, what it remembers, and what becomes of a fault."""

import pytest
from tests.validation.conftest import HOUR_US, START_US

from whodid.app.integrity import LedgerIntegrity
from whodid.errors import RefusedError
from whodid.validation.report import key_of
from whodid.validation.schedule import overdue
from whodid.validation.share import EndedError


def problems(report):
    return [fault.problem for fault in report.faults]


def test_a_ledger_that_was_never_verified_is_verified_at_once(rig):
    report = rig.step()
    assert rig.looks.rounds == 1
    assert report.last.ok
    assert (report.last.entries, report.last.opened) == (1000, 1000)
    assert report.last.index == "compared"
    assert [done.entries for done in rig.told.rounds] == [1000]


def test_it_is_verified_again_before_the_interval_is_over(rig):
    rig.step()
    rig.step(hours=17)
    assert rig.looks.rounds == 1
    rig.step(hours=2)
    assert rig.looks.rounds == 2
    assert not overdue(rig.report, rig.now)


def test_a_round_that_comes_to_no_end_is_overdue(rig):
    rig.step()
    rig.looks.fail = RefusedError("the log is written faster than it can be read")
    for _ in range(26):
        report = rig.step(hours=1)
    assert overdue(report, rig.now)
    assert "faster than it can be read" in report.trouble
    rig.looks.fail = None
    report = rig.step(hours=1)
    assert not overdue(report, rig.now)
    assert report.trouble == ""


def test_somebody_asks(rig):
    rig.step()
    rig.files.ask()
    rig.step(seconds=1)
    assert rig.looks.rounds == 2
    rig.step(seconds=1)
    assert rig.looks.rounds == 2


def test_a_fault_is_told_once_and_stands_until_a_round_does_not_find_it(rig, fault):
    rig.step()
    rig.looks.unit_faults[300] = [fault("payload/0000000000000300-0100-0", 317, "does not open")]
    rig.files.ask()
    report = rig.step(seconds=1)
    assert problems(report) == ["does not open"]
    assert report.last.faults == 1
    for _ in range(3):
        rig.files.ask()
        rig.step(seconds=1)
    rig.start().step(hours=20)
    assert [told.entry for told in rig.told.faults] == [317]
    rig.looks.unit_faults.clear()
    rig.files.ask()
    report = rig.step(seconds=1)
    assert report.faults == []
    assert report.last_clean == report.last
    rig.looks.unit_faults[300] = [fault("payload/0000000000000300-0100-0", 317, "does not open")]
    rig.files.ask()
    rig.step(seconds=1)
    assert len(rig.told.faults) == 2  # it came back, which is news


def test_what_is_found_once_and_not_again_is_no_fault(rig, fault):
    rig.looks.once = [fault("checkpoint", 4, "the root is not the one that was signed")]
    report = rig.step()
    assert report.faults == []
    assert rig.told.faults == []
    assert report.last.ok
    assert report.last.warnings[0].startswith("seen once, and not again: checkpoint: entry 4")


def test_the_second_look_opens_only_what_was_suspect(rig, fault):
    rig.looks.unit_faults[300] = [fault("leaves/x", 317)]
    rig.step()
    assert rig.looks.rounds == 2
    assert rig.looks.opened[10:] == [300]


def test_a_fault_between_rounds_brings_the_next_one_forward(rig, fault):
    rig.step()
    rig.looks.new_faults = [fault("checkpoint", 7, "an older copy")]
    report = rig.step(seconds=20)
    assert problems(report) == ["an older copy"]
    assert [told.where for told in rig.told.faults] == ["checkpoint"]
    assert rig.looks.rounds == 1  # not at once: a round is long, and each is an event
    rig.looks.new_faults = []
    report = rig.step(hours=0.2)
    assert rig.looks.rounds == 2
    assert report.faults == []


def test_looks_go_on_while_a_round_is_long(rig, fault):
    seen = []
    took = rig.validator.took

    def slowly(part):
        rig.now += 20_000_000
        rig.looks.new_faults = [fault("wal", 3, "a break")] if part.first == 500 else []
        took(part)
        seen.append(len(rig.validator.report.faults))

    rig.validator.took = slowly
    report = rig.step()
    assert seen == [0] * 5 + [1] * 5
    assert [told.where for told in rig.told.faults] == ["wal"]
    assert problems(report) == ["a break"]  # the round began before it: the next one tells


def test_who_asked_sees_his_round_begun(rig, monkeypatch):
    rig.step()
    files, seen = rig.validator._files, []
    forget = files.forget_asked

    def forgotten():
        seen.append((files.report().doing, files.asked()))
        forget()

    monkeypatch.setattr(files, "forget_asked", forgotten)
    files.ask()
    rig.step(seconds=5)
    assert seen == [("entries", True)]
    assert not files.asked()


def test_a_round_looks_at_the_heads_even_if_it_was_asked_for_right_after_a_look(rig, fault):
    rig.step()
    rig.looks.new_faults = [fault("checkpoint", 7, "an older copy")]
    look = rig.validator._look_when_due

    def and_ask(now):
        look(now)
        rig.files.ask()

    rig.validator._look_when_due = and_ask
    assert problems(rig.step(seconds=1)) == ["an older copy"]


def test_a_round_goes_on_where_it_stood(rig):
    rig.looks.end_at = 600
    with pytest.raises(EndedError):
        rig.step()
    rig.validator._keep()  # as every few seconds
    rig.start()
    report = rig.step(seconds=5)
    assert rig.looks.opened == [*range(0, 600, 100), *range(600, 1000, 100)]
    assert (report.last.entries, report.last.opened) == (1000, 1000)
    assert report.last.started_us < report.last.finished_us


def test_one_that_was_left_in_the_midst_keeps_what_it_found(rig, fault):
    rig.looks.unit_faults[200] = [fault("leaves/x", 217)]
    rig.looks.end_at = 600
    with pytest.raises(EndedError):
        rig.step()
    rig.validator.leave()
    report = rig.start().validator.report
    assert (report.cursor.until, problems(report)) == (600, ["is not what it must be"])


def test_a_unit_with_a_fault_is_opened_again_by_the_rest_of_its_round(rig, fault):
    rig.looks.unit_faults[200] = [fault("leaves/x", 217)]
    rig.looks.end_at = 600
    with pytest.raises(EndedError):
        rig.step()
    rig.start()
    rig.step(seconds=5)
    assert rig.looks.opened.count(200) >= 2
    assert len(rig.told.faults) == 1


def test_an_old_cursor_is_thrown_away(rig):
    """Who puts an old report back hides a fault for one round at most."""
    rig.looks.end_at = 900
    with pytest.raises(EndedError):
        rig.step()
    rig.validator._keep()
    rig.now += 25 * 3600 * 1_000_000
    rig.start().step()
    assert rig.looks.opened[9:] == list(range(0, 1000, 100))


def test_a_forged_report_is_a_fault_and_nothing_in_it_is_believed(rig):
    rig.step()
    path = rig.files.folder / "report"
    path.write_bytes(path.read_bytes().replace(b'"faults":0', b'"faults":1'))
    rig.start()
    assert "altered" in rig.validator.report.faults[0].problem
    assert rig.validator.report.last is None
    report = rig.step(seconds=1)
    assert rig.looks.rounds == 2
    assert "altered" in rig.told.faults[0].problem
    assert report.faults == []  # after a clean round it is mended: the report is ours again


def test_a_report_that_is_gone_is_no_clean_bill(rig):
    rig.step()
    (rig.files.folder / "report").unlink()
    rig.start()
    assert rig.validator.report.last is None
    rig.step(seconds=1)
    assert rig.looks.rounds == 2


def test_a_stopped_log_is_verified_and_shown(rig, fault):
    rig.told.away = True
    rig.looks.faults = [fault("wal", 3, "was durable and is missing")]
    report = rig.step()
    assert problems(report) == ["was durable and is missing"]
    assert not report.faults[0].told
    rig.told.away = False
    rig.start().step(seconds=1)
    assert [told.problem for told in rig.told.faults] == ["was durable and is missing"]
    assert len(rig.told.rounds) == 1


def test_a_full_disk_loses_nothing_but_the_memory_of_the_next_process(rig, fault, monkeypatch):
    rig.step()

    def full(_report):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rig.files, "write_report", full)
    rig.looks.new_faults = [fault("wal", 3)]
    rig.now += 20_000_000
    rig.validator.step()
    assert [told.where for told in rig.told.faults] == ["wal"]
    assert "No space left" in rig.said[-1]
    monkeypatch.undo()
    assert rig.step(seconds=20).faults[0].told


def test_turned_off_is_an_event_once_a_start(rig):
    rig.told.away = True
    rig.validator.be_off()
    rig.told.away = False
    rig.now += 1_000_000
    rig.validator.be_off()
    rig.validator.be_off()
    assert rig.told.offs == [START_US]
    rig.start()
    rig.validator.be_off()
    assert len(rig.told.offs) == 2


def test_turned_off_is_a_banner_when_a_round_is_overdue(rig):
    own = LedgerIntegrity(rig.directory, rig.keys, None, lambda: rig.now)
    rig.step()
    rig.validator.be_off()
    assert own.read().alarms == []
    rig.now += 25 * HOUR_US
    rig.validator.be_off()
    found = own.read()
    assert found.overdue
    [alarm] = found.alarms
    assert alarm.endswith("within 24 hours: verify.enabled is false in the settings.")


def test_turned_off_says_so(rig):
    rig.validator.be_off()
    assert rig.report.off
    rig.start()
    assert not rig.validator.report.off
    assert not rig.step().off


def test_the_index_is_compared_too(rig):
    rig.looks.differences = ["index/0000-1-2: entry 4: action is not what the ledger says"]
    report = rig.step()
    [found] = report.faults
    assert (found.where, found.problem) == (
        "index/0000-1-2", "entry 4: action is not what the ledger says",
    )  # fmt: skip


def test_very_many_faults_are_bounded_events(rig, fault):
    rig.looks.faults = [fault("leaves/x", n, "altered") for n in range(300)]
    report = rig.step()
    assert len(report.faults) == 300
    assert len(rig.told.faults) == 101
    assert rig.told.faults[-1].problem == "200 more faults are in the report only"


def test_a_fault_is_known_again_when_the_log_has_grown(fault):
    before = fault("checkpoint", 7, "signed 9 entries, the log has only 7")
    later = fault("checkpoint", 8, "signed 9 entries, the log has only 8")
    assert key_of(before) == key_of(later)
    assert key_of(fault("leaves/x", 7)) != key_of(fault("leaves/x", 8))
