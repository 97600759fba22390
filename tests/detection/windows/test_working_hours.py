"""Working hours: of people and teams, in their time zones, over nights and changes of the clock."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlation_kit import S, correlation, engine, record, rule, run
from whodid.detection.windows.calendars import parse_calendars, read_calendars
from whodid.errors import InputError

FILE = """
default:
  zone: Europe/Berlin
  days: [mon, tue, wed, thu, fri]
  hours: ["08:00-12:00", "13:00-18:30"]
  holidays: [2026-12-24, "01-01"]
calendars:
  night: {zone: America/New_York, hours: "22:00-06:00"}
  always: {days: [mon, tue, wed, thu, fri, sat, sun], hours: "00:00-24:00", holidays: []}
people:
  Alice@Example.com: night
teams:
  support: {calendar: always, members: [bob]}
"""


def us(text, zone="UTC", *, fold=0):
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(local.timestamp()) * S


def calendars(text=FILE):
    return parse_calendars(text.encode(), "hours.yml")


BERLIN = [
    ("2026-03-02 07:59:59", False), ("2026-03-02 08:00", True), ("2026-03-02 11:59", True),
    ("2026-03-02 12:00", False), ("2026-03-02 13:00", True), ("2026-03-02 18:30", False),
    ("2026-03-01 10:00", False),  # a Sunday
    ("2026-12-24 10:00", False), ("2027-12-24 10:00", True),  # that year only
    ("2027-01-01 10:00", False),  # every year
]  # fmt: skip


@pytest.mark.parametrize(("when", "works"), BERLIN)
def test_days_hours_and_holidays(when, works):
    assert calendars().of("somebody").working(us(when, "Europe/Berlin")) is works


def test_hours_past_midnight_belong_to_the_day_they_begin_on():
    night = calendars().of("alice@example.COM")
    for when, works in [
        ("2026-03-02 21:59", False), ("2026-03-02 22:00", True), ("2026-03-03 05:59", True),
        ("2026-03-03 06:00", False),
        ("2026-03-02 03:00", False),  # of Sunday's night, and Sunday is off
        ("2026-03-07 03:00", True),  # Saturday, of Friday's night
        ("2026-03-07 23:00", False),
        ("2027-01-02 03:00", False),  # of the night of a holiday
    ]:  # fmt: skip
        assert night.working(us(when, "America/New_York")) is works, when


def test_the_clock_changes_and_the_hours_follow_it():
    berlin = calendars().of("somebody")
    # UTC+1 until the last Sunday of March, UTC+2 from then: 8:00 is 7:00Z, then 6:00Z
    assert berlin.working(us("2026-03-27 07:00"))
    assert not berlin.working(us("2026-03-27 06:59"))
    assert berlin.working(us("2026-03-30 06:00"))
    assert not berlin.working(us("2026-03-30 05:59"))
    # in autumn 2:30 comes twice, and is in the hours both times; in spring it does not come
    night = parse_calendars(
        b"default: {zone: Europe/Berlin, days: [sun], hours: ['02:15-02:45']}", "x"
    ).default
    assert night.working(us("2026-10-25 02:30", "Europe/Berlin", fold=0))
    assert night.working(us("2026-10-25 02:30", "Europe/Berlin", fold=1))
    minutes = range(us("2026-03-29"), us("2026-03-29 06:00"), 60 * S)
    assert not any(map(night.working, minutes))


@given(st.integers(us("2026-01-01"), us("2027-12-31")),
       st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]),
       st.integers(0, 1439), st.integers(1, 1439))  # fmt: skip
def test_working_is_what_a_wall_clock_shows(time_us, zone, begin, length):
    """Against a walk back by the minute of the wall clock to where the hours began."""
    end = begin + length
    hours = f"{begin // 60:02}:{begin % 60:02}-{end % 1440 // 60:02}:{end % 60:02}"
    days = ("mon", "wed", "sun")
    text = f"default: {{zone: {zone}, days: [{', '.join(days)}], hours: '{hours}'}}"
    calendar = parse_calendars(text.encode(), "x").default
    wall = datetime.fromtimestamp(time_us // S, UTC).astimezone(ZoneInfo(zone))
    wall = wall.replace(tzinfo=None, second=0)
    expected = False
    for back in (0, 1):
        day = (wall - timedelta(days=back)).replace(hour=0, minute=0)
        if day.strftime("%a").lower() in days:
            first = day + timedelta(minutes=begin)
            expected |= first <= wall < first + timedelta(minutes=length)
    assert calendar.working(time_us) is expected


def test_people_then_teams_then_the_default():
    known = calendars()
    assert known.of("BOB").zone.key == "Europe/Berlin"
    assert known.of("bob").working(us("2026-03-01 03:00"))
    assert known.of("carol", ("sales", "Support")).working(us("2026-03-01 03:00"))
    assert known.of("alice@example.com", ("support",)).zone.key == "America/New_York"
    assert known.of("carol", ("sales",)) is known.default


FAULTS = [
    ("", "the file is a map"), ("- a", "the file is a map"), ("a: [", "no YAML"),
    ("nobody: {}", "knows default, calendars, people, teams"),
    ("default: {zone: Mars/Base}", "default.zone is an IANA zone"),
    ("default: {zone: ../../etc/passwd}", "default.zone is an IANA zone"),
    ("default: {zone: 7}", "default.zone is an IANA zone"),
    ("default: {days: [someday]}", "default.days is a list of mon"),
    ("default: {hours: 8-18}", "default.hours is a list of hours"),
    ("default: {hours: ['08:00-08:00']}", "default.hours"),
    ("default: {hours: ['08:00-25:00']}", "default.hours"),
    ("default: {hours: ['24:00-25:00']}", "default.hours"),
    ("default: {hours: 3}", "default.hours is a list"),
    ("default: {holidays: ['13-45']}", "holds days"),
    ("default: {holidays: [soon]}", "holds days"),
    ("default: {lunch: 1}", "knows zone, days, hours, holidays"),
    ("people: {ann: nowhere}", "people.ann names a calendar that is there"),
    ("teams: {x: {members: [a]}}", "teams.x names a calendar"),
    ("teams: {x: 5}", "teams.x is a map"),
    ("a: " + "[" * 5000, "no YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says"), FAULTS, ids=lambda v: str(v)[:20])
def test_a_faulty_file_says_where_and_what(text, says):
    with pytest.raises(InputError) as error:
        calendars(text)
    assert str(error.value).startswith("hours.yml: ")
    assert says in str(error.value)


def test_a_file_that_is_too_large_or_gone_is_refused(tmp_path):
    with pytest.raises(InputError, match="larger than"):
        parse_calendars(b"#" * (1024 * 1024 + 1), "x")
    with pytest.raises(InputError, match="cannot be read"):
        read_calendars(tmp_path / "none.yml")


@given(st.binary(max_size=60))
def test_any_bytes_are_calendars_or_refused(text):
    with suppress(InputError):
        parse_calendars(text, "x")


def outside(tmp_path, options=None, **more):
    file = tmp_path / "hours.yml"
    file.write_text(FILE)
    root = correlation(
        "outside_hours", ["read"], 86_400, options={"person": "user"} | (options or {}), **more
    )
    return engine([rule("read"), root], calendars=file)


def test_what_somebody_does_outside_his_hours_is_found(tmp_path):
    # START is a Thursday, and the first of January: a holiday; the day after is a Friday
    day = 86_400
    records = [
        record(0, day + 9 * 3600, "read", user="ann"),  # 10:00 in Berlin
        record(1, day + 22 * 3600, "read", user="ann"),  # 23:00
        record(2, day + 23 * 3600, "read", user="bob"),  # always
        record(3, day + 23 * 3600, "read", user=None),
        record(4, day + 23 * 3600, "read", user="cid", groups=["support"]),
    ]
    (found,) = run(outside(tmp_path), records)
    assert (found.key, found.matches[0].entry, found.count) == ((("user", "ann"),), 1, 1)
    assert found.why == (
        "1 event “read” of ann outside working hours, the newest on Friday 2026-01-02 23:00 "
        "(Europe/Berlin); 1 is the bound in 1 day"
    )


def test_a_rule_may_name_the_calendar_and_a_number(tmp_path):
    records = [record(n, 3600 + n, "read", user="bob") for n in range(3)]
    assert run(outside(tmp_path), records) == []
    eng = outside(tmp_path, {"calendar": "night"}, gte=3)
    # 01:00Z of Thursday is 20:00 in New York, before the night begins
    assert [f.count for f in run(eng, records)] == [3]
    (fault,) = outside(tmp_path, {"calendar": "none"}).unusable
    assert "no calendar 'none'" in fault.reason


def test_a_faulty_file_is_a_fault_of_the_rules_that_need_it(tmp_path):
    file = tmp_path / "hours.yml"
    file.write_text("default: 3")
    rules = [rule("a"), correlation("outside_hours", ["a"], 60),
             correlation("event_count", ["a"], 60, name="count", gte=1)]  # fmt: skip
    eng = engine(rules, calendars=file)
    assert "default is a map" in eng.unusable[0].reason
    assert [f.rule.id for f in run(eng, [record(0, 0, user="ann")])] == ["count"]
