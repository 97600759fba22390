"""Which alert goes where and when: routes, calendars, groups, escalations, ends, heartbeat."""

from datetime import UTC, datetime

import pytest

from delivery_kit import MINUTE, SECOND, FakeTold, chat, refusals, webhook
from whodid.detection.delivery import heartbeat, intake
from whodid.detection.delivery.calendar import Hours
from whodid.detection.delivery.checking import fault_of_url, faults_of
from whodid.detection.delivery.settings import (
    AlertSettings,
    Calendar,
    PagerDutyChannel,
    Route,
)
from whodid.errors import UsageError
from whodid.limits import MESSAGE_CHANGES_MAX


def us(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def kinds(channel):
    return [change.kind for message in channel.sent for change in message.changes]


# --- routes ------------------------------------------------------------------------------------


def test_without_routes_every_alert_goes_to_every_channel(bench):
    one = bench(AlertSettings(channels={"a": webhook(), "b": webhook()}))
    one.changes.add(level="informational")
    one.step()
    assert kinds(one.channels["a"]) == kinds(one.channels["b"]) == ["opened"]


def test_levels_rules_and_tags_choose_channels_and_one_gets_a_change_once(bench):
    one = bench(
        AlertSettings(
            channels={"a": webhook(), "b": webhook(), "c": webhook()},
            routes=(
                Route(("a",), levels=("high", "critical")),
                Route(("a", "b"), rules=("r9", "attack.exfiltration")),
            ),
        )
    )
    one.changes.add(alert="1", level="high")
    one.changes.add(alert="2", level="low", rule="r9")
    one.changes.add(alert="3", level="critical", rule="r9")
    one.changes.add(alert="4", level="low", tags=("attack.exfiltration",))
    one.changes.add(alert="5", level="low")
    one.step()
    alerts = {n: [m.changes[0].alert for m in c.sent] for n, c in one.channels.items()}
    assert alerts == {"a": ["1", "2", "3", "4"], "b": ["2", "3", "4"], "c": []}
    assert one.outbox.unrouted == 1


# --- calendars ---------------------------------------------------------------------------------

OFFICE = Calendar(timezone="Europe/Berlin", holidays=("2026-12-25",))


@pytest.mark.parametrize(
    ("time", "inside"),
    [
        ("2026-11-25T06:59:59", False),  # Wednesday, 07:59:59 in Berlin
        ("2026-11-25T07:00:00", True),
        ("2026-11-25T16:59:59", True),
        ("2026-11-25T17:00:00", False),
        ("2026-11-28T10:00:00", False),  # Saturday
        ("2026-12-25T10:00:00", False),  # a holiday on a Friday
        ("2026-07-01T06:00:00", True),  # summer time
    ],
)
def test_working_hours_are_local(time, inside):
    assert Hours(OFFICE).holds(us(time)) is inside


def test_the_next_working_hours_skip_weekend_and_holiday():
    hours = Hours(OFFICE)
    assert hours.next_us(us("2026-11-27T20:00:00"), inside=True) == us("2026-11-30T07:00:00")
    assert hours.next_us(us("2026-12-24T20:00:00"), inside=True) == us("2026-12-28T07:00:00")
    now = us("2026-11-25T10:00:00")
    assert hours.next_us(now, inside=True) == now
    assert hours.next_us(now, inside=False) == us("2026-11-25T17:00:00")


def test_night_shifts_whole_days_and_no_days():
    night = Hours(Calendar(days=("fri",), start="22:00", end="06:00"))
    assert night.holds(us("2026-11-27T23:00:00"))
    assert night.holds(us("2026-11-28T05:59:00"))
    assert not night.holds(us("2026-11-28T06:00:00"))
    assert not night.holds(us("2026-11-27T05:00:00"))
    week = Hours(Calendar(days=("sat", "sun"), start="00:00", end="24:00"))
    assert week.next_us(us("2026-11-28T10:00:00"), inside=False) == us("2026-11-30T00:00:00")
    never = Hours(Calendar(days=()))
    assert never.next_us(us("2026-11-28T10:00:00"), inside=True) is None


def test_a_day_on_which_the_clock_changes_begins_at_its_own_eight():
    hours = Hours(Calendar(timezone="Europe/Berlin", days=("sun",)))
    assert hours.next_us(us("2026-03-28T12:00:00"), inside=True) == us("2026-03-29T06:00:00")
    assert hours.next_us(us("2026-10-24T12:00:00"), inside=True) == us("2026-10-25T07:00:00")


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        (Calendar(timezone="Mars/Olympus"), "no time zone"),
        (Calendar(timezone="../../etc/passwd"), "no time zone"),
        (Calendar(holidays=("25.12.2026",)), "YYYY-MM-DD"),
    ],
)
def test_bad_calendars_are_refused(calendar, said):
    with pytest.raises(UsageError, match=said):
        Hours(calendar)


