"""The demo's file of working hours, and what rules find by it in the demo's story."""

from whodid.demo.cast import LEAVER, PEOPLE
from whodid.demo.hours import calendars_text
from whodid.detection.compiled import compile_rules
from whodid.detection.packs import PACKS
from whodid.detection.record import Record
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Engine, Settings
from whodid.detection.windows.calendars import read_calendars
from whodid.event import encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name

EXPORT = "hours_export"
NOON_US = 1_795_305_600_000_000 + 12 * 3_600_000_000  # of Sunday 2026-11-22
DAY_US = 86_400_000_000


def hours(tmp_path):
    path = tmp_path / "hours.yml"
    path.write_text(calendars_text(), "utf-8")
    return path


def as_received(line, entry):
    known = format_by_name("json")
    event = prepare(
        known.map(line, NOON_US), line, event_id="018bcfe5-687b-7000-8000-000000000000",
        source="crm", received_us=NOON_US, format_name="json", mapping=known.mapping,
    ).event  # fmt: skip
    return Record(entry, encode_groups(event), native_of)


def test_everybody_has_a_calendar_of_his_office(tmp_path):
    calendars = read_calendars(hours(tmp_path))
    for person in PEOPLE:
        local = calendars.of(person.email).local(NOON_US)
        assert local.utcoffset().total_seconds() == person.office.utc_offset_h * 3600, person
    assert calendars.of(LEAVER).working(NOON_US + DAY_US)
    assert not calendars.of(LEAVER).working(NOON_US)
    assert not calendars.of(LEAVER).working(NOON_US + DAY_US + 8 * 3_600_000_000)


def test_the_leaver_who_exports_in_the_evening_is_found(story, tmp_path):
    loaded = load_rules([PACKS / "hours"], None).rules
    [rule] = [one for one in loaded if one.head.name == EXPORT]
    rules = [one for one in loaded if one.head.id in {rule.head.id, *rule.rules}]
    engine = Engine(rules, compile_rules(rules), Settings(calendars=hours(tmp_path), early=False))
    assert engine.unusable == ()
    records = [as_received(line, at) for at, line in enumerate(story.lines["crm"])]
    records.sort(key=lambda one: one.time_us)
    found = [*engine.feed(records), *engine.advance(NOON_US + 100 * DAY_US)]
    mine = [one for one in found if dict(one.key)["actor.id"] == LEAVER]
    assert len(mine) == 4, "each of his evenings"
    assert "(Etc/GMT-1)" in mine[0].why
