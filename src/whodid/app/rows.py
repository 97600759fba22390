"""From received records to rows of a batch: format, event, identity, tags. CPU only, no I/O.

A door runs this with the public half of the payload key; it never reads anything back.
"""

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
from whodid.normalize.uuid7 import uuid7_many
from whodid.sources.intake import Delivery

AUTO = "auto"

Sources = Callable[[], dict[str, Source]]


class Prepared(Struct, frozen=True):
    """Rows of one delivery, in order, and what the reply says of them."""

    rows: list[Row]
    quarantined: list[bool]
    exactly_once: bool


class RowMaker:
    """Makes rows. `sources` is asked again when a name is not known (it may be new)."""

    def __init__(self, identity_root: bytes, sources: Sources) -> None:
        self._identity_root = identity_root
        self._ask = sources
        self._sources: dict[str, Source] = {}
        self._taggers: dict[str, Tagger] = {}

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
        fixed = None if source.format == AUTO else format_by_name(source.format)
        ids = uuid7_many(len(delivery.records), delivery.received_us)
        suspicious = may_hold_secrets(delivery.records)
        one = _One(source, tagger, fixed, delivery)
        rows, quarantined = [], []
        for number, raw in enumerate(delivery.records):
            row, bad = one.row(number, raw, ids[number], scan=suspicious[number])
            rows.append(row)
            quarantined.append(bad)
        return Prepared(rows, quarantined, one.exactly_once)


class _One:
    """The row of one record of a delivery."""

    def __init__(
        self, source: Source, tagger: Tagger, fixed: Format | None, delivery: Delivery
    ) -> None:
        self._source = source
        self._tagger = tagger
        self._fixed = fixed
        self._delivery = delivery
        self.exactly_once = True

    def row(self, number: int, raw: bytes, event_id: str, *, scan: bool) -> tuple[Row, bool]:
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
            event_id=event_id,
            source=source.name,
            format_name=format_.name if format_ else AUTO,
            mapping=format_.mapping if format_ else 0,
            received_us=delivery.received_us,
            position=(delivery.fingerprint or "", offsets[number]) if offsets is not None else None,
            request=(key, number) if key else None,
            scan=scan,
        )
        envelope = prepared.event.envelope
        flags = prepared.seq_kind
        if envelope.quarantine is not None:
            flags |= LeafFlag.QUARANTINED
        if envelope.redactions:
            flags |= LeafFlag.REDACTED
        if prepared.identity:
            tag = self._tagger.identity(prepared.identity_kind, prepared.identity)
        else:
            tag = bytes(16)
            flags |= LeafFlag.NO_IDENTITY
            self.exactly_once = False
        return Row(
            int(LeafType.EVENT), int(flags), source.class_, source.source_id,
            prepared.epoch, prepared.seq, tag, self._tagger.content(raw),
            encode_groups(prepared.event),
        ), envelope.quarantine is not None  # fmt: skip


assert SEQ_SENDER == LeafFlag.SEQ_SENDER
