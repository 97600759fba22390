"""What was learned. It changes at the turn of a day and stands still in between."""

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from whodid.detection.baseline.actors import Actors
from whodid.detection.baseline.crowd import Crowd
from whodid.detection.baseline.dimensions import DIMENSIONS, SPARSE, Keys
from whodid.detection.baseline.peers import peers
from whodid.detection.baseline.profile import ONE, STATISTICS, Counter, Decay, Profile
from whodid.detection.baseline.tails import BINS, Tail
from whodid.detection.baseline.view import Hourly
from whodid.detection.baseline.weights import EVIDENCES
from whodid.errors import InputError
from whodid.limits import BASELINE_PEERED_ACTORS_MAX

MODEL_VERSION = 1
"""Changes whenever the same entries would give another score."""

PEERS_EVERY_DAYS = 7
_NOTED_FROM_DAYS = 3
_RATE_MIN = 0.05
_CROWD_RATE_MIN = 0.0005
_GROUPS_KEPT = 16
_SETTLE_PART = 0.02
_LEFT_A_DAY = 0.98
_LEFT_AN_ACTOR = 0.9997
_FINAL = len(EVIDENCES)


class _Counted(Struct, frozen=True, array_like=True):
    entries: list[tuple[int, int]]
    total: float
    novel: float
    day: int
    lost: int


class _Kept(Struct, frozen=True, array_like=True):
    """A model as it is kept."""

    version: int
    half_life: float
    day: int
    turn: int
    peered: int
    actors: list[tuple[str, bytes]]
    next_slot: int
    evicted: int
    everyone: list[_Counted]
    groups: list[tuple[int, list[_Counted]]]
    holders: list[list[tuple[int, tuple[int, ...]]]]
    crowd_evicted: int
    statistics: list[float]
    scored: int
    tails: list[list[list[float]]]
    active: float
    first: int
    members: list[tuple[int, list[int]]]
    left: float
    unsettled: int
    news: int


