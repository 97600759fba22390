"""Rules that match together, and the hits that a record makes by them."""

from collections.abc import Sequence
from typing import NamedTuple

from whodid.detection.record import Record
from whodid.detection.rule import Rule
from whodid.detection.windows.extract import Feed, Keys, Pairs, ValueOf
from whodid.detection.windows.hit import MASK, Hit, Key


class _Fed(NamedTuple):
    """A correlation that one or more of the rules feed alike: `bits` are theirs."""

    rule: Rule
    place: int
    bits: int
    fields: tuple[str, ...]
    keyed: int
    value_of: ValueOf | None


class Feeding:
    """What the rules that a record matches feed. `told` are those that find by themselves."""

    def __init__(self, rules: Sequence[Rule], feeds: dict[str, list[Feed]]) -> None:
        self.rules = tuple(rules)
        self.told = tuple(rule for rule in rules if not rule.silent)
        self._fed = _joined([(it, feed) for it in rules for feed in feeds.get(it.head.id, ())])
        places = [it.place for it in self._fed]
        self._apart = len(set(places)) == len(places)
        """Whether each correlation is fed once."""

    def hits(self, record: Record, time: int, keys_of: Keys) -> list[Hit]:
        """Return the hits of a record: one for each correlation and key, whichever rules match."""
        if not self._fed:
            return []
        known: dict[int, Pairs] = {}
        event, entry = record.id, record.entry
        hits: list[Hit] = []
        apart = self._apart
        for rule, place, bits, fields, keyed, value_of in self._fed:
            value = None
            if value_of is not None:
                value = value_of(record, rule, time)
                if value is None:
                    continue
            keys = known.get(keyed)
            if keys is None:
                keys = known[keyed] = keys_of.of(record, rule, fields)
            apart = apart and len(keys) <= 1
            for key, shown in keys:
                hits.append((time, event, place, key, entry, bits, value, shown, None))
        return hits if apart else _merged(hits)


def _joined(feeds: list[tuple[Rule, Feed]]) -> tuple[_Fed, ...]:
    """Join feeds of one correlation that only differ in their bits: they have the same keys."""
    found: dict[tuple[int, int, int], _Fed] = {}
    for number, (rule, feed) in enumerate(feeds):
        place = (feed.place, feed.keyed, 0 if feed.value_of is None else number + 1)
        bits = feed.bit | (found[place].bits if place in found else 0)
        found[place] = _Fed(rule, feed.place, bits, feed.fields, feed.keyed, feed.value_of)
    return tuple(found.values())


def _merged(hits: list[Hit]) -> list[Hit]:
    """Make one of the hits of one correlation and key: with the bits of all, else as the last."""
    found: dict[tuple[int, Key], Hit] = {}
    for time, event, plan, key, entry, bits, value, shown, below in hits:
        before = found.get((plan, key))
        mask = bits if before is None else bits | before[MASK]
        found[plan, key] = (time, event, plan, key, entry, mask, value, shown, below)
    return list(found.values())
