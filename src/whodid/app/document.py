"""The JSON form of events, answers and proofs: one for the API, the command line and the pages.

Keys of an event are its search fields, flat (`actor.id`); absent fields are omitted; times are
RFC 3339 in UTC with microseconds; bytes are base64. `details` is the raw record parsed, when it
is a JSON object or array: parsed on reading, so that no mapping can hide a native field.
"""

import binascii
from typing import Any

import msgspec

from whodid.app.answer import EventProof, Hit, SearchAnswer, SourceInfo
from whodid.app.instant import instant
from whodid.app.integrity_answer import Integrity
from whodid.event import FIELDS, Change, Redaction
from whodid.ledger.leaf import SEQ_MASK, LeafFlag
from whodid.limits import ANSWER_RAW_BYTES_MAX, NESTING_MAX
from whodid.query.meant import Meant
from whodid.query.names import RAW
from whodid.query.sentence import event_sentence

Document = dict[str, Any]

_TIMES = frozenset({"time", "received"})
_FLAG_WORDS = (
    (LeafFlag.QUARANTINED, "quarantined"),
    (LeafFlag.REDACTED, "redacted"),
    (LeafFlag.CONFLICT, "conflict"),
    (LeafFlag.NO_IDENTITY, "no_identity"),
)
_SEQ_WORDS = {
    LeafFlag.SEQ_SENDER.value: "seq_sender",
    LeafFlag.SEQ_NATIVE.value: "seq_native",
    LeafFlag.SEQ_ASSIGNED.value: "seq_assigned",
}
EVENT_KEYS = (
    *FIELDS, "index", "appended", "flags", "sentence", "raw", "raw_base64", "details", "withheld",
)  # fmt: skip
"""Every key that an event's document may have."""

_FIELDS = tuple((name, group, attribute) for name, (group, attribute) in FIELDS.items())


def event_document(hit: Hit, *, with_raw: bool = True) -> Document:
    """Return the JSON form of an event; without the raw record and details when not `with_raw`."""
    event = hit.event
    document: Document = {"index": hit.index}
    for name, group, attribute in _FIELDS:
        value = getattr(getattr(event, group), attribute)
        if value is None or value == ():
            continue
        if name in _TIMES:
            value = instant(value)
        elif isinstance(value, tuple):
            value = [_item(item) for item in value]
        document[name] = value
    document["appended"] = instant(hit.appended_us)
    document["flags"] = flag_words(hit.flags)
    document["sentence"] = event_sentence(event)
    if hit.withheld:
        document["withheld"] = list(hit.withheld)
    if with_raw and RAW not in hit.withheld:
        _add_raw(document, event.raw)
    return document


def flag_words(flags: int) -> list[str]:
    """Return a leaf's flags as words."""
    words = [word for flag, word in _FLAG_WORDS if flags & flag]
    seq = _SEQ_WORDS.get(flags & SEQ_MASK)
    return [*words, seq] if seq else words


def _item(item: Any) -> Any:
    if isinstance(item, Redaction):
        return {"offset": item.offset, "length": item.length, "rule": item.rule}
    return msgspec.to_builtins(item) if isinstance(item, Change) else item


def _add_raw(document: Document, raw: bytes) -> None:
    try:
        document["raw"] = raw.decode()
    except UnicodeDecodeError:
        document["raw_base64"] = _base64(raw)
    details = raw_details(raw)
    if details is not None:
        document["details"] = details


def raw_details(raw: bytes) -> Document | list[Any] | None:
    """Return a raw record parsed; None when it is not a JSON object or array, or nests deeply."""
    if raw.lstrip()[:1] not in {b"{", b"["} or _nests_deeply(raw):
        return None
    try:
        details: Document | list[Any] = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return details


def _nests_deeply(raw: bytes) -> bool:
    """Tell whether JSON nests deeper than NESTING_MAX. Brackets in strings count: rarely wrong."""
    if raw.count(b"{") + raw.count(b"[") <= NESTING_MAX:
        return False
    depth = deepest = 0
    for byte in raw:
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest > NESTING_MAX


