"""Rules, ready to be asked about records: for each kind of log those that are about it, indexed."""

from collections.abc import Sequence
from typing import Any

from whodid.detection.asked import Asked, Texts
from whodid.detection.compiled.fields import View, text_of
from whodid.detection.compiled.index import Index
from whodid.detection.compiled.probes import Memory
from whodid.detection.record import Record
from whodid.detection.rule import AnyRule, Rule
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.kinds import kind_of, kinds_of, may_vary, names_of, source_words
from whodid.limits import RULE_SOURCES_MAX

Scalar = str | int | float
_SCALARS: frozenset[Any] = frozenset((str, int, float))


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
        self._named: dict[tuple[str, str], Index] = {}
        self._memory = Memory()
        self._record: Record | None = None
        self._seen: tuple[Index, View]

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match, silent ones too, in the order in which they were loaded."""
        if record is not self._record:
            index = self._senders.get(record.sender) or self._index_of(record)
            self._seen = index, index.view(record)
            self._record = record
        index, view = self._seen
        return index.matching(view)

    def values(self, record: Record, rule: Rule, field: str) -> tuple[Scalar, ...]:
        """Return the values of `field` as `rule` means it (native or ours), none when missing.

        For `group-by` and the fields of correlations: texts and numbers as they stand in the
        record, truth values and maps as texts.
        """
        index, view = self._seen if record is self._record else self._look(record)
        get = index.known_values.get((field, rule.source.product))
        if get is None:
            get = index.values_of(rule, field)
            self._record = None  # what was seen of it may lack this field
            _, view = self._look(record)
        values = get(view)
        for value in values:
            if value.__class__ not in _SCALARS:
                return tuple(map(_scalar, values))
        return values

    def texts(self, record: Record, asked: Asked) -> Texts | None:
        """Return what fields hold; None when one has several values, or one that is not told."""
        index, view = self._seen if record is self._record else self._look(record)
        read = index.readers.get(asked)
        if read is None:
            read = index.texts_of(asked)
            self._record = None  # what was seen of it may lack these fields
            _, view = self._look(record)
        return read(view)

    def index(self, record: Record) -> Index:
        """Return the index of the rules that are about this kind of record."""
        return self._look(record)[0]

    def _look(self, record: Record) -> tuple[Index, View]:
        """Return a record as its rules look at it; of the one that was asked for last as it was."""
        if record is not self._record:
            index = self._index_of(record)
            self._seen = index, index.view(record)
            self._record = record
        return self._seen

    def _index_of(self, record: Record) -> Index:
        sender = record.sender
        known = self._senders.get(sender)
        if known is not None:
            return known
        format_name, source = sender
        varies = may_vary(format_name)
        kind = kind_of(format_name, source, record.native if varies else None)
        index = self._named.get((source, kind.name))
        if index is None:
            index = self._index(kind, source_words(source) & self._called)
            _keep(self._named, (source, kind.name), index)
        if not varies:
            _keep(self._senders, sender, index)
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
            index = self._indexes[key] = Index(kind, chosen, self._memory)
        return index


def _keep(known: dict[tuple[str, str], Index], key: tuple[str, str], index: Index) -> None:
    if len(known) >= RULE_SOURCES_MAX:
        known.clear()
    known[key] = index


def _scalar(value: Any) -> Scalar:
    if value.__class__ not in _SCALARS:
        return text_of(value)
    found: Scalar = value
    return found


def compile_rules(rules: Sequence[AnyRule]) -> Matcher:
    """Compile the rules about single events among `rules`; correlations are left to `windows`."""
    return Matcher(rules)
