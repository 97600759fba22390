"""An answer with its proof: one JSON document, which `whodid check` verifies without this program.

Bytes are base64. What each part proves, and how it is checked, stands in `docs/explanation/proofs`
and, as code that imports nothing of whodid, in `verifier.answer`.
"""

import msgspec
from msgspec import Struct

from whodid.index.ranges.lists import Shown

KIND = "whodid answer 1"


class AskedTerm(Struct, frozen=True, omit_defaults=True):
    """One exact value (`query.provable.ProvableTerm`)."""

    mapped: str
    fields: tuple[str, ...]
    value: str
    exact: bool = False


class Asked(Struct, frozen=True):
    """What was asked: all terms, in a time (µs; from inclusive, to exclusive; null: open).

    `own` false leaves out what whodid itself wrote.
    """

    text: str
    terms: tuple[AskedTerm, ...]
    from_us: int | None
    to_us: int | None
    own: bool


class FieldKey(Struct, frozen=True):
    """K of a field for a span of 2^24 entries. Its holder can test guesses against keys shown."""

    span: int
    mapped: str
    key: bytes


class ShownTerm(Struct, frozen=True, omit_defaults=True):
    """See `index.ranges.prover.TermProof`."""

    term: int
    rows: bytes
    path: list[bytes]
    entries: Shown | None = None


class ShownRange(Struct, frozen=True, omit_defaults=True):
    """A range: the entry that names it, in the tree; a proof for each term that is needed."""

    entry: int
    leaf: bytes
    path: list[bytes]
    terms: list[ShownTerm] = []


class ShownEntry(Struct, frozen=True, omit_defaults=True):
    """An entry, its event opened in whole or in part.

    `hashes` are those of the eight groups, `shown` the (number, salt, bytes) of those that are
    open. An entry behind the ranges needs no path: all leaves there are shown.
    """

    entry: int
    leaf: bytes
    path: list[bytes] = []
    hashes: list[bytes] = []
    shown: list[tuple[int, bytes, bytes]] = []


class AnswerProof(Struct, frozen=True, omit_defaults=True):
    """An answer and its proof, as of one checkpoint.

    `ranges` follow each other from entry 0 to `end`; `edge` is the compact range of these entries,
    `tail` all entries from there on (empty when they are not opened: the answer is then complete up
    to `end`). `events` are the answer, oldest first; `aside` what ranges list and does not match:
    of another time, whodid's own, or of a value that shares its key.
    """

    kind: str
    vkey: str
    checkpoint: str
    asked: Asked
    keys: list[FieldKey]
    ranges: list[ShownRange]
    end: int
    edge: list[bytes]
    events: list[ShownEntry]
    aside: list[ShownEntry]
    tail: list[ShownEntry]
    tail_opened: bool = True

    def encode(self) -> bytes:
        """Return the document."""
        return msgspec.json.encode(self)