def test_outside_of_hours_one_route_waits_and_the_other_takes_over(bench):
    settings = AlertSettings(
        channels={"office": webhook(), "pager": webhook(), "daily": webhook()},
        calendars={"office": OFFICE},
        routes=(
            Route(("office",), calendar="office", otherwise="skip"),
            Route(("pager",), calendar="office", during="outside", otherwise="skip"),
            Route(("daily",), calendar="office"),
        ),
    )
    one = bench(settings)
    one.clock.now = us("2026-11-27T20:00:00")  # Friday night
    one.changes.add()
    one.step()
    assert [len(one.channels[n].sent) for n in ("office", "pager", "daily")] == [0, 1, 0]
    one.again()
    one.clock.now = us("2026-11-30T06:59:00")
    one.step()
    assert one.channels["daily"].sent == []
    one.clock.now = us("2026-11-30T07:00:00")
    one.step()
    assert kinds(one.channels["daily"]) == ["opened"]
    one.changes.add(alert="a2")
    one.step()
    assert [len(one.channels[n].sent) for n in ("office", "pager", "daily")] == [1, 1, 2]


# --- groups ------------------------------------------------------------------------------------


def test_chat_gathers_alerts_of_a_rule_and_waits_between_messages(bench, chat_settings):
    one = bench(chat_settings)
    one.changes.add(alert="1")
    one.step()
    one.changes.add(alert="2")
    one.changes.add(alert="3", rule="r2")
    one.run(9)
    assert one.channels["chat"].sent == []
    one.run(2)
    first, other = one.channels["chat"].sent
    assert [c.alert for c in first.changes] == ["1", "2"]
    assert [c.alert for c in other.changes] == ["3"]
    one.changes.add(alert="4")
    one.run(280)
    assert len(one.channels["chat"].sent) == 2
    one.changes.add(alert="5")
    one.run(30)
    assert [c.alert for c in one.channels["chat"].sent[2].changes] == ["4", "5"]
    one.run(600)
    one.changes.add(alert="6")
    one.run(11)
    assert [c.alert for c in one.channels["chat"].sent[3].changes] == ["6"]


def test_what_was_tried_once_does_not_change_any_more(bench, chat_settings):
    one = bench(chat_settings)
    one.changes.add(alert="1")
    one.run(10)
    one.channels["chat"].answers = refusals(3)
    one.run(1)
    one.changes.add(alert="2")
    one.run(400)
    first, second = one.channels["chat"].sent
    assert [c.alert for c in first.changes] == ["1"]
    assert [c.alert for c in second.changes] == ["2"]
    assert first.id != second.id


def test_a_message_holds_so_many_changes_and_counts_the_rest(bench, chat_settings):
    one = bench(chat_settings)
    for number in range(MESSAGE_CHANGES_MAX + 7):
        one.changes.add(alert=f"a{number}")
    one.run(11)
    [message] = one.channels["chat"].sent
    assert (len(message.changes), message.more) == (MESSAGE_CHANGES_MAX, 7)


