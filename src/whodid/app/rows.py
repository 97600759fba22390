"""From received records to rows of a batch: format, event, identity, tags. CPU only, no I/O.

A door runs this with the public half of the payload key; it never reads anything back.
"""

import re
from collections.abc import Callable

from msgspec import Struct

from whodid.errors import UsageError
from whodid.event import Mapped, encode_groups
from whodid.ledger.batch import Row
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.state_db import Source
from whodid.ledger.tags import Tagger, domain_key
from whodid.normalize.format import Format
from whodid.normalize.record import SEQ_SENDER, prepare
from whodid.normalize.registry import detect, format_by_name
from whodid.normalize.secret_marks import may_hold_secrets
from whodid.normalize.short_json import FOREIGN_MARKS, ShortJson
from whodid.normalize.stencil import NOWHERE, Place, Stencils, all_plain, place
from whodid.normalize.uuid7 import uuid7_many
from whodid.sources.intake import Delivery

AUTO = "auto"
_QUARANTINED, _NO_IDENTITY = int(LeafFlag.QUARANTINED), int(LeafFlag.NO_IDENTITY)
_PLAIN_KEY = re.compile(r"[ !#-\[\]-~]+").fullmatch

Sources = Callable[[], dict[str, Source]]
Formats = Callable[[str], Format]


class Prepared(Struct, frozen=True):
    """Rows of one delivery, in order, and what the reply says of them."""

    rows: list[Row]
    quarantined: list[bool]
    exactly_once: bool


class RowMaker:
    """Makes rows. `sources` is asked again when a name is not known (it may be new).

    `formats` finds a format by its name.

    One owner; not safe for threads.
    """

    def __init__(
        self, identity_root: bytes, sources: Sources, formats: Formats = format_by_name
    ) -> None:
        self._identity_root = identity_root
        self._ask = sources
        self._format = formats
        self._sources: dict[str, Source] = {}
        self._taggers: dict[str, Tagger] = {}
        self._stencils: dict[str, Stencils] = {}

    def source(self, name: str) -> Source:
        """Return a declared source. Raises UsageError when there is none of that name."""
        if name not in self._sources:
            self._sources = self._ask()
        try:
            return self._sources[name]
        except KeyError as error:
            raise UsageError(
                f"source {name!r} is not declared; declare it with `whodid source add {name}`"
            ) from error

    def make(self, delivery: Delivery) -> Prepared:
        """Normalise a delivery. Raises UsageError for an unknown source or format."""
        source = self.source(delivery.source)
        tagger = self._taggers.get(source.domain)
        if tagger is None:
            tagger = Tagger(domain_key(self._identity_root, source.domain))
            self._taggers[source.domain] = tagger
        stencils = self._stencils.get(source.name)
        if stencils is None:
            stencils = self._stencils[source.name] = Stencils(source.name)
        fixed = None if source.format == AUTO else self._format(source.format)
        return _Delivered(source, fixed, tagger, stencils, delivery).prepare()


