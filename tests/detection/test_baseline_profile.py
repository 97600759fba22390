"""What is kept of an actor: decay, bounds, packing."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.detection.baseline.actors import Actors
from whodid.detection.baseline.dimensions import DIMENSIONS, HOUR, Keys
from whodid.detection.baseline.profile import VALUES_MAX, Counter, Decay, Profile, pack, unpack
from whodid.errors import InputError
from whodid.limits import (
    BASELINE_ACTORS_MAX,
    BASELINE_UNPACKED_ACTORS_MAX,
)

DECAY = Decay(30.0)


def test_a_weight_halves_in_the_half_life():
    counter = Counter()
    counter.add({7: 1}, 100, DECAY)
    assert counter.weight(7, 100, DECAY) == 1.0
    assert counter.weight(7, 130, DECAY) == pytest.approx(0.5)
    assert counter.weight(7, 190, DECAY) == pytest.approx(0.125)
    assert counter.at(130, DECAY) == pytest.approx((0.5, 0.5))


def test_days_add_up_as_they_decay():
    counter = Counter()
    for day in range(100, 160):
        counter.add({7: 1}, day, DECAY)
    exact = sum(0.5 ** ((159 - day) / 30) for day in range(100, 160))
    # a weight is whole 256ths, cut at each of 60 days: never more than 60/256 too low
    assert exact - 60 / 256 <= counter.weight(7, 159, DECAY) <= exact
    assert counter.total == pytest.approx(exact)
    assert counter.novel == pytest.approx(0.5 ** (59 / 30))  # it was new once, on the first day


def test_a_day_of_the_past_counts_for_what_is_left_of_it():
    early, late = Counter(), Counter()
    for day in (100, 130):
        early.add({7: 1, day: 1}, day, DECAY)
    for day in (130, 100):
        late.add({7: 1, day: 1}, day, DECAY)
    assert late.weight(7, 130, DECAY) == pytest.approx(early.weight(7, 130, DECAY), abs=1 / 128)
    assert late.at(130, DECAY) == pytest.approx((early.total, early.novel), abs=0.6)
    assert late.day == 130


def test_trimming_drops_the_least_and_remembers_that_it_did():
    counter = Counter()
    for day in range(20):
        counter.add({day: 1, 99: 1}, 100 + day, DECAY)
    assert counter.trim(5, 119, DECAY) == 16
    assert set(counter.entries) == {99, 19, 18, 17, 16}
    assert counter.lost == 115  # before day 115 "never" is not known
    assert counter.trim(5, 119, DECAY) == 0


def test_a_full_profile_takes_four_kilobytes_at_most():
    profile = Profile(9)
    profile.groups = tuple(range(16))
    for number, most in enumerate(VALUES_MAX):
        for day in range(3):
            profile.counters[number].add(dict.fromkeys(range(most), 1), 20_000 + day, DECAY)
    assert len(pack(profile)) <= 4096


def test_profiles_stay_within_their_bounds_whatever_is_learned():
    profile = Profile(1)
    for day in range(30):
        values = {1_000 * day + n: 1 for n in range(900)}
        for number in range(HOUR):
            profile.counters[number].add(values, 20_000 + day, DECAY)
        profile.trim(20_000 + day, DECAY)
    kept = [len(counter.entries) for counter in profile.counters]
    assert kept[:HOUR] == list(VALUES_MAX[:HOUR])
    assert len(pack(profile)) <= 4096


numbers = st.floats(0, 1e6)
entries = st.dictionaries(st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 32) - 1), max_size=16)


@st.composite
def profiles(draw):
    profile = Profile(draw(st.integers(1, 1 << 31)))
    profile.first, profile.last = draw(st.integers(0, 65_535)), draw(st.integers(0, 65_535))
    profile.days, profile.group = draw(st.integers(0, 9999)), draw(st.integers(0, 64))
    profile.groups = tuple(draw(st.lists(st.integers(0, (1 << 48) - 1), max_size=16)))
    profile.scored = draw(st.integers(0, 9999))
    profile.statistics = [draw(numbers) for _ in profile.statistics]
    for counter in profile.counters[:HOUR]:
        counter.entries = draw(entries)
        counter.total, counter.novel = draw(numbers), draw(numbers)
        counter.day, counter.lost = draw(st.integers(0, 65_535)), draw(st.integers(0, 65_535))
    hours = st.dictionaries(st.integers(0, 167), st.integers(0, (1 << 32) - 1), max_size=20)
    profile.counters[HOUR].entries = draw(hours)
    return profile


@given(profiles())
def test_packing_loses_nothing(profile):
    again = unpack(pack(profile))
    assert pack(again) == pack(profile)
    for name in ("slot", "first", "last", "days", "group", "groups", "scored", "statistics"):
        assert getattr(again, name) == getattr(profile, name)
    for one, other in zip(again.counters, profile.counters, strict=True):
        assert one.entries == other.entries
        assert (one.total, one.novel, one.day, one.lost) == (
            other.total,
            other.novel,
            other.day,
            other.lost,
        )


@given(st.binary(max_size=600))
def test_other_bytes_are_refused(data):
    with pytest.raises(InputError):
        unpack(data)


def test_a_profile_that_is_cut_or_not_a_number_is_refused():
    profile = Profile(1)
    profile.counters[0].add({1: 1, 2: 1}, 20_000, DECAY)
    whole = pack(profile)
    for end in range(len(whole)):
        with pytest.raises(InputError):
            unpack(whole[:end])
    with pytest.raises(InputError):
        unpack(whole + b"\0")
    profile.statistics[3] = math.nan
    with pytest.raises(InputError):
        unpack(pack(profile))
    profile.statistics[3] = 0.0
    hour = bytearray(pack(profile))
    profile.counters[HOUR].entries = {167: 256 << 16 | 20_000}
    hour = bytearray(pack(profile))
    hour[-5] = 200  # an hour that no week has
    with pytest.raises(InputError):
        unpack(bytes(hour))
    assert struct.calcsize("<QH") == 10


def test_keys_do_not_change_and_hostile_texts_have_some():
    keys = Keys()
    # b2sum -l 48 of "payroll": another version must find the profiles of this one
    assert f"{keys('payroll'):012x}" == "e251a5fbd57f"
    assert keys("payroll") == Keys()("payroll")
    assert keys("\ud800") != keys("\ud801")
    assert 0 <= keys("x" * 1_000_000) < 1 << 48


def test_the_most_forgotten_actors_go_first_and_new_ones_before_them(monkeypatch):
    monkeypatch.setattr("whodid.detection.baseline.actors.BASELINE_ACTORS_MAX", 10)
    actors = Actors()
    for number in range(10):
        profile = actors.make(f"known{number}")
        profile.days, profile.last = 20, 20_000 + number
        actors.keep(profile)
    for number in range(5):
        profile = actors.make(f"flood{number}")
        profile.days, profile.last = 1, 20_100
        actors.keep(profile)
    assert actors.forget() == 5
    assert set(actors.slots) == {f"known{number}" for number in range(10)}
    profile = actors.make("eleventh")
    profile.days, profile.last = 20, 20_050
    actors.keep(profile)
    assert actors.forget() == 1
    assert "known0" not in actors.slots
    assert actors.evicted == 6
    assert BASELINE_ACTORS_MAX >= 1000


def test_profiles_that_are_put_aside_come_back_as_they_were(monkeypatch):
    assert BASELINE_UNPACKED_ACTORS_MAX > 0
    monkeypatch.setattr("whodid.detection.baseline.actors.BASELINE_UNPACKED_ACTORS_MAX", 3)
    actors = Actors()
    for number in range(20):
        profile = actors.make(f"a{number}")
        profile.counters[0].add({number: 1}, 20_000, DECAY)
        profile.days = number
        actors.keep(profile)
    for number in range(20):
        profile = actors.find(f"a{number}")
        assert profile.days == number
        assert list(profile.counters[0].entries) == [number]
    again = Actors.load(list(actors.packed()), actors.next_slot, 0)
    assert list(again.packed()) == list(actors.packed())
    assert len(DIMENSIONS) == 6
