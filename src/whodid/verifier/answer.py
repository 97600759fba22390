"""Checks an answer with its proof: that these are all the events, and what the log holds.

The steps, with the same numbers in the code:

1. The checkpoint is signed by the log's key. All that follows is in its tree.
2. Ranges follow each other from entry 0 to `end`; each is named by an entry of the log.
3. A range is left out only when the log says that none of its events is in the time asked for.
4. In each other range the map that the log names shows, for each value, its list, or for one of
   them that there is none.
5. An entry that is in all lists is shown: in the answer, or aside with what is different in it.
6. Each event shown is in the tree, what is open of it is what its leaf commits to, and it matches
   (the answer) or does not (aside).
7. Behind the ranges every entry is shown up to the end of the log, with the same for each event;
   or the answer is complete to `end` only.

What comes out is *complete as indexed*: the maps are what the log's maker said of its events at the
time. That they say it of all of them, somebody who replayed the events can attest (`replays`); with
such an attestation of every map that was used it is *genuine and complete*.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from whodid.verifier import entries, maps, notes, tree
from whodid.verifier.fields import DocumentError, Part, load
from whodid.verifier.replays import Attestation

KIND = "whodid answer 1"
_SPAN_BITS = 24


@dataclass(frozen=True)
class Term:
    """One exact value that was asked for, in any of these fields."""

    mapped: str
    fields: tuple[str, ...]
    value: str
    exact: bool

    def matches(self, event: entries.Opened) -> bool | None:
        """Tell whether an event has the value; None when its fields are not shown."""
        wanted = maps.folded(self.mapped, self.value)
        for name in self.fields:
            texts = event.texts(name)
            if texts is None:
                return None
            for text in texts:
                if text == self.value if self.exact else maps.folded(self.mapped, text) == wanted:
                    return True
        return False


@dataclass(frozen=True)
class Asked:
    """All of the terms, and `from_us` ≤ time < `to_us`; `own`: whodid's own events too."""

    terms: tuple[Term, ...]
    from_us: int | None
    to_us: int | None
    own: bool

    def matches(self, event: entries.Opened) -> bool | None:
        """Tell whether an event is in the answer, None when too little of it is shown."""
        said = [self._in_time(event), self._not_own(event)]
        said += [term.matches(event) for term in self.terms]
        if False in said:
            return False
        return None if None in said else True

    def _in_time(self, event: entries.Opened) -> bool | None:
        if self.from_us is None and self.to_us is None:
            return True
        time_us = event.time_us
        return None if time_us is None else self.covers(time_us)

    def covers(self, time_us: int) -> bool:
        """Tell whether a time is in the answer."""
        late_enough = self.from_us is None or time_us >= self.from_us
        return late_enough and (self.to_us is None or time_us < self.to_us)

    def apart_from(self, root: entries.RangeRoot) -> bool:
        """Tell whether no event of a range can be in the answer."""
        if not root.events:
            return True
        early = self.from_us is not None and root.greatest_us < self.from_us
        return early or (self.to_us is not None and root.least_us >= self.to_us)

    def _not_own(self, event: entries.Opened) -> bool | None:
        if self.own:
            return True
        source = event.texts("source")
        return None if source is None else entries.OWN_SOURCE not in source