class Model:
    """Profiles, crowd, tails. `day` is the day for which it stands, `first` the first it saw.

    `tails[learning][evidence]` are of the evidences and, last, of the day's score. `left` and
    `unsettled` are how far the tails are to fade, and the days they do not show yet. `active`
    is the decayed number of actors a day, `members` the slots of each group of peers,
    `news` the days learned since they were made.
    """

    def __init__(self, half_life_days: float) -> None:
        self.half_life = half_life_days
        self.decay = Decay(half_life_days)
        self.keys = Keys()
        self.actors = Actors()
        self.crowd = Crowd(self.decay)
        self.tails = [[Tail() for _ in range(_FINAL + 1)] for _ in range(2)]
        self.crowd_statistics = Profile(0)
        self.day = 0
        self.first = 0
        self.turn = 0
        self.peered = 0
        self.active = 0.0
        self.left = 1.0
        self.unsettled = 0
        self.news = 0
        self.members: dict[int, list[int]] = {}
        self.hourly = Hourly(self.crowd, 0, self.decay)
        self._blob: bytes | None = None
        self._hash = ""

    @property
    def final(self) -> tuple[Tail, Tail]:
        """The tails of the scores of days: of actors that are known, of those that are learning."""
        return self.tails[0][_FINAL], self.tails[1][_FINAL]

    def begin(self, day: int) -> None:
        """Stand for `day`."""
        self.day = day
        self.first = self.first or day
        self.turn += 1
        self.hourly = Hourly(self.crowd, day, self.decay)
        self._blob = None

    def sample(self, evidence: tuple[float, ...], score: float, *, learning: bool) -> None:
        """Take the evidences and the score of a day that is over into the tails."""
        tails = self.tails[learning]
        for place, value in enumerate(evidence):
            tails[place].add(value)
        tails[_FINAL].add(score)

    def settle(self, actors: int, days: int) -> None:
        """Let the tails fade, slowly where few act, and note how many actors the last day had."""
        self.left *= max(_LEFT_A_DAY ** min(days, 1000), _LEFT_AN_ACTOR**actors)
        self.unsettled += actors
        if self.unsettled >= _SETTLE_PART * sum(tail.days for tail in self.final):
            for tails in self.tails:
                for tail in tails:
                    tail.refresh(self.left)
            self.left, self.unsettled = 1.0, 0
        rate = 0.1 if self.active else 1.0
        self.active += rate * (actors - self.active)

    def learn(
        self,
        name: str,
        day: int,
        values: list[dict[int, int]],
        statistics: tuple[float, ...],
        groups: Iterable[str],
    ) -> None:
        """Learn one actor's day; `statistics` are its own ones, empty when it was not scored."""
        profile = self.actors.make(name)
        for counter, found in zip(profile.counters, values, strict=True):
            if found:
                counter.add(found, day, self.decay)
        self.crowd.learn(profile, values, day)
        if profile.days < _NOTED_FROM_DAYS:
            statistics = ()  # on his first days everything is new to everybody
        for place, value in enumerate(statistics):
            profile.note(place, value, max(1 / (profile.scored + 1), _RATE_MIN))
            crowd = self.crowd_statistics
            crowd.note(place, value, max(1 / (crowd.scored + 1), _CROWD_RATE_MIN))
        if statistics:
            profile.scored += 1
            self.crowd_statistics.scored += 1
        profile.first = min(profile.first or day, day)
        profile.days += day != profile.last
        profile.last = max(profile.last, day)
        keys = sorted({self.keys(group) for group in groups})
        if keys:
            profile.groups = tuple(keys[:_GROUPS_KEPT])
        profile.trim(day, self.decay)
        profile.hours = None
        self.actors.keep(profile)
        self.news += 1

    def tidy(self) -> None:
        """Keep to the bounds; find out anew who is whose peer, once a week where people act."""
        self.actors.forget()
        self.crowd.trim(self.day)
        if self.day - self.peered >= PEERS_EVERY_DAYS and 2 * self.news >= len(self.actors):
            self.peered, self.news = self.day, 0
            found = [self.actors.at(s) for s in self.actors.recent(BASELINE_PEERED_ACTORS_MAX)]
            profiles = [profile for profile in found if profile is not None]
            groups = peers(profiles, self.day, self.decay)
            self.members = {group: [p.slot for p in found] for group, found in groups.items()}
            self.crowd.regroup(groups, self.day)
            for profile in profiles:
                self.actors.adopt(profile)

    # --- keeping ---------------------------------------------------------------------------------

    def blob(self) -> bytes:
        """Return the model as bytes; the same model gives the same bytes."""
        if self._blob is None:
            self._blob = msgspec.msgpack.encode(self._kept())
            self._hash = hashlib.sha256(self._blob).hexdigest()
        return self._blob

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of `blob`: what a finding names, so that its score can be made again."""
        self.blob()
        return self._hash

    def _kept(self) -> _Kept:
        crowd = self.crowd
        return _Kept(
            MODEL_VERSION, self.half_life, self.day, self.turn, self.peered,
            list(self.actors.packed()), self.actors.next_slot, self.actors.evicted,
            [_counted(counter) for counter in crowd.all],
            [(group, [_counted(c) for c in of]) for group, of in sorted(crowd.groups.items())],
            [sorted(held.items()) for held in crowd.holders],
            crowd.evicted, self.crowd_statistics.statistics, self.crowd_statistics.scored,
            [[tail.counts for tail in tails] for tails in self.tails],
            self.active, self.first, sorted(self.members.items()),
            self.left, self.unsettled, self.news,
        )  # fmt: skip

    @classmethod
    def load(cls, data: bytes, half_life_days: float) -> "Model":
        """Return the model of a blob. Raises InputError for bytes that are none."""
        try:
            kept = msgspec.msgpack.decode(data, type=_Kept)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _no_model(str(error)) from error
        if kept.version != MODEL_VERSION:
            raise _no_model(f"it is of version {kept.version}")
        _check(kept)
        model = cls(half_life_days)
        model.actors = Actors.load(kept.actors, kept.next_slot, kept.evicted)
        crowd = model.crowd
        crowd.all = [_counter(counted) for counted in kept.everyone]
        crowd.groups = {group: [_counter(c) for c in found] for group, found in kept.groups}
        crowd.holders = [dict(held) for held in kept.holders]
        crowd.evicted = kept.crowd_evicted
        model.crowd_statistics.statistics = list(kept.statistics)
        model.crowd_statistics.scored = kept.scored
        for tails, counts in zip(model.tails, kept.tails, strict=True):
            for tail, found in zip(tails, counts, strict=True):
                tail.counts = found
                tail.refresh(1.0)
        model.day, model.turn, model.peered = kept.day, kept.turn, kept.peered
        model.active, model.first = kept.active, kept.first
        model.members = dict(kept.members)
        model.left, model.unsettled, model.news = kept.left, kept.unsettled, kept.news
        model.hourly = Hourly(crowd, model.day, model.decay)
        return model


def _counted(counter: Counter) -> _Counted:
    entries = sorted(counter.entries.items())
    return _Counted(entries, counter.total, counter.novel, counter.day, counter.lost)


def _counter(counted: _Counted) -> Counter:
    counter = Counter()
    counter.entries = dict(counted.entries)
    counter.total, counter.novel = counted.total, counted.novel
    counter.day, counter.lost = counted.day, counted.lost
    return counter


def _check(kept: _Kept) -> None:
    counted = [*kept.everyone, *(one for _, found in kept.groups for one in found)]
    floats = [kept.half_life, kept.active, kept.left, *kept.statistics]
    floats += [value for one in counted for value in (one.total, one.novel)]
    floats += [value for tails in kept.tails for tail in tails for value in tail]
    sound = (
        all(0.0 <= abs(value) < 1e15 for value in floats)
        and 0.1 <= kept.half_life <= 3650
        and len(kept.everyone) == len(DIMENSIONS)
        and all(len(found) == len(DIMENSIONS) for _, found in kept.groups)
        and len(kept.holders) == SPARSE
        and len(kept.statistics) == 2 * STATISTICS
        and [len(tails) for tails in kept.tails] == [_FINAL + 1] * 2
        and all(len(tail) == BINS and min(tail) >= 0 for tails in kept.tails for tail in tails)
        and all(0 <= e < ONE << 32 for one in counted for _, e in one.entries)
        and all(0 <= day <= 0xFFFF for day in (kept.day, kept.peered, kept.first))
        and all(0 <= hour < 168 for hour, _ in _hours(kept))
        and kept.next_slot > 0
    )
    if not sound:
        raise _no_model("a number of it cannot be")


def _hours(kept: _Kept) -> Iterable[tuple[int, int]]:
    yield from kept.everyone[-1].entries
    for _, found in kept.groups:
        yield from found[-1].entries


def _no_model(reason: str) -> InputError:
    return InputError(f"a snapshot of what was learned cannot be used: {reason}; learn again")
