"""Answers with a proof that nothing is missing: one read, one event of its own before it is shown.

1. A signed checkpoint of M entries, all that are durable.
2. The ranges that the log names before M, and what their maps say (`index.ranges.prover`).
3. Candidates are opened: whole when they match, else only as far as is needed to see that they do
   not. So are the entries behind the last range, unless they are too many.

It shows whole events, and of others who did or what: it is for readers from whom nothing is kept.
"""

from collections.abc import Sequence

import msgspec

from whodid.app.answer import Caller
from whodid.app.answer_proof import (
    KIND,
    AnswerProof,
    Asked,
    AskedTerm,
    FieldKey,
    ShownEntry,
    ShownRange,
    ShownTerm,
)
from whodid.app.counting import events_only
from whodid.app.own import Act
from whodid.app.proof_rows import Opener
from whodid.app.read_context import ReadContext
from whodid.errors import AccessDeniedError, RefusedError, UsageError
from whodid.index.ranges.folder import MapFolder
from whodid.index.ranges.named import Named, cover, named_at
from whodid.index.ranges.prover import RangeProof, Ranges, prove
from whodid.index.ranges.secrets import MapKeys
from whodid.index.search import Searcher
from whodid.ledger.keys import KeyFolder
from whodid.ledger.reader import LedgerReader
from whodid.limits import PROOF_EVENTS_MAX, PROOF_TAIL_ROWS_MAX
from whodid.merkle.range_map import SPAN_LEVEL
from whodid.query.own import hides_own
from whodid.query.parse import parse
from whodid.query.provable import Provable, provable
from whodid.query.times import resolve


class Proving:
    """The reads of answers with a proof; it shares turns and searcher with `LedgerReading`."""

    def __init__(
        self, context: ReadContext, searcher: Searcher, reader: LedgerReader, keys: KeyFolder
    ) -> None:
        self._context = context
        self._searcher = searcher
        self._reader = reader
        self._vkey = keys.vkey().encode()
        self._folder = MapFolder(context.directory, keys)
        self._keys = MapKeys(reader, keys, make=False)

    def prove(self, caller: Caller, text: str, *, own: bool) -> AnswerProof:
        """Return an answer with its proof (see `Reading.prove`)."""
        act = Act("prove answer", "read", "ledger", "events", text)
        query = resolve(
            self._context.allowed(caller, events_only(parse(text)), act), self._context.clock()
        )
        if not caller.rights.whole:
            reason = "an answer with a proof is for readers from whom no row and no field is kept"
            self._context.own.write(caller, msgspec.structs.replace(act, ok=False, reason=reason))
            raise AccessDeniedError(reason)
        asked = provable(query.filter)
        hide = not own and hides_own(query)
        with self._context.turn(caller, act):
            note, size = self._head()
            named = self._named(size)
            found = self._searcher.over(
                lambda view: prove(view.tables, named, asked, self._folder, self._keys),
                durable=size,
            )
            proof = self._document(found, Opener(asked, hide=hide), note, size)
            self._context.own.write(caller, msgspec.structs.replace(act, rows=len(proof.events)))
        said = Asked(
            text, tuple(AskedTerm(t.mapped, t.fields, t.value, t.exact) for t in asked.terms),
            asked.from_us, asked.to_us, not hide,
        )  # fmt: skip
        return msgspec.structs.replace(
            proof, asked=said, keys=self._shown_keys(named, found, asked)
        )

    def _head(self) -> tuple[str, int]:
        """Return a signed checkpoint of all that is durable, and its size."""
        durable = self._context.port.status().size
        note, _ = self._context.port.prove(durable - 1)
        self._reader.refresh()
        return note, int(note.split("\n", 2)[1])

    def _named(self, size: int) -> list[Named]:
        """Return the ranges to prove with, those that entries below `size` name."""
        entries = [index for index in self._folder.entries() if index < size]
        return cover(named_at(self._reader, entries), size)

    def _shown_keys(self, named: Sequence[Named], found: Ranges, asked: Provable) -> list[FieldKey]:
        opened = {item.entry for item in found.ranges if item.terms}
        spans = sorted({item.root.first >> SPAN_LEVEL for item in named if item.index in opened})
        return [
            FieldKey(span, mapped, self._keys.of(span << SPAN_LEVEL)[mapped])
            for span in spans
            for mapped in dict.fromkeys(term.mapped for term in asked.terms)
        ]

    def _document(self, found: Ranges, opener: Opener, note: str, size: int) -> AnswerProof:
        if len(found.candidates) > PROOF_EVENTS_MAX:
            raise UsageError(
                f"{len(found.candidates):,} events would have to be shown; a proof shows at most "
                f"{PROOF_EVENTS_MAX:,}: ask for a shorter time, or for more at once"
            )
        events: list[ShownEntry] = []
        aside: list[ShownEntry] = []
        for row in self._reader.pick(found.candidates):
            matches, entry = opener.open(row)
            (events if matches else aside).append(entry)
        opened = size - found.end <= PROOF_TAIL_ROWS_MAX
        if not opened and not found.end:
            raise RefusedError("the maps that prove answers are not made yet; try again", 10.0)
        tail: list[ShownEntry] = []
        for row in self._reader.pick(range(found.end, size if opened else found.end)):
            matches, entry = opener.open_tail(row)
            (events if matches else tail).append(entry)
        return self._with_paths(
            AnswerProof(
                KIND, self._vkey, note, Asked("", (), None, None, own=False), [], [], found.end, [],
                _in_order(events), _in_order(aside), _in_order(tail), opened,
            ),
            found.ranges, size,
        )  # fmt: skip

    def _with_paths(self, proof: AnswerProof, ranges: list[RangeProof], size: int) -> AnswerProof:
        """Return the document with the ranges, and inclusion proofs of what lies below its end."""
        shown = [entry for entry in (*proof.events, *proof.aside) if entry.entry < proof.end]
        indexes = [*(item.entry for item in ranges), *(entry.entry for entry in shown)]
        found = self._context.port.prove_at(size, indexes, proof.end)
        path = dict(zip(indexes, found.paths, strict=True))

        def placed(entries: list[ShownEntry]) -> list[ShownEntry]:
            return [msgspec.structs.replace(e, path=path.get(e.entry, [])) for e in entries]

        return msgspec.structs.replace(
            proof,
            ranges=[
                ShownRange(
                    item.entry, self._reader.leaf_bytes(item.entry), path[item.entry],
                    [ShownTerm(t.term, t.rows, t.path, t.entries) for t in item.terms],
                )
                for item in ranges
            ],
            edge=found.edge, events=placed(proof.events), aside=placed(proof.aside),
        )  # fmt: skip


def _in_order(entries: list[ShownEntry]) -> list[ShownEntry]:
    return sorted(entries, key=lambda entry: entry.entry)