@dataclass
class Verdict:
    """What came of it. `faults` are sentences; with none the answer is complete as indexed.

    `complete_to` is the entry up to which nothing is missing, `size` that of the log. `unsearched`
    counts entries of which no field could be searched (quarantined, erased, not readable). `roots`
    are the maps that were used.
    """

    origin: str = ""
    size: int = 0
    complete_to: int = 0
    events: int = 0
    aside: int = 0
    ranges: int = 0
    unsearched: int = 0
    trusted_key: bool = False
    replayed: bool = False
    roots: list[tuple[int, int, bytes]] = field(default_factory=list)
    asked: Asked | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Tell whether the answer is complete as indexed."""
        return not self.faults

    @property
    def statement(self) -> str:
        """Say what was proved."""
        if self.faults:
            return "not proved"
        return "genuine and complete" if self.replayed else "complete as indexed"

    def take(self, attestation: Attestation) -> None:
        """Note that these maps were replayed. One of another log, or of another map, is a fault."""
        if attestation.origin != self.origin:
            self.faults.append(f"the replay is of another log, {attestation.origin!r}")
        attested = {(level, first): root for level, first, root in attestation.roots}
        for level, first, root in self.roots:
            if attested.get((level, first), root) != root:
                self.faults.append(f"the replay has another map of the range at entry {first}")
        self.replayed = not self.faults and set(self.roots) <= attestation.roots


_FAULTS_MAX = 100


def check(data: bytes, vkey: str | None = None) -> Verdict:
    """Check a document; `vkey` is the log's key, had from elsewhere. Never raises for its content.

    Without `vkey` the key is the document's own: then whoever made the document may have made all
    of it.
    """
    verdict = Verdict(trusted_key=vkey is not None)
    try:
        document = load(data)
        if document["kind"].text() != KIND:
            raise DocumentError(f"kind: must be {KIND!r}")
        _Check(document, verdict).run(vkey or document["vkey"].text())
    except DocumentError as error:
        verdict.faults.append(str(error))
    return verdict


class _Check:
    def __init__(self, document: Part, verdict: Verdict) -> None:
        self.document = document
        self.verdict = verdict
        self.asked = _asked(document["asked"])
        verdict.asked = self.asked
        self.root = b""
        self.size = 0
        self.end = 0
        self.candidates: set[int] = set()
        self.seen: list[tuple[int, int]] = []
        self.shown: dict[int, bytes] = {}

    def fault(self, sentence: str) -> None:
        if len(self.verdict.faults) < _FAULTS_MAX:
            self.verdict.faults.append(sentence)

    def run(self, vkey: str) -> None:
        head = notes.read_checkpoint(self.document["checkpoint"].text(), vkey)  # 1
        self.verdict.origin, self.verdict.size = head.origin, head.size
        self.root, self.size = head.root, head.size
        self.end = self.document["end"].number()
        self._ranges()
        self._events()
        for index in sorted(self.candidates - self.shown.keys()):
            self.fault(f"entry {index} is listed for these values and is not shown: it is missing")
        self._tail()

    # --- ranges ----------------------------------------------------------------------------------

    def _ranges(self) -> None:
        at = 0
        keys = self._keys()
        for part in self.document["ranges"].each():
            index, leaf = part["entry"].number(), part["leaf"].data()
            self._in_tree(part, index, leaf)
            root = entries.range_root(leaf, part.place)
            if root.first != at or root.end > index:
                raise DocumentError(f"{part.place}: ranges must follow each other")  # 2
            at = root.end
            self.verdict.roots.append((root.level, root.first, root.map_root))
            if self.asked.apart_from(root):
                continue  # 3
            self.verdict.ranges += 1
            self.verdict.unsearched += root.quarantined + root.erased
            self.seen.append((root.first, root.end))
            self._terms(part, root, keys)
        if at != self.end:
            raise DocumentError(f"the ranges end at entry {at}, not {self.end}")

    def _keys(self) -> dict[tuple[int, str], bytes]:
        return {
            (part["span"].number(), part["mapped"].text()): part["key"].data(32)
            for part in self.document["keys"].each()
        }

    def _terms(
        self, part: Part, root: entries.RangeRoot, keys: dict[tuple[int, str], bytes]
    ) -> None:
        """Read what a range shows of each term (4), and note what is in all lists (5)."""
        lists: dict[int, maps.Listed] = {}
        for shown in part.get("terms", []).each():
            number = shown["term"].number()
            if number >= len(self.asked.terms):
                raise DocumentError(f"{shown.place}: there is no such term")
            term = self.asked.terms[number]
            key = keys.get((root.first >> _SPAN_BITS, term.mapped), b"")
            if sha256(key).digest() != root.key_hashes[term.mapped]:
                raise DocumentError(
                    f"{shown.place}: the key of {term.mapped} is not that of its map"
                )
            wanted = maps.key_of(key, term.mapped, maps.folded(term.mapped, term.value))
            rows, path = shown.get("rows", "").data(), shown["path"].hashes()
            try:
                row = maps.find(rows, path, wanted, root.level, root.map_root)
            except DocumentError as error:
                raise DocumentError(f"{shown.place}: {error}") from None
            if row is None:
                return  # no event of this range has this value
            lists[number] = maps.listed(row, shown.get("entries", {}), root.level)
        self._in_all(part, root, lists)

    def _in_all(self, part: Part, root: entries.RangeRoot, lists: dict[int, maps.Listed]) -> None:
        whole = [item for item in lists.values() if not item.hidden]
        if len(lists) != len(self.asked.terms) or not whole:
            raise DocumentError(f"{part.place}: does not show what each term has in it")
        for offset in min(whole, key=lambda item: len(item.offsets)).offsets:
            said = [item.says(offset) for item in lists.values()]
            if False in said:
                continue
            if None in said:
                raise DocumentError(f"{part.place}: says too little of entry {root.first + offset}")
            self.candidates.add(root.first + offset)

    # --- events ----------------------------------------------------------------------------------

    def _in_tree(self, part: Part, index: int, leaf: bytes) -> None:
        path = part.get("path", []).hashes()
        if tree.root_of_path(tree.leaf_hash(leaf), index, self.size, path) != self.root:
            raise DocumentError(f"{part.place}: entry {index} is not in the tree of the checkpoint")

    def _events(self) -> None:
        for name, in_answer in (("events", True), ("aside", False)):
            for part in self.document.get(name, []).each():
                index, leaf = part["entry"].number(), part["leaf"].data()
                if index in self.shown:
                    raise DocumentError(f"{part.place}: entry {index} is shown twice")
                self.shown[index] = leaf
                if index < self.end:  # others are checked with all that lies behind the ranges
                    self._in_tree(part, index, leaf)
                self._one(part, index, leaf, in_answer=in_answer)

    def _one(self, part: Part, index: int, leaf: bytes, *, in_answer: bool) -> None:
        if entries.leaf_type(leaf, part.place) != entries.EVENT:
            raise DocumentError(f"{part.place}: entry {index} is no event")
        matches = self.asked.matches(entries.opened(part, leaf))  # 6
        self.verdict.events += in_answer
        self.verdict.aside += not in_answer
        if matches is None or matches != in_answer:
            said = "does not match" if in_answer else "is not shown to be another"
            self.fault(f"entry {index} {said}: {part.place}")
        elif in_answer and index not in self.candidates and self._in_range(index):
            self.fault(
                f"entry {index} is in the log and matches, and the map does not list it: the index "
                "is wrong"
            )

    def _in_range(self, index: int) -> bool:
        return any(first <= index < end for first, end in self.seen)

    # --- behind the ranges -----------------------------------------------------------------------

    def _tail(self) -> None:
        self.verdict.complete_to = self.end
        if not self.document.get("tail_opened", default=True).flag():
            if any(index >= self.end for index in self.shown):
                raise DocumentError("an entry behind the ranges, which are said not to be opened")
            return
        leaves = {index: leaf for index, leaf in self.shown.items() if index >= self.end}
        for part in self.document.get("tail", []).each():
            index, leaf = part["entry"].number(), part["leaf"].data()
            if index < self.end or index in leaves:
                raise DocumentError(f"{part.place}: entry {index} does not belong here")
            leaves[index] = leaf
            self._behind(part, index, leaf)
        edge = self.document.get("edge", []).hashes()
        if sorted(leaves) != list(range(self.end, self.size)):
            raise DocumentError(f"not every entry from {self.end} to {self.size} is shown")
        if tree.root_from_edge(edge, self.end, self._hashes(leaves)) != self.root:
            raise DocumentError("the entries behind the ranges are not those of the checkpoint")
        self.verdict.complete_to = self.size  # 7

    def _behind(self, part: Part, index: int, leaf: bytes) -> None:
        if entries.leaf_type(leaf, part.place) != entries.EVENT:
            return
        if not part.get("hashes", []).value:
            self.verdict.unsearched += 1
            return
        if self.asked.matches(entries.opened(part, leaf)) is not False:
            self.fault(f"entry {index} is not shown to be another: {part.place}")

    def _hashes(self, leaves: dict[int, bytes]) -> Iterator[bytes]:
        return (tree.leaf_hash(leaves[index]) for index in range(self.end, self.size))


def _asked(part: Part) -> Asked:
    terms = []
    for item in part["terms"].each():
        mapped = item["mapped"].text()
        names = tuple(name.text() for name in item["fields"].each())
        if not names or not set(names) <= set(entries.MAPPED.get(mapped, ())):
            raise DocumentError(f"{item.place}: a map of {mapped!r} does not cover these fields")
        exact = item.get("exact", default=False).flag()
        terms.append(Term(mapped, names, item["value"].text(), exact))
    if not terms:
        raise DocumentError("asked.terms: there must be one")
    return Asked(tuple(terms), part["from_us"].time(), part["to_us"].time(), part["own"].flag())