def test_a_group_that_waits_survives_a_clock_that_is_set_back(bench, chat_settings):
    one = bench(chat_settings)
    one.changes.add()
    one.step()
    one.clock.now -= 24 * 60 * MINUTE
    one.run(400, 5)
    assert len(one.channels["chat"].sent) == 1


# --- ends --------------------------------------------------------------------------------------


def test_ends_are_told_to_whoever_was_told_and_wants_to_know(bench):
    one = bench(
        AlertSettings(
            channels={"hook": webhook(), "quiet": webhook(ends=False), "chat": chat(),
                      "critical": webhook()},
            routes=(
                Route(("hook", "quiet", "chat")), Route(("critical",), levels=("critical",)),
            ),
        )
    )  # fmt: skip
    one.changes.add()
    one.changes.add("acknowledged", by="bob")
    one.changes.add("closed", by="bob", reason="benign")
    one.run(20)
    assert kinds(one.channels["hook"]) == ["opened", "acknowledged", "closed"]
    assert kinds(one.channels["quiet"]) == ["opened"]
    assert kinds(one.channels["chat"]) == ["opened", "closed"]
    assert one.channels["critical"].sent == []


def test_the_end_of_an_alert_that_nobody_was_told_of_is_told_to_nobody(bench):
    one = bench()
    one.changes.add("closed")
    one.changes.add("acknowledged")
    one.step()
    assert one.channels["hook"].sent == []


def test_open_alerts_are_bounded_and_the_oldest_forgotten(bench, monkeypatch):
    monkeypatch.setattr(intake, "OUTBOX_ALERTS_MAX", 3)
    one = bench()
    for number in range(5):
        one.changes.add(alert=f"a{number}")
        one.step(1)
    for number in range(5):
        one.changes.add("closed", alert=f"a{number}")
    one.step()
    closed = [m.changes[0].alert for m in one.channels["hook"].sent if
              m.changes[0].kind == "closed"]  # fmt: skip
    assert closed == ["a2", "a3", "a4"]


# --- escalations -------------------------------------------------------------------------------

ESCALATING = AlertSettings(
    channels={"first": webhook(), "second": webhook(), "third": webhook()},
    routes=(
        Route(("first",), escalate_after_minutes=15, escalate_to=("second",)),
        Route(("first",), levels=("critical",), escalate_after_minutes=30, escalate_to=("third",)),
    ),
)


def test_an_alert_that_nobody_acknowledges_is_escalated_step_by_step_over_restarts(bench):
    one = bench(ESCALATING)
    one.changes.add(level="critical")
    one.step()
    one.clock.pass_(14 * 60)
    one.again()
    one.step()
    assert one.channels["second"].sent == []
    one.clock.pass_(61)
    one.again()
    one.run(5)
    assert kinds(one.channels["second"]) == ["escalated"]
    assert one.channels["third"].sent == []
    one.clock.pass_(15 * 60)
    one.run(5)
    assert kinds(one.channels["third"]) == ["escalated"]
    one.changes.add("closed", level="critical")
    one.step()
    assert kinds(one.channels["second"]) == kinds(one.channels["third"]) == ["escalated", "closed"]
    one.run(7200, 60)
    assert kinds(one.channels["first"]) == ["opened", "closed"]


@pytest.mark.parametrize("end", ["acknowledged", "closed"])
def test_an_alert_that_somebody_took_is_not_escalated(bench, end):
    one = bench(ESCALATING)
    one.changes.add()
    one.step()
    one.clock.pass_(600)
    one.changes.add(end, by="bob")
    one.run(7200, 60)
    one.changes.add("repeated" if end == "acknowledged" else "closed")
    one.run(7200, 60)
    assert one.channels["second"].sent == []


def test_a_clock_set_back_begins_the_wait_anew_and_does_not_forget_it(bench):
    one = bench(ESCALATING)
    one.changes.add()
    one.step()
    one.clock.now -= 30 * 24 * 60 * MINUTE
    one.run(14 * 60, 30)
    assert one.channels["second"].sent == []
    one.run(2 * 60, 30)
    assert kinds(one.channels["second"]) == ["escalated"]


