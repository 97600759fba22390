"""The outbox: at least once with one key, in order, bounded, given up and sent again."""

import sqlite3

import pytest

from delivery_kit import HOUR, MINUTE, START, Killed, chat, refusals, webhook
from whodid.detection.delivery import intake, outbox
from whodid.detection.delivery.change import Attempt
from whodid.detection.delivery.dead import DeadLetters
from whodid.detection.delivery.settings import AlertSettings
from whodid.errors import InputError, LedgerError, UsageError
from whodid.limits import DELIVERY_ATTEMPTS_MAX, DELIVERY_BACKOFF_S_MAX


def test_a_change_is_sent_once_and_told_to_the_ledger(bench):
    one = bench()
    one.changes.add()
    one.step()
    [message] = one.channels["hook"].sent
    assert [change.kind for change in message.changes] == ["opened"]
    one.run(10)
    one.again()
    one.run(10)
    assert one.channels["hook"].tried == 1
    [attempt] = one.told.attempts.values()
    assert (attempt.outcome, attempt.channel, attempt.number) == ("sent", "hook", 1)
    assert attempt.alerts == ("a1",)
    assert attempt.message == message.id
    assert "alice" not in repr(attempt)


def test_retries_have_one_key_and_wait_longer_and_longer(bench):
    one = bench()
    one.changes.add()
    one.channels["hook"].answers = refusals(5)
    times = []
    for _ in range(200):
        before = one.channels["hook"].tried
        one.step()
        if one.channels["hook"].tried > before:
            times.append((one.clock() - START) / 1e6)
        one.clock.pass_(1)
    assert times == [0, 2, 6, 14, 30, 62]
    assert one.told.outcomes() == ["failed"] * 5 + ["sent"]
    assert len({attempt.message for attempt in one.told.attempts.values()}) == 1
    assert [attempt.number for attempt in one.told.attempts.values()] == [1, 2, 3, 4, 5, 6]
    assert {a.reason for a in one.told.attempts.values() if a.outcome == "failed"} == {"HTTP 503"}


def test_a_receiver_may_ask_for_a_longer_wait(bench):
    one = bench()
    one.changes.add()
    one.channels["hook"].answers = refusals(1, retry_after_s=300.0)
    one.run(299)
    assert one.channels["hook"].tried == 1
    one.run(3)
    assert len(one.channels["hook"].sent) == 1


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_chance_takes_at_most_half_of_a_wait(chance):
    from whodid.detection.delivery.backoff import backoff_us

    for attempts in range(1, 100):
        whole = min(2.0 * 2.0 ** (attempts - 1), DELIVERY_BACKOFF_S_MAX)
        assert backoff_us(attempts, lambda: chance) == round(whole * (1 - chance / 2) * 1e6)


def test_killed_between_send_and_mark_it_is_sent_again_with_the_same_key(bench):
    one = bench()
    one.changes.add()
    one.channels["hook"].answers = [Killed()]
    with pytest.raises(Killed):
        one.step()
    assert one.told.attempts == {}
    one.again()
    one.run(5)
    first, second = one.channels["hook"].sent
    assert first.id == second.id
    assert first.changes == second.changes
    assert one.told.outcomes() == ["sent"]


@pytest.mark.parametrize("name", ["put", "keep_number", "put_body"])
@pytest.mark.parametrize("at", range(8))
def test_killed_at_any_write_nothing_is_lost_or_taken_in_twice(bench, monkeypatch, name, at):
    one = bench(AlertSettings(channels={"hook": webhook(), "chat": chat()}))
    one.changes.add()
    one.changes.add(alert="a2", rule="r2")
    from whodid.detection.delivery.kept.database import OutboxDb

    real, calls = getattr(OutboxDb, name), []

    def dying(self, *given):
        calls.append(given)
        if len(calls) == at + 1:
            raise Killed
        return real(self, *given)

    monkeypatch.setattr(OutboxDb, name, dying)
    killed = False
    try:
        one.run(30)
    except Killed:
        killed = True
    monkeypatch.undo()
    one.again()
    one.run(60)
    hook, chatted = one.channels["hook"].sent, one.channels["chat"].sent
    assert {message.changes[0].alert for message in hook} == {"a1", "a2"}
    assert {change.alert for message in chatted for change in message.changes} == {"a1", "a2"}
    assert len({message.id for message in hook}) == 2
    assert len(hook) + len(chatted) <= 4 + killed
    assert one.told.outcomes().count("sent") == 4


def test_an_event_that_was_written_before_a_kill_is_written_under_the_same_name(bench, monkeypatch):
    one = bench()
    one.changes.add()
    real = one.told.attempt

    def dying(attempt):
        real(attempt)
        raise Killed

    monkeypatch.setattr(one.told, "attempt", dying)
    with pytest.raises(Killed):
        one.step()
    monkeypatch.undo()
    one.again()
    one.run(3)
    assert one.told.written == 2
    assert len(one.told.attempts) == 1


