"""Step 6 of `verify`, a row: payload against leaves.

1. Each leaf has exactly one payload row, in a block of its retention class.
2. Each row gives the commitment of its leaf.
3. An event decodes, names the source of its leaf, agrees with its flags, and its identity gives
   the tag of its leaf.
4. A source entry decodes.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct

from whodid.errors import WhodidError
from whodid.event import IDENTITY_KINDS, Envelope, decode_groups
from whodid.ledger import frame
from whodid.ledger.blocks import Block
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.source_entry import parse_source_entry
from whodid.ledger.tags import Tagger, domain_key
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verification.verdict import Fault
from whodid.limits import FIELD_CHARS_MAX, VERIFY_PART_FAULTS_MAX
from whodid.merkle.commitment import commit_rows

_KINDS = {name: kind for kind, name in enumerate(IDENTITY_KINDS)}
_SEQUENCE = _KINDS["sequence"]
_QUARANTINED = int(LeafFlag.QUARANTINED)
_REDACTED = int(LeafFlag.REDACTED)
_NO_IDENTITY = int(LeafFlag.NO_IDENTITY)
_SAID = _QUARANTINED | _REDACTED | _NO_IDENTITY
Array = np.ndarray


class Content(Struct, frozen=True):
    """What content is compared with: source id → (name, domain), and the secret behind tags."""

    identity_root: bytes | None
    sources: dict[bytes, tuple[str, str]]


class PayloadCheck:
    """The payload rows of a part: which leaves have one, and whether they are theirs.

    `table` is None when the leaves could not be read: then only what needs no leaf is checked.
    """

    def __init__(self, part: Part, table: Array | None, content: Content) -> None:
        self.part = part
        self.lost = False
        self._table = table
        self._content = content
        self._seen = np.zeros(part.end - part.first, dtype=bool)
        self._senders: dict[bytes, _Sender | None] = {}

    def _fault(self, where: str, index: int, problem: str) -> None:
        if len(self.part.faults) < VERIFY_PART_FAULTS_MAX:
            self.part.faults.append(Fault(where, index, problem))

    def take(self, block: Block, where: str) -> None:
        """Note which entries a block holds (1)."""
        at = np.array(block.indexes, dtype=np.int64) - self.part.first
        inside = (at >= 0) & (at < len(self._seen))
        if not inside.all():
            row = block.indexes[int((~inside).argmax())]
            self._fault(where, row, "a payload row outside of its unit")
            at = at[inside]
        twice = self._seen[at]
        if twice.any():
            self._fault(where, self.part.first + int(at[twice][0]), "has a second payload row")
        self._seen[at] = True
        if self._table is None:
            return
        other = self._table["class"][at] != block.class_
        if other.any():
            index = self.part.first + int(at[other][0])
            self._fault(where, index, f"a leaf of another class in a block of class {block.class_}")

    def check_all_there(self) -> None:
        """Fault the leaves without a payload row (1)."""
        if self._table is None or self.lost or bool(self._seen.all()):
            return
        missing = np.nonzero(~self._seen)[0]
        self._fault(
            self.part.where,
            self.part.first + int(missing[0]),
            f"no payload row ({len(missing)} in this unit), and no erasure says so",
        )

    def check(self, indexes: Sequence[int], rows: frame.Rows, where: str) -> None:
        """Compare opened rows with their leaves (2, 3, 4)."""
        if self._table is None:
            return
        first = self.part.first
        at = [index - first for index in indexes]
        if at and not (at[0] >= 0 and at[-1] < len(self._seen)):
            return  # faulted by `take`
        self.part.opened += len(at)
        expected = self._table["commitment"][at].tobytes()
        computed = commit_rows(rows.seeds, rows.groups)
        if b"".join(computed) != expected:
            for row, commitment in enumerate(computed):
                if commitment != expected[32 * row : 32 * row + 32]:
                    self._fault(where, indexes[row], "the payload is not what its leaf commits to")
        self._content_of(indexes, at, rows.groups, where)

    def _content_of(
        self, indexes: Sequence[int], at: list[int], groups: list[tuple[bytes, ...]], where: str
    ) -> None:
        """Decode what was opened (3, 4); the hot loop."""
        assert self._table is not None
        chosen = self._table[at]
        tags, ids = chosen["identity_tag"].tobytes(), chosen["source_id"].tobytes()
        flags = chosen["flags"].tolist()
        event, source = int(LeafType.EVENT), int(LeafType.SOURCE)
        senders = self._senders
        for row, type_ in enumerate(chosen["type"].tolist()):
            if type_ == event:
                start = 16 * row
                source_id = ids[start : start + 16]
                sender = senders.get(source_id) or self._sender(source_id)
                try:
                    envelope = decode_groups(groups[row]).envelope
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    self._fault(where, indexes[row], f"the event does not decode ({error})")
                    continue
                if sender is None:
                    continue
                problem = sender.check(envelope, tags[start : start + 16], flags[row])
                if problem:
                    self._fault(where, indexes[row], problem)
            elif type_ == source:
                self._source(groups[row], indexes[row], where)

    def _sender(self, source_id: bytes) -> "_Sender | None":
        if source_id not in self._senders:
            known = self._content.sources.get(source_id)
            root = self._content.identity_root
            self._senders[source_id] = known and _Sender(
                known[0], Tagger(domain_key(root, known[1])) if root else None
            )
        return self._senders[source_id]

    def _source(self, groups: tuple[bytes, ...], index: int, where: str) -> None:
        try:
            self.part.settings[index] = parse_source_entry(groups)
        except WhodidError as error:
            self._fault(where, index, str(error))


class _Sender:
    """What the events of one source must agree with: its name, and the tags of its domain."""

    __slots__ = ("_name", "_tagger")

    def __init__(self, name: str, tagger: Tagger | None) -> None:
        self._name = name
        self._tagger = tagger

    def check(self, envelope: Envelope, tag: bytes, flags: int) -> str | None:
        """Return what is wrong with an event's envelope, None when nothing is."""
        if envelope.source != self._name:
            return f"the event says source {envelope.source!r}, its leaf that of {self._name!r}"
        said = (
            (_QUARANTINED if envelope.quarantine is not None else 0)
            | (_REDACTED if envelope.redactions else 0)
            | (_NO_IDENTITY if envelope.identity == "none" else 0)
        )
        if flags & _SAID != said:
            return "the flags of its leaf (quarantined, redacted, no identity) are not the event's"
        if said & _NO_IDENTITY:
            return None
        identity = identity_of(envelope)
        if identity is None or self._tagger is None:
            return None
        if self._tagger.identity(identity[0], identity[1]) != tag:
            return "the identity tag is not that of the event"
        return None


def identity_of(envelope: Envelope) -> tuple[int, bytes] | None:
    """Return (kind, identity) under an event's tag, None where the payload does not tell all of it.

    The stored id is cut when it is long and mended when it is no Unicode (`normalize.record`).
    """
    text = envelope.native_id
    if text is None or len(text) >= FIELD_CHARS_MAX or (not text.isascii() and "\ufffd" in text):
        return None
    kind = _KINDS[envelope.identity]
    identity = text.encode()
    if kind == _SEQUENCE:
        identity = envelope.source.encode() + b"\0" + identity
    return kind, identity