def test_outside_of_hours_the_wait_begins_with_the_hours(bench):
    one = bench(
        AlertSettings(
            channels=ESCALATING.channels, calendars={"office": OFFICE},
            routes=(Route(("first",), calendar="office", escalate_after_minutes=15,
                          escalate_to=("second",)),),
        )
    )  # fmt: skip
    one.clock.now = us("2026-11-27T20:00:00")
    one.changes.add()
    one.step()
    one.clock.now = us("2026-11-30T07:14:00")
    one.step()
    assert kinds(one.channels["first"]) == ["opened"]
    assert one.channels["second"].sent == []
    one.step(61)
    one.step(1)
    assert kinds(one.channels["second"]) == ["escalated"]


# --- heartbeat ---------------------------------------------------------------------------------


def test_beats_come_only_while_the_detector_lives(bench):
    one = bench(
        AlertSettings(
            channels={"hook": webhook()}, heartbeat_channels=("hook",), heartbeat_minutes=5
        )
    )
    one.run(600, 10)
    assert one.channels["hook"].sent == []
    for _ in range(90):
        one.outbox.alive()
        one.step(10)
    sent = one.channels["hook"].sent
    assert len(sent) == 3
    assert all(message.heartbeat for message in sent)
    assert len({message.id for message in sent}) == 3
    one.run(heartbeat.HEARTBEAT_SILENT_S, 10)
    before = len(sent)
    one.run(1000, 10)
    assert len(sent) == before
    assert one.told.beats == [("hook", True, "")]


def test_beats_that_fail_and_come_back_are_told_once_each(bench):
    one = bench(
        AlertSettings(
            channels={"hook": webhook()}, heartbeat_channels=("hook",), heartbeat_minutes=1
        )
    )
    answers = [None, *refusals(3), None, None]
    one.channels.setdefault("hook", None)
    one.outbox.alive()
    one.step()
    one.channels["hook"].answers = answers
    for _ in range(8):
        one.outbox.alive()
        one.step(60)
    assert [(ok, reason) for _, ok, reason in one.told.beats] == [
        (True, ""), (False, "HTTP 503"), (True, "")
    ]  # fmt: skip


def test_beats_go_on_when_the_clock_is_set_back():
    told = FakeTold()
    beats = heartbeat.Heartbeat(told, 60, ("x",))

    class Channel:
        count = 0

        def send(self, _message):
            self.count += 1

    channel = Channel()
    beats.alive(1000 * 60 * SECOND)
    beats.step({"x": channel}, 1000 * 60 * SECOND)
    beats.step({"x": channel}, 0)
    beats.step({"x": channel}, 60 * SECOND)
    assert channel.count == 3


# --- checks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (AlertSettings(channels={"a b": webhook()}), "a channel's name has"),
        (AlertSettings(channels={"a": webhook(allow_hosts=("http://x",))}), "no host, address"),
        (AlertSettings(routes=(Route(("x",)),)), "no channel 'x'"),
        (AlertSettings(routes=(Route(()),)), "names no channel"),
        (AlertSettings(channels={"a": chat()}, routes=(Route(("a",), calendar="c"),)), "calendar"),
        (
            AlertSettings(channels={"a": chat()}, routes=(Route(("a",), escalate_to=("a",)),)),
            "go together",
        ),
        (AlertSettings(heartbeat_channels=("x",)), "no channel 'x'"),
        (
            AlertSettings(channels={"p": PagerDutyChannel()}, heartbeat_channels=("p",)),
            "opens an incident for each",
        ),
        (AlertSettings(calendars={"c": Calendar(timezone="x")}), "no time zone"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, said):
    [(_, problem)] = faults_of(settings)
    assert said in problem


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "https://", "https://a b/", "https://u:p@x/", "https://x/?q", "x", "http://["],
)
def test_bad_public_addresses_are_refused(url):
    assert fault_of_url(url)


def test_good_public_addresses_are_not():
    assert not fault_of_url("https://audit.example/whodid")
    assert not fault_of_url("http://[::1]:9460")