def test_a_poison_that_kills_each_time_is_given_up(bench):
    one = bench()
    one.changes.add()
    one.channels["hook"].answers = [Killed() for _ in range(100)]
    for _ in range(DELIVERY_ATTEMPTS_MAX + 3):
        try:
            one.run(2, 1)
        except Killed:
            one.again()
            one.clock.pass_(2 * DELIVERY_BACKOFF_S_MAX)
    assert one.channels["hook"].tried == DELIVERY_ATTEMPTS_MAX
    assert one.told.outcomes() == ["given up"]


def test_what_is_given_up_can_be_sent_again_with_the_same_key(bench, keys):
    one = bench()
    one.changes.add()
    one.channels["hook"].answers = refusals(DELIVERY_ATTEMPTS_MAX)
    one.run(20 * 3600, 60)
    assert one.told.outcomes().count("failed") == DELIVERY_ATTEMPTS_MAX - 1
    assert one.told.outcomes()[-1] == "given up"
    assert one.outbox.standing()["hook"].dead == 1
    one.run(24 * 3600, 600)
    assert one.channels["hook"].tried == DELIVERY_ATTEMPTS_MAX
    letters = DeadLetters(one.path, keys)
    [dead] = letters.dead()
    assert (dead.alerts, dead.reason) == (("a1",), "HTTP 503")
    with pytest.raises(UsageError, match="no message 'msg_x' that was given up"):
        letters.send_again([dead.id, "msg_x"])
    assert letters.dead() == [dead]
    letters.send_again([dead.id])
    letters.close()
    one.channels["hook"].answers = refusals(1)
    one.run(70)
    assert [message.id for message in one.channels["hook"].sent] == [dead.id]
    assert one.told.outcomes()[-2:] == ["failed", "sent"]
    assert one.outbox.standing()["hook"].dead == 0


def test_changes_of_an_alert_keep_their_order_and_others_do_not_wait(bench):
    one = bench()
    one.changes.add(alert="a1")
    one.changes.add("closed", alert="a1")
    one.changes.add(alert="a2")
    one.channels["hook"].answers = refusals(1)
    one.run(10)
    told = [(m.changes[0].alert, m.changes[0].kind) for m in one.channels["hook"].sent]
    assert told.index(("a1", "opened")) < told.index(("a1", "closed"))
    assert ("a2", "opened") in told
    assert len(told) == 3


def test_a_dead_head_lets_the_rest_of_its_line_go(bench):
    one = bench()
    one.changes.add()
    one.step()
    one.channels["hook"].answers = refusals(DELIVERY_ATTEMPTS_MAX)
    one.changes.add("repeated")
    one.changes.add("closed")
    one.run(30 * 3600, 120)
    assert [m.changes[0].kind for m in one.channels["hook"].sent] == ["opened", "closed"]


def test_a_failing_channel_delays_the_others_once_not_for_each_message(bench):
    one = bench(AlertSettings(channels={"bad": webhook(), "good": webhook()}))
    for number in range(15):
        one.changes.add(alert=f"a{number}")
    one.channels["bad"].answers = refusals(1000)
    one.step()
    assert one.channels["bad"].tried == 1
    assert len(one.channels["good"].sent) == 15


def test_the_clock_set_back_or_forward_delays_nothing_for_long(bench):
    one = bench()
    one.changes.add()
    one.channels["hook"].answers = refusals(2)
    one.step()
    one.clock.now -= 300 * 24 * HOUR
    one.run(10)
    assert one.channels["hook"].tried >= 2
    one.clock.now += 900 * 24 * HOUR
    one.run(DELIVERY_BACKOFF_S_MAX + 10, 10)
    assert len(one.channels["hook"].sent) == 1


def test_a_stopped_ledger_does_not_stop_the_telling(bench):
    one = bench()
    one.told.stopped = True
    one.changes.add()
    one.step()
    assert len(one.channels["hook"].sent) == 1
    assert "stopped" in one.outbox.trouble
    one.told.stopped = False
    one.again()
    one.step()
    assert one.told.outcomes() == ["sent"]


def test_tries_that_wait_for_the_ledger_are_bounded_and_counted(bench, monkeypatch):
    monkeypatch.setattr(outbox, "OUTBOX_ATTEMPTS_MAX", 5)
    one = bench()
    one.told.stopped = True
    for number in range(9):
        one.changes.add(alert=f"a{number}")
    one.step()
    assert len(one.channels["hook"].sent) == 9
    assert one.outbox.untold == 4
    one.told.stopped = False
    one.step()
    assert len(one.told.attempts) == 5


def test_alerts_that_cannot_be_read_are_asked_for_again(bench):
    one = bench()
    one.changes.add()
    one.changes.fails = InputError("cannot be read now")
    one.step()
    assert one.outbox.trouble == "cannot be read now"
    one.changes.fails = None
    one.step()
    assert (len(one.channels["hook"].sent), one.outbox.trouble) == (1, "")


