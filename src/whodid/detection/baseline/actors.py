"""The actors that are known: packed profiles, some of them unpacked; whom to forget first."""

from collections import OrderedDict
from collections.abc import Iterator

from whodid.detection.baseline.profile import Profile, pack, unpack
from whodid.limits import BASELINE_ACTORS_MAX, BASELINE_UNPACKED_ACTORS_MAX

_NEW_DAYS = 3


class Actors:
    """Names → slots → profiles. A slot is never given twice. Profiles change through `keep` only.

    `brief` is (active days, last day) of each slot, to choose whom to forget without unpacking.
    """

    def __init__(self) -> None:
        self.slots: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.next_slot = 1
        self.evicted = 0
        self._packed: dict[int, bytes] = {}
        self._ready: OrderedDict[int, Profile] = OrderedDict()
        self._changed: set[int] = set()
        self._brief: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self.slots)

    def find(self, name: str) -> Profile | None:
        """Return the profile of an actor, None for one that is not known."""
        slot = self.slots.get(name)
        return None if slot is None else self.at(slot)

    def at(self, slot: int) -> Profile | None:
        """Return the profile of a slot, None when it was forgotten."""
        found = self._ready.get(slot)
        if found is not None:
            self._ready.move_to_end(slot)
            return found
        data = self._packed.get(slot)
        if data is None:
            return None
        return self._hold(unpack(data))

    def make(self, name: str) -> Profile:
        """Return the profile of an actor, a new one when he is not known."""
        found = self.find(name)
        if found is None:
            found = Profile(self.next_slot)
            self.slots[name] = self.next_slot
            self.names[self.next_slot] = name
            self.next_slot += 1
            self._hold(found)
            self.keep(found)
        return found

    def keep(self, profile: Profile) -> None:
        """Note that a profile was changed."""
        self._changed.add(profile.slot)
        self._brief[profile.slot] = (profile.days, profile.last)

    def adopt(self, profile: Profile) -> None:
        """Note that a profile was changed, though others were looked at since it was found."""
        if self._ready.get(profile.slot) is not profile:
            self._ready.pop(profile.slot, None)
            self._packed[profile.slot] = pack(profile)
        else:
            self.keep(profile)

    def _hold(self, profile: Profile) -> Profile:
        self._ready[profile.slot] = profile
        if len(self._ready) > BASELINE_UNPACKED_ACTORS_MAX:
            slot, oldest = self._ready.popitem(last=False)
            if slot in self._changed:
                self._packed[slot] = pack(oldest)
                self._changed.discard(slot)
        return profile

    def forget(self) -> int:
        """Forget whom there is no place for: the new ones first, then the longest idle."""
        over = len(self.slots) - BASELINE_ACTORS_MAX
        if over <= 0:
            return 0
        brief = self._brief

        def rank(slot: int) -> tuple[bool, int, int]:
            days, last = brief[slot]
            return days >= _NEW_DAYS, last, slot

        for slot in sorted(brief, key=rank)[:over]:
            self.slots.pop(self.names.pop(slot))
            for kept in (self._packed, self._ready, self._brief):
                kept.pop(slot, None)
            self._changed.discard(slot)
        self.evicted += over
        return over

    def recent(self, most: int) -> list[int]:
        """Return the slots of the actors that were active last, at most so many, by slot."""
        brief = self._brief
        order = sorted(brief, key=lambda slot: (-brief[slot][1], slot))
        return sorted(order[:most])

    def packed(self) -> Iterator[tuple[str, bytes]]:
        """Give all as (name, packed profile), by slot."""
        for slot in sorted(self._changed):
            self._packed[slot] = pack(self._ready[slot])
        self._changed.clear()
        for slot in sorted(self._packed):
            yield self.names[slot], self._packed[slot]

    @classmethod
    def load(cls, packed: list[tuple[str, bytes]], next_slot: int, evicted: int) -> "Actors":
        """Return what `packed` was of. Raises InputError for bytes that are no profiles."""
        self = cls()
        for name, data in packed:
            profile = unpack(data)
            self.slots[name] = profile.slot
            self.names[profile.slot] = name
            self._packed[profile.slot] = data
            self._brief[profile.slot] = (profile.days, profile.last)
        self.next_slot, self.evicted = next_slot, evicted
        return self
