"""Profiles: what they count is what plain Python counts, cut to the rights of who asks."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from whodid.app.answer import Caller
from whodid.app.profile import heat_of
from whodid.app.profile_document import profile_document
from whodid.app.reading import LedgerReading
from whodid.errors import AccessDeniedError, UsageError
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
START = datetime(2026, 10, 1, 8, tzinfo=UTC)  # a Thursday


def records():
    """Forty days: alice every day, bob on the same files, carol on others; alice's last week."""
    for day in range(40):
        at = START + timedelta(days=day, hours=day % 3)
        yield at, "alice", f"file-{day % 4}", "10.0.0.1"
        if day % 2:
            yield at + timedelta(minutes=5), "bob", f"file-{day % 4}", "10.0.0.2"
        yield at + timedelta(minutes=9), "carol", f"other-{day % 2}", "10.0.0.3"
    yield START + timedelta(days=38), "alice", "payroll", "203.0.113.9"


@pytest.fixture
def reading(directory, keys, port, clock, intake):
    port.declare_source("shop", "json", "shop")
    data = [
        msgspec.json.encode(
            {"timestamp": at.isoformat(), "userId": who, "action": "READ", "resource": what,
             "ip": ip, "status": "SUCCESS"}
        )
        for at, who, what, ip in records()
    ]  # fmt: skip
    intake.accept(Delivery("shop", data, clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


def us(at):
    return int(at.timestamp()) * 1_000_000


def test_a_profile_counts_what_there_is(reading):
    found = reading.profile(ALL, "actor", "alice")
    mine = [(at, what) for at, who, what, _ in records() if who == "alice"]
    assert found.events == len(mine)
    assert (found.first_us, found.last_us) == (us(min(mine)[0]), us(max(mine)[0]))
    late = [at for at, _ in mine if us(at) >= found.last_us - 28 * 86_400_000_000]
    heat = Counter((at.weekday(), at.hour) for at in late)
    assert found.heat == [[heat[day, hour] for hour in range(24)] for day in range(7)]
    values = {facet.field: dict(facet.values) for facet in found.facets}
    assert values["resource"] == dict(Counter(what for _, what in mine))
    assert values["outcome"] == {"success": len(mine)}
    assert sum(bar.count for bar in found.histogram.bars) == len(mine)
    assert found.is_exact
    assert found.warnings == []


def test_what_is_new_and_who_does_alike(reading):
    found = reading.profile(ALL, "actor", "alice")
    day = us(START + timedelta(days=38))
    assert [(n.field, n.value, n.first_us, n.events) for n in found.news] == [
        ("resource", "payroll", day, 1), ("ip", "203.0.113.9", day, 1),
    ]  # fmt: skip
    assert [(peer.value, peer.shared, peer.events) for peer in found.peers] == [("bob", 2, 20)]
    resource = reading.profile(ALL, "resource", "file-1")
    assert [(peer.value, peer.shared) for peer in resource.peers] == [
        ("file-3", 2), ("file-0", 1), ("file-2", 1), ("payroll", 1),
    ]  # fmt: skip
    assert resource.via == "actor"
    address = reading.profile(ALL, "ip", "10.0.0.2")
    assert dict(next(f for f in address.facets if f.field == "actor").values) == {"bob": 20}


def test_nothing_and_no_such_kind(reading):
    found = reading.profile(ALL, "actor", "nobody")
    assert (found.events, found.histogram, found.facets, found.peers) == (0, None, [], [])
    assert profile_document(found)["first"] is None
    for kind, value in (
        ("planet", "earth"),
        ("ip", "no address"),
        ("actor", ""),
        ("actor", "x" * 9999),
    ):
        with pytest.raises(UsageError):
            reading.profile(ALL, kind, value)


def test_what_is_younger_than_a_week_is_new_as_a_whole(reading):
    assert reading.profile(ALL, "resource", "payroll").news is None


def test_it_is_an_event_before_it_is_shown(reading):
    reading.profile(ALL, "actor", "alice")
    found = reading.search(ALL, "service:whodid action:profile")
    [what] = [hit.event.what for hit in found.events]
    assert (what.resource_type, what.resource_name, what.rows) == ("actor", "alice", 41)


def test_rights_hold_for_every_count(reading):
    few = Caller("rita", "api", rights=rights("-resource:payroll", ["ip"]))
    found = reading.profile(few, "actor", "alice")
    assert found.events == 40
    assert found.news == []
    assert "ip" not in {facet.field for facet in found.facets}
    with pytest.raises(AccessDeniedError):
        reading.profile(few, "ip", "10.0.0.1")
    blind = Caller("rita", "api", rights=rights(None, ["resource.name", "resources"]))
    assert reading.profile(blind, "actor", "alice").peers == []
    with pytest.raises(AccessDeniedError):
        reading.profile(Caller("nobody", "api", rights=NOTHING), "actor", "alice")


def test_heat_by_weekday_and_hour():
    hour = 3_600_000_000
    heat = heat_of([(0, 2), (25 * hour, 3), (7 * 24 * hour, 4)])
    assert (heat[3][0], heat[4][1]) == (6, 3), "1970 began on a Thursday"
    assert sum(map(sum, heat)) == 9
