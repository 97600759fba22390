"""Rules over columns of records: which rows of a stretch each may match."""

from collections.abc import Iterator, Sequence

from whodid.detection.backtest.distinct import Array
from whodid.detection.backtest.masks import Asker, CodedColumn, Orders, Told
from whodid.detection.backtest.stretch import UNTOLD, FieldName, Stretch
from whodid.detection.compiled.index import asks_event_first
from whodid.detection.rule import Node, Not, Rule, Test
from whodid.detection.taxonomy.kinds import KINDS, kinds_of, names_of, source_words


def fields_of(node: Node) -> Iterator[str]:
    """Yield the fields that a condition looks at, keywords apart."""
    nodes = [node]
    while nodes:
        item = nodes.pop()
        if isinstance(item, Test):
            if item.field is not None:
                yield item.field
        elif isinstance(item, Not):
            nodes.append(item.item)
        else:
            nodes += item.items


class StretchRules:
    """Rules, and the kinds of logs that each is about, as the matcher takes them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.orders: Orders = {}
        self._kinds = [frozenset(kind.name for kind in kinds_of(rule.source)) for rule in rules]
        self._names = [
            frozenset() if kinds else names_of(rule.source)
            for rule, kinds in zip(rules, self._kinds, strict=True)
        ]

    def kinds(self, place: int) -> frozenset[str]:
        """Return the kinds whose fields a rule may ask for."""
        return self._kinds[place] or frozenset(kind.name for kind in KINDS)

    def takes(self, place: int, kind: str, source: str) -> bool:
        """Tell whether a rule is about records of this kind and source."""
        return kind in self._kinds[place] or bool(self._names[place] & source_words(source))

    def asked(self, stretch: Stretch) -> "Asked":
        """Return these rules, to be asked of a stretch."""
        return Asked(self, stretch)


class Asked:
    """Rules over one stretch; what several of them ask is asked once."""

    def __init__(self, about: StretchRules, stretch: Stretch) -> None:
        self._about = about
        self._stretch = stretch
        self._known: dict[tuple[bool, ...], Array] = {}
        self._askers: dict[tuple[str, bool], Asker] = {}

    def possible(self, place: int) -> Array:
        """Return the rows (bool) that a rule may match."""
        stretch = self._stretch
        found: Array = stretch.sent == UNTOLD
        rule = self._about.rules[place]
        for kind in dict.fromkeys(kind for kind, _ in stretch.senders):
            rows = self._rows(place, kind)
            if rows.any():
                asker = self._asker(kind, event_first=asks_event_first(rule))
                found |= rows & asker.of(rule.node).maybe
        return found

    def _rows(self, place: int, kind: str) -> Array:
        """Return the rows of a kind that a rule is about."""
        chosen = tuple(
            sender[0] == kind and self._about.takes(place, *sender)
            for sender in self._stretch.senders
        )
        rows = self._known.get(chosen)
        if rows is None:
            rows = self._known[chosen] = self._stretch.of_senders(chosen)
        return rows

    def _asker(self, kind: str, *, event_first: bool) -> Asker:
        asker = self._askers.get((kind, event_first))
        if asker is None:
            known: dict[str, Told] = {}

            def told_of(name: str | None) -> Told | None:
                if name is None:
                    return None
                told = known.get(name)
                column = self._stretch.columns.get(FieldName(kind, name, event_first))
                if told is None and column is not None:
                    told = CodedColumn(column.codes, column.distinct(), untold=True)
                    known[name] = told
                return told

            asker = self._askers[kind, event_first] = Asker(told_of, self._about.orders)
        return asker
