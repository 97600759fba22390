"""Rules that match together, and the hits that a record makes by them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from whodid.detection.asked import Asked, Telling, Texts, is_told
from whodid.detection.record import Record
from whodid.detection.rule import Rule
from whodid.detection.windows.extract import (
    Counted,
    Feed,
    Given,
    Keys,
    Made,
    Matching,
    Pairs,
    Timed,
)
from whodid.detection.windows.hit import Hit, Key
from whodid.limits import CORRELATION_CHARS_MAX, CORRELATION_MOULDS_KEPT

_LUCK, _WORTH, _REST = 256, 4, 4096
"""How many new texts are remembered, how many one that came again is worth, and after how many more
it is tried again. What never comes again costs more to remember than to make.
"""

Mould: TypeAlias = tuple[tuple[int, Key, int, Any, Key], ...]
"""The hits of a record, without what is only this record's: (plan, key, mask, value, shown)."""


class _Fed(NamedTuple):
    """A correlation that one or more of the rules feed alike: `bits` are theirs.

    `key` and `counted` are the places of fields among those that are asked for; the value of a
    hit is what `made` makes of the latter, or what `timed` tells.
    """

    rule: Rule
    place: int
    bits: int
    key: tuple[int, ...]
    made: Made | None
    counted: tuple[int, ...]
    timed: Timed | None


class Sources:
    """Where the fields of records come from, and what was made of them, within bounds."""

    def __init__(self, matcher: Matching) -> None:
        self.values = matcher.values
        self.texts = matcher.texts if isinstance(matcher, Telling) else self._texts
        self.keys = Keys()
        self._moulds: dict[Texts, Mould] = {}
        self.known = self._moulds.get

    def keep(self, texts: Texts, mould: Mould) -> None:
        """Remember the hits of these texts."""
        if len(self._moulds) >= CORRELATION_MOULDS_KEPT:
            self._moulds.clear()
        self._moulds[texts] = mould

    def given(self, record: Record, asked: Asked) -> Given:
        """Return the values of each field that is asked for."""
        return [self.values(record, rule, field) for rule, field in asked.fields]

    def _texts(self, record: Record, asked: Asked) -> Texts | None:
        found: list[int | str | None] = [asked.number]
        for values in self.given(record, asked):
            value = values[0] if values else None
            if len(values) > 1 or not (value is None or is_told(value, asked.longest)):
                return None
            found.append(value)  # type: ignore[arg-type]
        return tuple(found)


class Feeding:
    """What the rules that a record matches feed. `told` are those that find by themselves.

    `number` is another one for each.
    """

    def __init__(self, number: int, rules: Sequence[Rule], feeds: dict[str, list[Feed]]) -> None:
        self.rules = tuple(rules)
        self.told = tuple(rule for rule in rules if not rule.silent)
        joined = _joined([(it, feed) for it in rules for feed in feeds.get(it.head.id, ())])
        fields: dict[tuple[str | None, str], tuple[int, Rule]] = {}

        def places_of(rule: Rule, names: Sequence[str]) -> tuple[int, ...]:
            said = [(rule.source.product, name) for name in names]
            return tuple(fields.setdefault(it, (len(fields), rule))[0] for it in said)

        self._fed = []
        for (rule, feed), bits in joined:
            key = places_of(rule, feed.fields)
            if isinstance(feed.value, Counted):
                said = places_of(rule, feed.value.fields)
                fed = _Fed(rule, feed.place, bits, key, feed.value.made, said, None)
            else:
                fed = _Fed(rule, feed.place, bits, key, None, (), feed.value)
            self._fed.append(fed)
        about = [(rule, name) for (_, name), (_, rule) in fields.items()]
        self._asked = Asked(number, about, CORRELATION_CHARS_MAX)
        self._timed = any(it.timed is not None for it in self._fed)
        self._luck = _LUCK
        """Falls while texts are new and grows when they come again: at 0 none are remembered."""
        places = [it.place for it in self._fed]
        self._apart = len(set(places)) == len(places)
        """Whether each correlation is fed once."""

    def hits(self, record: Record, event: str, time: int, sources: Sources) -> list[Hit]:
        """Return the hits of a record: one for each correlation and key, whichever rules match."""
        if not self._fed:
            return []
        texts = sources.texts(record, self._asked)
        tried = None if self._timed or self._luck <= 0 else texts
        mould = None if tried is None else sources.known(tried)
        if mould is None:
            mould = self._mould(record, texts, time, sources)
            if tried is not None:
                sources.keep(tried, mould)
            self._luck = self._luck - 1 if self._luck > -_REST else _LUCK
        elif self._luck < _LUCK:
            self._luck += _WORTH
        entry = record.entry
        return [
            (time, event, plan, key, entry, mask, value, shown, None)
            for plan, key, mask, value, shown in mould
        ]

    def _mould(self, record: Record, texts: Texts | None, time: int, sources: Sources) -> Mould:
        given: Given
        if texts is None:
            given = sources.given(record, self._asked)
        else:
            given = [() if it is None else (it,) for it in texts[1:]]
        known: dict[tuple[int, ...], Pairs] = {}
        mould: list[tuple[int, Key, int, Any, Key]] = []
        apart = self._apart
        for rule, place, bits, slots, made, counted, timed in self._fed:
            value = None
            if made is not None:
                value = made([given[it] for it in counted])
                if value is None:
                    continue
            elif timed is not None:
                value = timed(record, rule, time)
                if value is None:
                    continue
            pairs = known.get(slots)
            if pairs is None:
                pairs = known[slots] = _pairs(texts, given, slots, sources.keys)
            apart = apart and len(pairs) <= 1
            for key, shown in pairs:
                mould.append((place, key, bits, value, shown))
        return tuple(mould) if apart else _merged(mould)


def _pairs(texts: Texts | None, given: Given, slots: tuple[int, ...], keys: Keys) -> Pairs:
    if texts is None:
        return keys.of([given[it] for it in slots])
    return keys.told(tuple([texts[it + 1] for it in slots]))


def _joined(feeds: list[tuple[Rule, Feed]]) -> list[tuple[tuple[Rule, Feed], int]]:
    """Join feeds of one correlation that only differ in their bits, which are told.

    They have the same keys.
    """
    found: dict[tuple[int, int, int], tuple[tuple[Rule, Feed], int]] = {}
    for number, (rule, feed) in enumerate(feeds):
        place = (feed.place, feed.keyed, 0 if feed.value is None else number + 1)
        bits = feed.bit | (found[place][1] if place in found else 0)
        found[place] = (rule, feed), bits
    return list(found.values())


def _merged(mould: Sequence[tuple[int, Key, int, Any, Key]]) -> Mould:
    """Make one of the hits of one correlation and key: with the bits of all, else as the last."""
    found: dict[tuple[int, Key], tuple[int, Key, int, Any, Key]] = {}
    for plan, key, bits, value, shown in mould:
        before = found.get((plan, key))
        mask = bits if before is None else bits | before[2]
        found[plan, key] = (plan, key, mask, value, shown)
    return tuple(found.values())