def answer_document(answer: SearchAnswer) -> Document:
    """Return the JSON form of an answer.

    Raw records beyond ANSWER_RAW_BYTES_MAX are left out, which is then one of the warnings.
    """
    events: list[Document] = []
    size_bytes = left_out = 0
    for hit in answer.events:
        size_bytes += len(hit.event.raw)
        with_raw = size_bytes <= ANSWER_RAW_BYTES_MAX
        left_out += not with_raw
        events.append(event_document(hit, with_raw=with_raw))
    warnings = list(answer.warnings)
    if left_out:
        warnings.append(
            f"The raw records of {left_out} events are left out: the answer would be too large. "
            "Ask for fewer, or for each by its id."
        )
    return {
        "events": events,
        "total": answer.total,
        "total_is_exact": answer.total_is_exact,
        "hidden_own": answer.hidden_own,
        "next": answer.next,
        "checkpoint": answer.checkpoint,
        "size": answer.size,
        "warnings": warnings,
        "clauses": [
            {
                "text": clause.text, "alone": clause.alone, "without": clause.without,
                "near": clause.near, "alone_is_exact": clause.alone_is_exact,
                "without_is_exact": clause.without_is_exact,
            }
            for clause in answer.clauses
        ],
        "newer": answer.newer,
    }  # fmt: skip


def with_meant(document: Document, other: Meant | None) -> Document:
    """Add to an answer what may have been meant by its search; null: nothing else was."""
    return {**document, "meant": None if other is None else meant_document(other)}


def meant_document(other: Meant) -> Document:
    """Return the JSON form of another search that may have been meant."""
    return {"text": other.text, "reasons": list(other.reasons)}


def proof_document(proof: EventProof) -> Document:
    """Return the JSON form of a proof (see `EventProof`); every byte string is base64.

    Where groups are withheld, `salts` open the others and `hashes` stand for all of them.
    """
    document = {
        "index": proof.index,
        "leaf": _base64(proof.leaf),
        "seed": None if proof.seed is None else _base64(proof.seed),
        "groups": [None if group is None else _base64(group) for group in proof.groups],
        "proof": [_base64(node) for node in proof.proof],
        "size": proof.size,
        "checkpoint": proof.checkpoint,
        "vkey": proof.vkey,
    }
    if proof.opening is not None:
        salts = {item.group: _base64(item.salt) for item in proof.opening.revealed}
        document["salts"] = [salts.get(number) for number in range(1, len(proof.groups) + 1)]
        document["hashes"] = [_base64(value) for value in proof.opening.hashes]
    return document


def source_document(source: SourceInfo) -> Document:
    """Return the JSON form of a declared source."""
    return {
        "name": source.name,
        "format": source.format,
        "domain": source.domain,
        "opened": instant(source.opened_us),
        "events": source.events,
        "quarantined": source.quarantined,
        "newest": None if source.newest_us is None else instant(source.newest_us),
    }


def integrity_document(found: Integrity) -> Document:
    """Return the JSON form of what continuous validation found."""
    return {
        "ok": not found.faults and not found.overdue and found.last is not None,
        "running": found.running,
        "overdue": found.overdue,
        "alarms": found.alarms,
        "faults": [
            {
                "key": fault.key, "where": fault.where, "entry": fault.entry,
                "problem": fault.problem, "first_seen": instant(fault.first_seen_us),
                "last_seen": instant(fault.last_seen_us), "remedy": fault.remedy,
                "acknowledged_by": fault.acknowledged_by,
            }
            for fault in found.faults
        ],
        "round": {
            "doing": found.doing, "done": found.done, "total": found.total,
            "asked": found.asked, "next": instant(found.due_us) if found.due_us else None,
            "looked": instant(found.looked_us) if found.looked_us else None,
            "trouble": found.trouble,
        },
        "rounds": [
            {
                "started": instant(one.started_us), "ended": instant(one.finished_us),
                "busy_seconds": round(one.busy_s, 3), "entries": one.entries,
                "opened": one.opened, "published": one.published, "faults": one.faults,
                "warnings": one.warnings, "not_checked": one.not_checked,
                "rollback": one.rollback, "index": one.index,
            }
            for one in found.rounds
        ],
    }  # fmt: skip


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
