"""The rules about one kind of log, and what tells which of them match a record.

Each alternative of a rule has a bit for each group of its needs, and one for its bars. What the
values of a record decide is added up (`probes`); an alternative is possible when its needs are all
there and no bar is. Then only its rest is asked, if it has one.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from whodid.detection.asked import Asked, Texts, is_told
from whodid.detection.compiled.alternatives import alternatives_of
from whodid.detection.compiled.anchors import key_of
from whodid.detection.compiled.closures import Closures
from whodid.detection.compiled.fields import (
    Field,
    View,
    event_place,
    loader,
    paths_of,
    plain_path,
)
from whodid.detection.compiled.parts import NEEDS_MAX, parts_of
from whodid.detection.compiled.path import Values, leaves
from whodid.detection.compiled.probes import EventProbes, Memory, Probe, TextProbe
from whodid.detection.compiled.pruned import Pruning
from whodid.detection.compiled.tests import Holds
from whodid.detection.compiled.tree import Tree
from whodid.detection.rule import Rule, Test
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.kinds import EVERY
from whodid.limits import RULE_ANSWERS_MAX
from whodid.native import native as compiled

Possible = tuple[tuple[Rule, Holds | None], ...]
_Answer = tuple[list[Rule] | None, Possible]
"""The rules that match, when there is nothing left to ask; those that are possible."""

_Where = tuple[int | None, str, Callable[[View], Values]]
"""The group and attribute of the Event that are looked at first, and what gives all values."""

_Looks = dict[Hashable, tuple[Test, int]]


class Fields:
    """The fields of one kind of log, each with its own place in a View."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._known: dict[tuple[str, bool], Field] = {}
        self.pruning = Pruning(kind)
        """What of a record has any of the fields."""

    def get(self, name: str, *, event_first: bool) -> Field:
        """Return a field; rules about all records ask our Event first."""
        known = self._known.get((name, event_first))
        if known is None:
            self.pruning.add(paths_of(self._kind, name))
            load = loader(self._kind, name, event_first=event_first)
            known = self._known[name, event_first] = Field(len(self._known), load)
        return known


