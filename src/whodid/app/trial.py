"""What would become of a sample: mapped as a door would map it, and nothing stored."""

from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

from msgspec import Struct, field

from whodid.app.answer import Hit
from whodid.app.document import Document, event_document
from whodid.event import FIELDS, Event, Mapped
from whodid.limits import TRIAL_RECORDS_MAX
from whodid.normalize.format import Format
from whodid.normalize.record import prepare
from whodid.normalize.registry import detect
from whodid.normalize.uuid7 import uuid7_many
from whodid.sources.file import Chunk, read_file

_NOT_THERE = "no known format takes this record for its own"
_OF_THE_LEDGER = ("index", "appended", "flags", "id", "received", "source", "identity")

_UNCOUNTED = frozenset((*_OF_THE_LEDGER, "format", "mapping", "labels", "quarantine"))


class Trial(Struct):
    """How a sample came out. `fields` counts the events in which a field is."""

    records: int = 0
    quarantined: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    events: list[Document] = field(default_factory=list)

    def document(self) -> Document:
        """Return its JSON form."""
        return {
            "records": self.records,
            "quarantined": self.quarantined,
            "formats": dict(self.formats),
            "fields": {name: self.fields.get(name, 0) for name in FIELDS if self.fields.get(name)},
            "reasons": dict(self.reasons),
            "events": self.events,
        }


def try_records(
    stream: BinaryIO, name: str, known: Format | None, *, shown: int, now_us: int
) -> Trial:
    """Map up to TRIAL_RECORDS_MAX records of a stream; `shown` of them come back as documents.

    Raises InputError when the stream cannot be read.
    """
    trial = Trial()
    for chunk in read_file(stream, name, known):
        left = TRIAL_RECORDS_MAX - trial.records
        for event in _events(chunk, known, now_us)[:left]:
            _count(trial, event)
            if len(trial.events) < shown:
                trial.events.append(_document(event))
        if trial.records >= TRIAL_RECORDS_MAX:
            break
    return trial


def _events(chunk: Chunk, known: Format | None, now_us: int) -> Sequence[Event]:
    events = []
    ids = uuid7_many(len(chunk.records), now_us)
    for number, (raw, event_id) in enumerate(zip(chunk.records, ids, strict=True)):
        format_ = known or detect(raw)
        mapped = Mapped(quarantine=_NOT_THERE) if format_ is None else format_.map(raw, now_us)
        if number in chunk.cut:
            mapped = Mapped(quarantine=chunk.cut[number])
        prepared = prepare(
            mapped, raw, event_id=event_id, source="", received_us=now_us,
            format_name=format_.name if format_ else "auto",
            mapping=format_.mapping if format_ else 0,
        )  # fmt: skip
        events.append(prepared.event)
    return events


def _count(trial: Trial, event: Event) -> None:
    trial.records += 1
    trial.formats[event.envelope.format] += 1
    if event.envelope.quarantine is not None:
        trial.quarantined += 1
        trial.reasons[event.envelope.quarantine] += 1
    for name in FIELDS:
        if name not in _UNCOUNTED and event.field(name) not in (None, ()):
            trial.fields[name] += 1


def _document(event: Event) -> Document:
    document = event_document(Hit(0, event, 0, 0))
    for name in _OF_THE_LEDGER:
        document.pop(name, None)
    document.pop("details", None)
    return document