def test_a_full_outbox_leaves_out_tells_and_shows_it(bench, monkeypatch):
    monkeypatch.setattr(intake, "OUTBOX_MESSAGES_MAX", 3)
    monkeypatch.setattr(outbox, "OUTBOX_MESSAGES_MAX", 3)
    one = bench(AlertSettings(channels={"bad": webhook(), "good": webhook()}))
    one.channels["bad"].answers = refusals(1000)
    for number in range(10):
        one.changes.add(alert=f"a{number}")
        one.step()
    assert len(one.channels["good"].sent) == 10
    standing = one.outbox.standing()
    assert (standing["bad"].waiting, standing["bad"].lost, standing["bad"].full) == (3, 7, True)
    assert not standing["good"].full
    one.step()
    assert one.told.losses[-1] == ("bad", 7)
    one.channels["bad"].answers = []
    one.run(300, 10)
    assert len(one.channels["bad"].sent) == 3


def test_sent_and_dead_messages_are_bounded_and_hold_no_text_once_sent(bench, monkeypatch):
    monkeypatch.setattr(outbox, "OUTBOX_SENT_KEPT", 4)
    one = bench()
    for number in range(10):
        one.changes.add(alert=f"a{number}")
    one.step()
    one.step()
    with sqlite3.connect(one.path / "outbox.db") as db:
        assert db.execute("SELECT count(*) FROM messages").fetchone() == (4,)
        assert db.execute("SELECT count(*) FROM bodies").fetchone() == (0,)
    db.close()


def test_nothing_of_an_event_can_be_read_in_the_file(bench):
    one = bench(AlertSettings(channels={"hook": webhook(content="why")}))
    one.channels["hook"].answers = refusals(1000)
    one.changes.add()
    one.step()
    data = (one.path / "outbox.db").read_bytes()
    assert b"alice" not in data
    assert b"then success" not in data
    assert (one.path / "outbox.db").stat().st_mode & 0o777 == 0o600


def test_rows_and_bodies_that_whodid_did_not_write_do_not_exist(bench):
    one = bench()
    one.channels["hook"].answers = refusals(1)
    one.changes.add()
    one.changes.add(alert="a2")
    one.step()
    one.outbox.close()
    with sqlite3.connect(one.path / "outbox.db") as db:
        ids = [row[0] for row in db.execute("SELECT id FROM messages ORDER BY seq")]
        db.execute("UPDATE messages SET channel = 'elsewhere' WHERE id = ?", (ids[0],))
        body = db.execute("SELECT body FROM bodies WHERE about = ?", (ids[0],)).fetchone()[0]
        db.execute("UPDATE bodies SET body = ? WHERE about = ?", (body, ids[1]))
    db.close()
    one.again()
    one.run(10)
    assert one.channels["hook"].sent == []
    [attempt] = [a for a in one.told.attempts.values() if a.outcome == "given up"]
    assert attempt.message == ids[1]
    assert "did not write" in attempt.reason


def test_a_file_that_is_no_outbox_or_a_newer_one_is_refused(bench):
    one = bench()
    one.outbox.close()
    path = one.path / "outbox.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LedgerError, match="format 99 is newer"):
        one._open()
    path.write_bytes(b"x" * 5000)
    with pytest.raises(LedgerError, match="delete it while nothing runs"):
        one._open()
    path.unlink()
    one.again()


def test_a_new_outbox_does_not_tell_old_stories(bench):
    one = bench()
    one.changes.add(at_us=START - 30 * 24 * HOUR)
    one.changes.add(alert="a2", at_us=START - 10 * MINUTE)
    one.step()
    assert [m.changes[0].alert for m in one.channels["hook"].sent] == ["a2"]


def test_late_changes_are_told_by_an_outbox_that_was_there(bench):
    one = bench()
    one.changes.add()
    one.step()
    one.clock.pass_(5 * 24 * 3600)  # the machine was off
    one.changes.add(alert="a2", at_us=START + HOUR)
    one.step()
    assert [m.changes[0].alert for m in one.channels["hook"].sent] == ["a1", "a2"]


def test_settings_change_while_it_runs(bench):
    one = bench()
    one.channels["hook"].answers = refusals(1000)
    one.changes.add()
    one.step()
    old = one.channels["hook"]
    one.outbox.use(AlertSettings(channels={"other": webhook()}))
    one.changes.add(alert="a2")
    one.run(10)
    assert old.closed
    assert [m.changes[0].alert for m in one.channels["other"].sent] == ["a2"]
    [gone] = [a for a in one.told.attempts.values() if a.outcome == "given up"]
    assert "no such channel" in gone.reason


def test_a_channel_that_cannot_be_made_keeps_its_messages_until_it_can(bench):
    one = bench()
    real = one.outbox._make

    def broken(name, settings):
        raise UsageError("alerts.channels.hook: $S has nothing in it")

    one.outbox._make = broken
    one.outbox.use(one.settings)
    one.changes.add()
    one.run(5)
    assert set(one.told.outcomes()) == {"failed"}
    assert "$S has nothing in it" in next(iter(one.told.attempts.values())).reason
    one.outbox._make = real
    one.outbox.use(one.settings)
    one.run(20)
    assert len(one.channels["hook"].sent) == 1


def test_attempt_names_tell_the_same_try_apart():
    names = {
        Attempt(f"delivery m {n} {o}", "m", "c", n, o, 0, ()).once
        for n in (1, 2)
        for o in ("sent", "failed")
    }
    assert len(names) == 4
