"""Rules, ready to be asked about records: for each kind of log those that are about it, indexed."""

from collections.abc import Callable, Sequence
from functools import partial

from whodid.detection.compiled.anchors import groups_of, rest_of
from whodid.detection.compiled.closures import Closures
from whodid.detection.compiled.fields import Field, View, loader, plain_path, text_of
from whodid.detection.compiled.probes import Hits, Probe, TextProbe
from whodid.detection.compiled.tree import Tree
from whodid.detection.record import Record
from whodid.detection.rule import AnyRule, Rule, Test
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.kinds import (
    EVERY,
    kind_of,
    kinds_of,
    may_vary,
    names_of,
    source_words,
)
from whodid.limits import RULE_SOURCES_MAX

Scalar = str | int | float


class Fields:
    """The fields of one kind of log, each with its own place in a View."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._known: dict[tuple[str, bool], Field] = {}

    def get(self, name: str, *, event_first: bool) -> Field:
        """Return a field; rules about all records ask our Event first."""
        known = self._known.get((name, event_first))
        if known is None:
            load = loader(self._kind, name, event_first=event_first)
            known = self._known[name, event_first] = Field(len(self._known), load)
        return known


class Index:
    """The rules about one kind of log, and what tells which of them may match."""

    def __init__(self, kind: Kind, rules: Sequence[Rule]) -> None:
        self.kind = kind
        self.rules = rules
        self.fields = Fields(kind)
        self.always: list[int] = []
        self.single: set[int] = set()
        makers = {
            first: Closures(partial(self.fields.get, event_first=first)) for first in (False, True)
        }
        self.holds: list[Callable[[View], bool]] = []
        anchors: dict[bool, list[tuple[Test, int]]] = {False: [], True: []}
        for number, rule in enumerate(self.rules):
            first = asks_event_first(rule)
            rest = rest_of(rule.node)
            self.holds.append(_nothing if rest is None else makers[first].compile(rest))
            groups = groups_of(rule.node)
            if not groups:
                self.always.append(number)
            if len(groups) < 2:
                self.single.add(number)
            for group, code in zip(groups, (number, ~number), strict=False):
                anchors[first] += [(test, code) for test in group.tests]
        self._tree = Tree()
        self._probes: list[Probe | TextProbe] = []
        self._make_probes(anchors)

    def _make_probes(self, anchors: dict[bool, list[tuple[Test, int]]]) -> None:
        """Make a probe for each field, or plain path, that anchors are about."""
        found: dict[tuple[str, ...], list[tuple[Test, int]]] = {}
        for first, chosen in anchors.items():
            by_field: dict[str | None, list[tuple[Test, int]]] = {}
            for test, number in chosen:
                by_field.setdefault(test.field, []).append((test, number))
            for name, tests in by_field.items():
                if name is None:
                    self._probes.append(TextProbe(tests))
                elif (steps := plain_path(self.kind, name)) is not None:
                    found.setdefault(steps, []).extend(tests)
                else:
                    field = self.fields.get(name, event_first=first)
                    self._probes.append(Probe(field, tests))
        for steps, tests in found.items():
            field = self.fields.get(".".join(steps), event_first=False)
            self._tree.add(steps, Probe(field, tests))

    def possible(self, view: View) -> list[int]:
        """Return the numbers of the rules that a record leaves possible, in their order."""
        hits = Hits(self.always)
        self._tree.ask(view.native, hits)
        for probe in self._probes:
            probe.ask(view, hits)
        single, second = self.single, hits.second
        return sorted([it for it in hits.first if it in single or it in second])

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match a record of this kind, in their order."""
        view = View(record, record.native)
        holds, rules = self.holds, self.rules
        return [rules[it] for it in self.possible(view) if holds[it](view)]


def _nothing(_view: View) -> bool:
    """Hold: the anchors said all that the rule asks."""
    return True


class Matcher:
    """Rules about single events, ready to be asked. Deterministic; not safe for threads."""

    def __init__(self, rules: Sequence[AnyRule]) -> None:
        self.rules = [rule for rule in rules if isinstance(rule, Rule)]
        self._kinds = [frozenset(kind.name for kind in kinds_of(it.source)) for it in self.rules]
        self._names = [
            names_of(rule.source) if not kinds else frozenset()
            for rule, kinds in zip(self.rules, self._kinds, strict=True)
        ]
        self._called = frozenset(name for names in self._names for name in names)
        self._indexes: dict[tuple[str, frozenset[str]], Index] = {}
        self._senders: dict[tuple[str, str], Index] = {}

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match, silent ones too, in the order in which they were loaded."""
        return self.index(record).matching(record)

    def values(self, record: Record, rule: Rule, field: str) -> tuple[Scalar, ...]:
        """Return the values of `field` as `rule` means it (native or ours), none when missing.

        For `group-by` and the fields of correlations: texts and numbers as they stand in the
        record, truth values and maps as texts.
        """
        found = self.index(record).fields.get(field, event_first=asks_event_first(rule))
        return tuple(
            value if value.__class__ in (str, int, float) else text_of(value)
            for value in found.load(View(record, record.native))
        )

    def index(self, record: Record) -> Index:
        """Return the index of the rules that are about this kind of record."""
        sender = record.sender
        known = self._senders.get(sender)
        if known is not None:
            return known
        format_name, source = sender
        varies = may_vary(format_name)
        kind = kind_of(format_name, source, record.native if varies else None)
        index = self._index(kind, source_words(source) & self._called)
        if not varies:
            if len(self._senders) >= RULE_SOURCES_MAX:
                self._senders.clear()
            self._senders[sender] = index
        return index

    def _index(self, kind: Kind, called: frozenset[str]) -> Index:
        key = kind.name, called
        index = self._indexes.get(key)
        if index is None:
            if len(self._indexes) >= RULE_SOURCES_MAX:
                self._indexes.clear()
            chosen = [
                rule
                for number, rule in enumerate(self.rules)
                if kind.name in self._kinds[number] or self._names[number] & called
            ]
            index = self._indexes[key] = Index(kind, chosen)
        return index


def asks_event_first(rule: Rule) -> bool:
    """Tell whether a rule means fields of our Event before those of the native record."""
    return rule.source.product == EVERY


def compile_rules(rules: Sequence[AnyRule]) -> Matcher:
    """Compile the rules about single events among `rules`; correlations are left to `windows`."""
    return Matcher(rules)
