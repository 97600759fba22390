"""Parsed documents of all files → rules that know each other: ids, filters, what refers to what.

A reference is an id or a name. A filter is joined by AND to the rules that it names, as its
condition stands: `not selection` leaves out what is selected. Rules that correlations are about
are silent unless one says `generate: true` and none says otherwise.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import structs

from whodid.detection.rule import All, AnyRule, Correlation, Head, LogSource, Rule
from whodid.detection.sigma.fault import Fault
from whodid.detection.sigma.parsed import Parsed
from whodid.limits import CORRELATION_DEPTH_MAX


class Placed(NamedTuple):
    """A parsed document and where its first line stands."""

    parsed: Parsed
    path: str
    line: int

    def head(self, key: str) -> Head:
        """Return the head of the rule that is called `key`."""
        return structs.replace(self.parsed.head, id=key, path=self.path, line=self.line)

    def fault(self, reason: str, line: int = 1, *, warning: bool = False) -> Fault:
        """Return a fault at a line of the document."""
        return Fault(self.path, self.line + line - 1, reason, self.parsed.head.title, warning)


class Linker:
    """Links documents; `rules` in the order of their files, what they refer to before them."""

    def __init__(self, documents: Iterable[Placed]) -> None:
        self.faults: list[Fault] = []
        self._found: dict[str, Placed] = {}
        self._called: dict[str, str] = {}
        self._filters: list[Placed] = []
        self._applied: list[tuple[Placed, frozenset[str]]] = []
        self._done: dict[str, AnyRule | None] = {}
        self._depth: dict[str, int] = {}
        self._generate: dict[str, bool] = {}
        for document in documents:
            self._take(document)

    def rules(self) -> tuple[AnyRule, ...]:
        """Return the linked rules; what cannot be linked is in `faults`."""
        self._check_filters()
        for key, document in self._found.items():
            if document.parsed.draft is None:
                self._done[key] = self._rule(key, document)
        for key in self._in_order():
            self._done[key] = self._correlation(key, self._found[key])
        made = [rule for rule in self._done.values() if rule is not None]
        return tuple(
            structs.replace(rule, silent=not self._generate[rule.head.id])
            if rule.head.id in self._generate
            else rule
            for rule in made
        )

    def _in_order(self) -> list[str]:
        """Return the correlations, what they are about before them; those in circles last."""
        above: dict[str, list[str]] = {}
        waits: dict[str, int] = {}
        for key, document in self._found.items():
            if document.parsed.draft is not None:
                below = {it for ref in document.parsed.draft.rules if (it := self._key(ref))}
                below = {it for it in below if self._found[it].parsed.draft is not None}
                waits[key] = len(below)
                for it in below:
                    above.setdefault(it, []).append(key)
        ready = [key for key, count in waits.items() if not count]
        for key in ready:  # it grows
            for it in above.get(key, ()):
                waits[it] -= 1
                if not waits[it]:
                    ready.append(it)
        return ready + [key for key, count in waits.items() if count]

    def _take(self, document: Placed) -> None:
        parsed = document.parsed
        self.faults += [
            document.fault(note.reason, note.line, warning=True) for note in parsed.notes
        ]
        if parsed.fault is not None:
            found = document.fault(parsed.fault, parsed.line, warning=parsed.foreign)
            self.faults.append(structs.replace(found, foreign=parsed.foreign))
            return
        if parsed.rules is not None:
            self._filters.append(document)
            return
        key = parsed.uuid or parsed.name or parsed.head.version[:32]
        calls = dict.fromkeys(it for it in (key, parsed.name) if it)
        for call in calls:
            if call in self._called:
                other = self._found[self._called[call]]
                self.faults.append(
                    document.fault(f"{call!r} is already the rule in {other.path}:{other.line}")
                )
                return
        self._found[key] = document
        for call in calls:
            self._called[call] = key

    def _key(self, reference: str) -> str | None:
        return self._called.get(reference) or self._called.get(reference.strip().lower())

    def _rule(self, key: str, document: Placed) -> Rule:
        parsed, head = document.parsed, document.head(key)
        assert parsed.node is not None
        nodes, versions = [parsed.node], [head.version]
        for applied, named in self._applied:
            other = applied.parsed
            assert other.node is not None
            if (not other.rules or key in named) and _within(other.source, parsed.source):
                nodes.append(other.node)
                versions.append(other.head.version)
        if len(nodes) == 1:
            return Rule(head, parsed.source, parsed.node)
        return Rule(_versioned(head, versions), parsed.source, All(tuple(nodes)))

    def _check_filters(self) -> None:
        """Find the rules that filters name; doubt those that filter nothing."""
        for document in self._filters:
            named = frozenset(it for ref in document.parsed.rules or () if (it := self._key(ref)))
            self._applied.append((document, named))
            for reference in document.parsed.rules or ():
                key = self._key(reference)
                if key is None:
                    self.faults.append(
                        document.fault(
                            f"it filters {reference!r}, which is not loaded", warning=True
                        )
                    )
                elif not _within(document.parsed.source, self._found[key].parsed.source):
                    self.faults.append(
                        document.fault(
                            f"it filters {reference!r}, which has another logsource", warning=True
                        )
                    )

    def _correlation(self, name: str, document: Placed) -> Correlation | None:
        draft = document.parsed.draft
        assert draft is not None
        ids: dict[str, str] = {}
        for reference in draft.rules:
            key = self._key(reference)
            if key is None or self._done.get(key) is None:
                reason = "is not loaded" if key is None else "cannot be used"
                if key is not None and key not in self._done:
                    reason = "is about it again"
                self.faults.append(document.fault(f"it is about {reference!r}, which {reason}"))
                return None
            ids[reference] = key
        depth = 1 + max(self._depth.get(key, 0) for key in ids.values())
        if depth > CORRELATION_DEPTH_MAX:
            reason = f"more than {CORRELATION_DEPTH_MAX} correlations stand upon each other"
            self.faults.append(document.fault(reason))
            return None
        self._depth[name] = depth
        for key in ids.values():
            self._generate[key] = draft.generate and self._generate.get(key, True)
        head = document.head(name)
        versions = [head.version, *(self._version(key) for key in ids.values())]
        below = tuple(dict.fromkeys(ids[it] for it in draft.rules))
        places = {name: str(below.index(key)) for name, key in ids.items()}
        return Correlation(
            _versioned(head, versions), draft.kind,
            below, draft.span_us,
            draft.group_by,
            {name: {ids[it]: field for it, field in fields.items()}
             for name, fields in draft.aliases.items()},
            draft.compare, draft.fields, draft.percent,
            options=draft.options, words=tuple(places.get(word, word) for word in draft.words),
        )  # fmt: skip

    def _version(self, key: str) -> str:
        made = self._done[key]
        assert made is not None
        return made.head.version


def _versioned(head: Head, versions: list[str]) -> Head:
    """Return a head whose version also tells of what the rule stands upon."""
    return structs.replace(head, version=hashlib.sha256(" ".join(versions).encode()).hexdigest())


def _within(wide: LogSource, narrow: LogSource) -> bool:
    """Tell whether all that `wide` says is also said by `narrow`."""
    return all(
        said is None or said == getattr(narrow, key)
        for key in ("category", "product", "service")
        if (said := getattr(wide, key)) is not None
    )