class _Delivered:
    """One delivery on its way to rows.

    What a stencil fits goes the short way; both ways make the same of a record.
    """

    def __init__(
        self, source: Source, fixed: Format | None, tagger: Tagger, stencils: Stencils,
        delivery: Delivery,
    ) -> None:  # fmt: skip
        self._source = source
        self._tagger = tagger
        self._stencils = stencils
        self._fixed = fixed
        self._delivery = delivery
        self._ids = uuid7_many(len(delivery.records), delivery.received_us)
        self._suspicious = may_hold_secrets(delivery.records)

    def prepare(self) -> Prepared:
        """Make the rows."""
        source, records = self._source, self._delivery.records
        made = self._made()
        tags = self._tagger.identities(
            [record.kind for record in made], [record.identity for record in made]
        )
        contents = self._tagger.contents(records)
        type_, class_, source_id = int(LeafType.EVENT), source.class_, source.source_id
        rows = [
            Row(
                type_, record.flags, class_, source_id, record.epoch, record.seq,
                tag, content, record.groups,
            )
            for record, tag, content in zip(made, tags, contents, strict=True)
        ]  # fmt: skip
        quarantined = [bool(record.flags & _QUARANTINED) for record in made]
        return Prepared(rows, quarantined, all(record.kind for record in made))

    def _made(self) -> list["_Record"]:
        records = self._delivery.records
        if not self._may_go_short():
            return [self._long_way(number, raw)[0] for number, raw in enumerate(records)]
        cut, learn = self._stencils.cut, self._stencils.learn
        received = b"%d" % self._delivery.received_us
        placed = bool(self._delivery.request_key) or self._delivery.offsets is not None
        made = []
        for number, (raw, suspicious, event_id) in enumerate(
            zip(records, self._suspicious, self._ids, strict=True)
        ):
            found = None
            if not suspicious:
                where = self._place(number) if placed else NOWHERE
                found = cut(raw, event_id, received, where)
            if found is not None:
                groups, kind, identity = found
                made.append(_Record(0 if kind else _NO_IDENTITY, kind, identity, 0, 0, groups))
                continue
            record, format_ = self._long_way(number, raw)
            made.append(record)
            if not suspicious and format_ is not None and format_.name == ShortJson.name:
                learn(raw)
        return made

    def _may_go_short(self) -> bool:
        delivery, fixed = self._delivery, self._fixed
        if fixed is None:  # then no record may be one that another format takes for its own
            together = b"\n".join(delivery.records)  # a quarter of the time of one by one
            is_short = not any(mark in together for mark in FOREIGN_MARKS)
        else:
            is_short = fixed.name == ShortJson.name
        return (
            is_short
            and not delivery.cut
            and (not delivery.request_key or _PLAIN_KEY(delivery.request_key) is not None)
            and all_plain(delivery.records)
        )

    def _place(self, number: int) -> Place:
        delivery = self._delivery
        if delivery.request_key:
            return place("request", f"{delivery.first + number}/{delivery.request_key}")
        assert delivery.offsets is not None
        return place("file", f"{delivery.offsets[number]}/{delivery.fingerprint or ''}")

    def _long_way(self, number: int, raw: bytes) -> tuple["_Record", Format | None]:
        delivery, source = self._delivery, self._source
        format_ = self._fixed or detect(raw)
        if number in delivery.cut:
            mapped = Mapped(quarantine=delivery.cut[number])
        elif format_ is None:
            mapped = Mapped(quarantine="no known format takes this record for its own")
        else:
            mapped = format_.map(raw, delivery.received_us)
        offsets, key = delivery.offsets, delivery.request_key
        prepared = prepare(
            mapped,
            raw,
            event_id=self._ids[number],
            source=source.name,
            format_name=format_.name if format_ else AUTO,
            mapping=format_.mapping if format_ else 0,
            received_us=delivery.received_us,
            position=(delivery.fingerprint or "", offsets[number]) if offsets is not None else None,
            request=(key, delivery.first + number) if key else None,
            scan=self._suspicious[number],
        )
        envelope = prepared.event.envelope
        flags = prepared.seq_kind
        if envelope.quarantine is not None:
            flags |= LeafFlag.QUARANTINED
        if envelope.redactions:
            flags |= LeafFlag.REDACTED
        if not prepared.identity:
            flags |= LeafFlag.NO_IDENTITY
        record = _Record(
            int(flags),
            prepared.identity_kind if prepared.identity else 0,
            prepared.identity,
            prepared.epoch,
            prepared.seq,
            encode_groups(prepared.event),
        )
        return record, format_


class _Record(Struct):
    """A mapped record before its tags; `kind` is 0 when it has no identity."""

    flags: int
    kind: int
    identity: bytes
    epoch: int
    seq: int
    groups: tuple[bytes, ...]


assert SEQ_SENDER == LeafFlag.SEQ_SENDER
