"""The company is invented, and it lives like one."""

import re
from collections import Counter
from ipaddress import ip_address, ip_network

import pytest

from whodid.demo.cast import BERLIN, BY_EMAIL, LEAVER, OSAKA, PEOPLE, RECIFE
from whodid.demo.stage import DAY_US, HOUR_US, Stage
from whodid.demo.working_hours import desk_times, works

ALLOWED = [
    ip_network(text)
    for text in (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "10.0.0.0/8",
    )
]  # fmt: skip
V4 = re.compile(rb"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
V6 = re.compile(rb"\b2[0-9a-f]{3}:[0-9a-f:]{2,}")
MAIL = re.compile(rb"[A-Za-z0-9._-]+(?:@|%40)([A-Za-z0-9.-]+)")
ACCOUNT = re.compile(rb"(?::|\")(\d{12})(?::|\")")
END_US = 1_795_305_600_000_000
STAGE = Stage(END_US, 30, 7, 1.0)


def test_every_address_is_private_or_for_documentation(story):
    seen = set()
    for source, lines in story.lines.items():
        for line in lines:
            text = re.sub(rb"(Chrome|Version|Firefox|Safari)/[\d.]+|/20\d\d:", b"", line)
            seen.update((source, found) for found in (*V4.findall(text), *V6.findall(text)))
    assert len(seen) > 200
    for source, found in seen:
        address = ip_address(found.decode())
        assert any(address in network for network in ALLOWED), (source, found)
    assert {ip_address(found.decode()).version for _, found in seen} == {4, 6}


def test_every_mail_address_is_at_example_com(story):
    domains = {d for lines in story.lines.values() for line in lines for d in MAIL.findall(line)}
    assert domains == {b"example.com"}
    accounts = {a for line in story.lines["aws-cloudtrail"] for a in ACCOUNT.findall(line)}
    assert accounts == {b"111122223333"}


def test_people_are_told_apart():
    assert len({person.email for person in PEOPLE}) == len(PEOPLE) >= 40
    assert len({person.login for person in PEOPLE}) == len(PEOPLE)
    assert len({person.home_ip for person in PEOPLE}) == len(PEOPLE)
    assert len({person.office.country for person in PEOPLE}) >= 6
    assert any(not person.name.isascii() for person in PEOPLE)


@pytest.mark.parametrize("office", [BERLIN, OSAKA, RECIFE])
def test_people_work_by_day_and_eat_at_noon(office):
    person = next(p for p in PEOPLE if p.office is office)
    chance = STAGE.chance("test")
    hours = Counter()
    for day in range(1, 29):
        for time_us in desk_times(chance, STAGE, person, day, 200):
            hours[int((time_us + office.utc_offset_h * HOUR_US) % DAY_US // HOUR_US)] += 1
    total = sum(hours.values())
    assert sum(hours[hour] for hour in range(7, 20)) / total > 0.95
    assert hours[12] + hours[11] < 0.85 * (hours[9] + hours[10])
    assert hours[3] == 0


def test_week_ends_are_quiet(story):
    by_weekday = Counter()
    for record in story.json("crm"):
        if record["userId"] != LEAVER:
            day = int(record["timestamp"][8:10]) + (0 if record["timestamp"][5:7] == "10" else 31)
            by_weekday[(day - 1 + 3) % 7] += 1  # 2026-10-01 was a Thursday
    weekend = by_weekday[5] + by_weekday[6]
    assert 0 < weekend < 0.25 * sum(by_weekday.values())


def test_nobody_works_after_leaving():
    chance = STAGE.chance("test")
    leaver = BY_EMAIL[LEAVER]
    assert leaver.left_day == 12
    assert not any(works(chance, STAGE, leaver, day) for day in range(13, 31))
    assert any(works(chance, STAGE, leaver, day) for day in range(12))


def test_resources_have_a_long_tail(story):
    seen = Counter(
        record["resource"] for record in story.json("crm") if record["action"] == "CUSTOMER_VIEW"
    )
    counts = sorted(seen.values(), reverse=True)
    assert counts[0] >= 4 * counts[len(counts) // 2]
    assert counts.count(1) > len(counts) / 2


def test_every_agent_acts_for_a_person(story):
    calls = story.json("ai-gateway")
    assert {call["actor"]["on_behalf_of"] for call in calls} <= set(BY_EMAIL)
    assert len({call["actor"]["id"] for call in calls}) == 4
