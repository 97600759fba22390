"""Places of addresses: countries and networks that are new, journeys that are too fast."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlation_kit import correlation, engine, record, rule, run, told
from mmdb_kit import PLACES, write_mmdb
from whodid.detection.windows.places import NOWHERE, Places, network_of
from whodid.detection.windows.travel import distance_km
from whodid.errors import InputError


@pytest.fixture(scope="module")
def geo(tmp_path_factory):
    return write_mmdb(tmp_path_factory.mktemp("geo") / "places.mmdb", PLACES)


def test_a_file_tells_places(geo):
    places = Places(geo)
    assert places.countries
    assert places.coordinates
    assert places.of("192.0.2.77").words == "Berlin, DE"
    assert places.of("2001:db8:1::5").country == "FR"
    for address in ("10.0.0.1", "nonsense", "", "192.0.2.1/24"):
        assert places.of(address) is NOWHERE


@pytest.mark.parametrize(
    "record_",
    [
        {"country": "DE", "city": "Berlin", "lat": "52.5", "lng": "13.4"},
        {"country_code": "DE", "city": {"names": {"en": "Berlin"}}, "latitude": 52.5,
         "longitude": 13.4},
    ],
)  # fmt: skip
def test_other_makers_records_are_read(tmp_path, record_):
    place = Places(write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": record_})).of("192.0.2.1")
    assert (place.words, place.latitude, place.longitude) == ("Berlin, DE", 52.5, 13.4)


@pytest.mark.parametrize(
    "record_", [{}, [], {"country": 5, "location": []}, {"country": {"iso_code": []}},
                {"location": {"latitude": 500.0, "longitude": "x"}}, {"location": {"latitude": {}}}]
)  # fmt: skip
def test_strange_records_are_nowhere(tmp_path, record_):
    place = Places(write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": record_})).of("192.0.2.1")
    assert (place.country, place.latitude) == ("", None)


def test_what_is_no_such_file_is_refused(tmp_path, geo):
    whole = geo.read_bytes()
    for number, data in enumerate([b"", b"text", whole[: len(whole) // 2], whole[:-40]]):
        file = tmp_path / f"{number}.mmdb"
        file.write_bytes(data)
        with pytest.raises(InputError, match="MaxMind"):
            Places(file)
    with pytest.raises(InputError):
        Places(tmp_path / "none.mmdb")


@given(st.data())
def test_a_damaged_file_crashes_nothing(geo, tmp_path_factory, data):
    whole = bytearray(geo.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / "damaged.mmdb"
    file.write_bytes(whole)
    try:
        places = Places(file)
    except InputError:
        return
    for address in ("192.0.2.1", "198.51.100.1", "2001:db8:1::1", "8.8.8.8"):
        places.of(address)


def test_networks():
    assert network_of("10.1.2.3") == "10.1.2.0/24"
    assert network_of("::ffff:10.1.2.3") == "10.1.2.0/24"
    assert network_of("2001:db8:1:2::5") == "2001:db8:1::/48"
    assert network_of("AWS Internal") == ""


def test_a_new_network_and_a_new_country(geo):
    rules = [
        rule("a"),
        correlation("new_value", ["a"], 10**6, name="network", fields=["ip"],
                    options={"as": "network"}),
        correlation("new_value", ["a"], 10**6, name="country", fields=["ip"],
                    options={"as": "country"}),
    ]  # fmt: skip
    addresses = ["192.0.2.1", "192.0.2.9", "198.51.100.200", "nonsense", "10.0.0.1", "203.0.113.5"]
    records = [record(n, n, user="ann", ip=ip) for n, ip in enumerate(addresses)]
    found = run(engine(rules, geo=geo), records)
    assert [(f.rule.id, f.values[0][1]) for f in found] == [
        ("network", "198.51.100.0/24"), ("network", "10.0.0.0/24"),
        ("network", "203.0.113.0/24"), ("country", "us"),
    ]  # fmt: skip
    assert "from the network 198.51.100.0/24 for the first time in 11 days" in found[0].why
    assert found[0].why.endswith("1 other is known")


def test_a_file_without_what_is_needed_is_told(tmp_path):
    file = write_mmdb(tmp_path / "x.mmdb", {"192.0.2.0/24": {"country": {"iso_code": "DE"}}})
    rules = [
        rule("a"), correlation("impossible_travel", ["a"], 60, fields=["ip"], name="travel"),
        correlation("new_value", ["a"], 60, fields=["ip"], name="new", options={"as": "country"}),
    ]  # fmt: skip
    assert [item.rule for item in engine(rules, geo=file).unusable] == ["travel"]
    file.write_bytes(b"")
    assert {i.rule for i in engine(rules, geo=file).unusable} == {"travel", "new"}


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((52.5200, 13.4050), (35.6762, 139.6503), 8918), ((0, 0), (0, 180), 20015),
        ((90, 0), (-90, 77), 20015), ((48.8566, 2.3522), (51.5074, -0.1278), 344),
        ((0, 179.5), (0, -179.5), 111),
    ],
)  # fmt: skip
def test_distances_on_the_globe(one, other, km):
    assert distance_km(one, other) == pytest.approx(km, rel=0.005)


def travel(geo, hours=12.0, **more):
    root = correlation("impossible_travel", ["a"], hours * 3600, fields=["ip"], **more)
    return engine([rule("a"), root], geo=geo)


def journey(*stops):
    return [record(n, h * 3600, user="ann", ip=ip) for n, (h, ip) in enumerate(stops)]


BERLIN, TOKYO, POTSDAM, NEW_YORK = "192.0.2.1", "198.51.100.1", "198.51.100.200", "203.0.113.1"


def test_a_journey_that_nobody_makes(geo):
    (found,) = run(travel(geo), journey((0, BERLIN), (2, TOKYO)))
    assert told(found)[1:4] == (7200, ("ann",), (0, 1))
    assert found.why.startswith(
        "Berlin, DE (192.0.2.1), then Tokyo, JP (198.51.100.1) 2 hours later of ann: 8,9"
    )
    assert found.why.endswith("km/h; more than 900 km/h is too many")


@pytest.mark.parametrize(
    ("stops", "more"),
    [
        (((0, BERLIN), (11, TOKYO)), {}),  # an airliner does it
        (((0, BERLIN), (0.001, POTSDAM)), {}),  # too near to say
        (((0, BERLIN), (13, TOKYO)), {"gt": 1}),  # too long ago
        (((0, BERLIN), (2, "10.0.0.1"), (2, "nonsense")), {}),
        (((0, BERLIN), (2, TOKYO)), {"gt": 5000}),
        (((0, BERLIN), (2, TOKYO)), {"options": {"allow": "198.51.100.0/24"}}),
        (((0, BERLIN), (2, TOKYO)), {"options": {"distance": 9000}}),
    ],
)  # fmt: skip
def test_journeys_that_are_none_or_are_allowed(geo, stops, more):
    assert run(travel(geo, **more), journey(*stops)) == []


def test_in_two_places_at_once(geo):
    (found,) = run(travel(geo), journey((0, BERLIN), (0, NEW_YORK)))
    assert "at the same time" in found.why
    late = travel(geo)
    assert late.feed(journey((0, BERLIN), (1, BERLIN))) == []
    (found,) = late.feed([record(2, 1800, user="ann", ip=NEW_YORK)])
    assert found.late


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([BERLIN, TOKYO, POTSDAM, NEW_YORK])),
                min_size=2, max_size=12, unique_by=lambda stop: stop[0]))  # fmt: skip
def test_journeys_as_a_walk_over_them_finds_them(geo, stops):
    records = journey(*stops)
    found = run(travel(geo), sorted_by_time(records))
    places = Places(geo)
    walk = sorted((hour, ip) for hour, ip in stops)
    wanted, quiet_until = [], -1.0
    for (h1, ip1), (h2, ip2) in pairwise(walk):
        if h2 - h1 > 12 or h2 <= quiet_until:
            continue
        one, other = places.of(ip1), places.of(ip2)
        far = distance_km((one.latitude, one.longitude), (other.latitude, other.longitude))
        if far >= 100 and far / (h2 - h1) > 900:
            wanted.append(h2 * 3600)
            quiet_until = h2 + 12
    assert [told(f)[1] for f in found] == wanted


def sorted_by_time(records):
    ordered = sorted(records, key=lambda r: r.time_us)
    for entry, item in enumerate(ordered):
        item.entry = entry
    return ordered


def test_state_of_journeys_survives(geo):
    eng = travel(geo)
    eng.feed(journey((0, BERLIN)))
    other = travel(geo)
    other.restore(eng.snapshot())
    assert len(run(other, [record(1, 3600, user="ann", ip=TOKYO)])) == 1