class Index:
    """Rules about one kind of log. Deterministic; not safe for threads."""

    def __init__(self, kind: Kind, rules: Sequence[Rule], memory: Memory) -> None:
        self.kind = kind
        self.rules = rules
        self._memory = memory
        self.fields = Fields(kind)
        self.view = self.fields.pruning.view
        """Returns a record with what these rules look at."""
        self._rows: list[tuple[Rule, Holds | None]] = []
        """The alternatives of all rules in their order, each with what is left to ask."""
        self._spared = [0] * NEEDS_MAX
        """Of each group of needs the rules that have none."""
        self._tree = Tree()
        self._asks: list[Callable[[View], int]] = []
        self._answers: dict[int, _Answer] = {}
        self.known_values: dict[tuple[str, str | None], Callable[[View], Values]] = {}
        """What `values_of` returned, by field and product of the rule; views have these fields."""
        self.readers: dict[Asked, Callable[[View], Texts | None]] = {}
        """What `texts_of` returned; views have these fields."""
        self._compile()

    def _compile(self) -> None:
        makers = {
            first: Closures(partial(self.fields.get, event_first=first)) for first in (False, True)
        }
        looks: dict[tuple[str | None, bool], _Looks] = {}

        def add(tests: Sequence[Test], bit: int, *, first: bool) -> None:
            for test in tests:
                some = looks.setdefault((test.field, first), {})
                key = key_of(test)
                some[key] = test, some.get(key, (test, 0))[1] | bit

        rows = [(rule, parts_of(it)) for rule in self.rules for it in alternatives_of(rule.node)]
        size = len(rows)
        for number, (rule, parts) in enumerate(rows):
            first = asks_event_first(rule)
            rest = None if parts.rest is None else makers[first].compile(parts.rest)
            self._rows.append((rule, rest))
            for group, tests in enumerate(parts.needs):
                add(tests, 1 << (group * size + number), first=first)
            for group in range(len(parts.needs), NEEDS_MAX):
                self._spared[group] |= 1 << number
            add(parts.bars, 1 << (NEEDS_MAX * size + number), first=first)
        self._make_probes(looks)

    def _make_probes(self, looks: dict[tuple[str | None, bool], _Looks]) -> None:
        """Make a probe for each field, or plain path, that looks are about."""
        of_event = EventProbes()
        paths: dict[tuple[str, ...], list[tuple[Test, int]]] = {}
        for (name, first), some in looks.items():
            steps = None if name is None else plain_path(self.kind, name)
            if name is not None:
                self.fields.pruning.add(paths_of(self.kind, name))
            if name is None:
                self._asks.append(TextProbe(some.values()).ask)
            elif steps is not None:
                paths.setdefault(steps, []).extend(some.values())
            elif first and (place := event_place(self.kind, name)) is not None:
                of_event.add(place, Probe(some.values(), self._memory))
            else:
                field = self.fields.get(name, event_first=first)
                self._asks.append(_asking(field, Probe(some.values(), self._memory)))
        for steps, tests in paths.items():
            self._tree.add(steps, Probe(tests, self._memory))
        if self._tree:
            self.fields.pruning.probe(self._tree.packed())
        if of_event:
            self._asks.append(of_event.ask)

    def values_of(self, rule: Rule, name: str) -> Callable[[View], Values]:
        """Return what gives the values of a field as a rule means it."""
        place = name, rule.source.product
        found = self.known_values.get(place)
        if found is None:
            found = self.fields.get(name, event_first=asks_event_first(rule)).raw
            self.known_values[place] = found
        return found

    def texts_of(self, asked: Asked) -> Callable[[View], Texts | None]:
        """Return what gives the texts of fields that are asked for together."""
        plain = [plain_path(self.kind, name) for _, name in asked.fields]
        paths = tuple(it for it in plain if it is not None)
        places = [self._where(rule, name) for rule, name in asked.fields]
        if len(self.readers) >= RULE_ANSWERS_MAX:
            self.readers.clear()
        if len(paths) == len(plain):
            found = partial(_leaves, asked, paths)
        else:
            found = partial(_texts, asked, places)
        self.readers[asked] = found
        return found

    def _where(self, rule: Rule, name: str) -> _Where:
        first = asks_event_first(rule)
        place = event_place(self.kind, name) if first else None
        raw = self.values_of(rule, name)
        return (None, "", raw) if place is None else (place.group, place.attribute, raw)

    def matching(self, view: View) -> list[Rule]:
        """Return the rules that match a record of this kind, in their order.

        The list may be one that was returned before: it is not to be changed.
        """
        bits = self._tree.ask(view.native) if view.passed is None else view.passed
        for ask in self._asks:
            bits |= ask(view)
        answer = self._answers.get(bits)
        if answer is None:
            answer = self._answer(bits)
        sure, possible = answer
        if sure is not None:
            return sure
        return [rule for rule, rest in possible if rest is None or rest(view)]

    def _answer(self, bits: int) -> _Answer:
        """Return the rules that are possible, each with what is left to ask."""
        size = len(self._rows)
        left = (1 << size) - 1
        for group, spared in enumerate(self._spared):
            left &= bits >> (group * size) | spared
        left &= ~(bits >> (NEEDS_MAX * size))
        rests: dict[int, tuple[Rule, list[Holds | None]]] = {}
        while left:
            lowest = left & -left
            rule, rest = self._rows[lowest.bit_length() - 1]
            rests.setdefault(id(rule), (rule, []))[1].append(rest)
            left ^= lowest
        found = [(rule, _one_of(some)) for rule, some in rests.values()]
        if len(self._answers) >= RULE_ANSWERS_MAX:
            self._answers.clear()
        sure = None if any(rest is not None for _, rest in found) else [rule for rule, _ in found]
        answer = self._answers[bits] = sure, tuple(found)
        return answer


def _one_of(rests: list[Holds | None]) -> Holds | None:
    """Return what is left to ask of alternatives of which one must hold."""
    holds = [rest for rest in rests if rest is not None]
    if len(holds) < len(rests):
        return None
    return holds[0] if len(holds) == 1 else lambda view: any(it(view) for it in holds)


def _asking(field: Field, probe: Probe) -> Callable[[View], int]:
    raw, bits_of_all = field.raw, probe.bits_of_all
    return lambda view: bits_of_all(raw(view))


def _leaves(asked: Asked, paths: tuple[tuple[str, ...], ...], view: View) -> Texts | None:
    if compiled is None:
        return leaves(view.native, asked.number, paths, asked.longest)
    return compiled.leaves(view.native, asked.number, paths, asked.longest)


def _texts(asked: Asked, places: list[_Where], view: View) -> Texts | None:
    found: list[int | str | None] = [asked.number]
    longest, group = asked.longest, view.record.group
    for number, attribute, raw in places:
        if number is not None:
            value = getattr(group(number), attribute)
            if value.__class__ is str and len(value) <= longest:
                found.append(value)
                continue
        values = raw(view)
        value = values[0] if values else None
        if value is not None and (len(values) > 1 or not is_told(value, longest)):
            return None
        found.append(value)
    return tuple(found)


def asks_event_first(rule: Rule) -> bool:
    """Tell whether a rule means fields of our Event before those of the native record."""
    return rule.source.product == EVERY
