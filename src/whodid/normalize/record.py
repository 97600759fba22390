"""One received record, ready for the ledger: mapped, bounded, redacted, with its identity.

It does not choose ids or clocks (the caller gives both), does not read formats and does not hash
identities: `identity` is the plain bytes under the tag, which the ledger keys.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import Struct, structs

from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_WHAT,
    EMPTY_WHERE,
    EMPTY_WHO,
    IDENTITY_KINDS,
    Change,
    Envelope,
    Event,
    Mapped,
    Redaction,
    When,
)
from whodid.limits import (
    CHANGES_MAX,
    EVENT_TIME_MAX_US,
    EVENT_TIME_MIN_US,
    FIELD_CHARS_MAX,
    LIST_ITEMS_MAX,
    RECORD_BYTES_MAX,
    RECORD_KEPT_BYTES,
)
from whodid.normalize.redact import is_secret_name, redact, redact_text

SEQ_NONE, SEQ_SENDER, SEQ_NATIVE, SEQ_ASSIGNED = range(4)
"""Where a sequence number comes from; only sender and native prove gaps. The ledger assigns."""

_NONE, _CLIENT, _NATIVE, _SEQUENCE, _REQUEST, _FILE = range(6)

_U64_END = 1 << 64

MISSING_NAMES = ("time", "actor", "action", "resource", "ip")
"""What an event without a quarantine gets a label for when it is not there."""

_MISSING: tuple[tuple[str, ...], ...] = tuple(
    tuple(f"missing:{name}" for bit, name in enumerate(MISSING_NAMES) if mask >> bit & 1)
    for mask in range(1 << len(MISSING_NAMES))
)
"""Bit mask of missing fields → its labels."""


class Prepared(NamedTuple):
    """An event and what the ledger needs beside it.

    `identity_kind` is the position in `event.IDENTITY_KINDS`; `identity` is empty when it is 0.
    `epoch` and `seq` are 0 when `seq_kind` is `SEQ_NONE`.
    """

    event: Event
    identity_kind: int
    identity: bytes
    epoch: int
    seq: int
    seq_kind: int


def prepare(
    mapped: Mapped,
    raw: bytes,
    *,
    event_id: str,
    source: str,
    format_name: str,
    mapping: int,
    received_us: int,
    position: tuple[str, int] | None = None,
    request: tuple[str, int] | None = None,
    scan: bool = True,
) -> Prepared:
    """Make the event of one mapped record. Never raises for any `raw` and any honest `mapped`.

    `position` is (fingerprint, offset in decompressed bytes) of a file, `request` is
    (Idempotency-Key, row). `scan=False` says that `redact.may_hold_secret` was False for bytes
    that hold `raw`.
    """
    kind, identity, native_id, epoch, seq, seq_kind = _identify(mapped, source, position, request)
    raw, redactions = _cleaned(mapped, raw, scan)
    time = mapped.time
    if time is not None and not EVENT_TIME_MIN_US <= time <= EVENT_TIME_MAX_US:
        mapped.quarantine = mapped.quarantine or "the time is before 1970 or after 2100"
        time = None
    labels = mapped.labels
    if mapped.quarantine is None and (mask := _missing(mapped, time)):
        labels = labels + _MISSING[mask] if labels else _MISSING[mask]
    event = Event(
        When(event_id, received_us, time, mapped.original_time),
        mapped.who,
        mapped.what,
        mapped.where,
        mapped.context,
        mapped.content,
        raw,
        Envelope(
            source,
            format_name,
            mapping,
            IDENTITY_KINDS[kind],
            native_id,
            labels,
            mapped.quarantine,
            redactions,
            mapped.signature,
        ),
    )
    return Prepared(event, kind, identity, epoch, seq, seq_kind)


def _cleaned(mapped: Mapped, raw: bytes, scan: bool) -> tuple[bytes, tuple[Redaction, ...]]:
    """Return the record without secrets and within its bounds; `mapped` is made so too."""
    redactions: tuple[Redaction, ...] = ()
    received = raw
    if scan:
        kept, redactions = redact(raw)
        if redactions:
            raw = kept
            _rewrite(mapped, redact_text)
    # A field may still hold what made the record long: its secret's name can be outside of it.
    if _may_need_bounds(mapped, received) or len(raw) > FIELD_CHARS_MAX // 2:
        _bound(mapped)
        if len(raw) > RECORD_BYTES_MAX:
            return _cut_raw(mapped, raw, redactions)
    return raw, redactions


def _missing(mapped: Mapped, time: int | None) -> int:
    """Return which of the five questions has no answer, as the place in `_MISSING`."""
    who, what = mapped.who, mapped.what
    return (
        (time is None)
        | (who.actor_id is None and who.actor_name is None) << 1
        | (what.action is None) << 2
        | (what.resource_name is None) << 3
        | (mapped.where.ip is None) << 4
    )


def _identify(
    mapped: Mapped,
    source: str,
    position: tuple[str, int] | None,
    request: tuple[str, int] | None,
) -> tuple[int, bytes, str | None, int, int, int]:
    """Return (kind, identity, its text, epoch, seq, kind of seq): the first kind that applies."""
    epoch, seq = mapped.epoch, mapped.seq
    seq_kind = SEQ_NONE
    if epoch is None or seq is None or not (0 <= epoch < _U64_END and 0 <= seq < _U64_END):
        epoch = seq = 0
    else:
        seq_kind = SEQ_NATIVE if mapped.native_seq else SEQ_SENDER
    if mapped.client_id:
        kind, text = _CLIENT, mapped.client_id
    elif mapped.native_id:
        kind, text = _NATIVE, mapped.native_id
    elif seq_kind == SEQ_SENDER:
        kind, text = _SEQUENCE, f"{epoch}/{seq}"
    elif request is not None:
        kind, text = _REQUEST, f"{request[1]}/{request[0]}"
    elif position is not None:
        kind, text = _FILE, f"{position[1]}/{position[0]}"
    else:
        return _NONE, b"", None, epoch, seq, seq_kind
    identity = text.encode(errors="surrogatepass")
    if kind == _SEQUENCE:
        identity = source.encode() + b"\0" + identity
    if len(text) > FIELD_CHARS_MAX or not text.isascii():
        text = _clean(text)[:FIELD_CHARS_MAX]
    return kind, identity, text, epoch, seq, seq_kind


def _may_need_bounds(mapped: Mapped, raw: bytes) -> bool:
    """Tell whether anything of `mapped` could pass a bound or hold a lone surrogate; cheap.

    A field is never longer than the record plus a few words, and a format makes surrogates only
    of non-ASCII bytes or of escapes.
    """
    if len(raw) > FIELD_CHARS_MAX // 2 or not raw.isascii() or b"\\" in raw:
        return True
    who, what, where, content = mapped.who, mapped.what, mapped.where, mapped.content
    return (
        (who is not EMPTY_WHO and len(who.actor_groups) > LIST_ITEMS_MAX)
        or (
            what is not EMPTY_WHAT
            and (len(what.resources) > LIST_ITEMS_MAX or len(what.resource_labels) > LIST_ITEMS_MAX)
        )
        or (where is not EMPTY_WHERE and len(where.via) > LIST_ITEMS_MAX)
        or (
            content is not EMPTY_CONTENT
            and (len(content.params) > LIST_ITEMS_MAX or len(content.changes) > CHANGES_MAX)
        )
    )


def _clean(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _bound(mapped: Mapped) -> None:
    """Cut what is too long, drop items beyond the bound, label both; replace lone surrogates."""
    cut = False

    def bounded(text: str) -> str:
        nonlocal cut
        if len(text) > FIELD_CHARS_MAX:
            cut = True
            text = text[:FIELD_CHARS_MAX]
        return text if text.isascii() else _clean(text)

    cut_lists = _rewrite(mapped, bounded)
    if cut:
        mapped.labels += ("cut:field",)
    if cut_lists:
        mapped.labels += ("cut:list",)


def _rewrite(mapped: Mapped, rewrite: Callable[[str], str]) -> bool:
    """Apply `rewrite` to every text of `mapped` but its ids; return whether a list was cut."""
    cut = False
    for group in ("who", "what", "where", "context", "content"):
        values: Struct = getattr(mapped, group)
        changed: dict[str, Any] = {}
        for name in values.__struct_fields__:
            old = getattr(values, name)
            if old.__class__ is str:
                new: Any = rewrite(old)
            elif old.__class__ is tuple and old:
                new = tuple(_rewrite_item(item, rewrite) for item in old[:LIST_ITEMS_MAX])
                cut = cut or len(old) > LIST_ITEMS_MAX
            else:
                continue
            if new != old:
                changed[name] = new
        if changed:
            setattr(mapped, group, structs.replace(values, **changed))
    if mapped.original_time is not None:
        mapped.original_time = rewrite(mapped.original_time)
    if mapped.quarantine is not None:
        mapped.quarantine = rewrite(mapped.quarantine)
    if mapped.labels:
        cut = cut or len(mapped.labels) > LIST_ITEMS_MAX
        mapped.labels = tuple(rewrite(label) for label in mapped.labels[:LIST_ITEMS_MAX])
    return cut


def _rewrite_item(item: str | Change, rewrite: Callable[[str], str]) -> str | Change:
    if isinstance(item, str):
        return rewrite(item)
    if rewrite is redact_text and is_secret_name(item.field):
        rewrite = _hide
    return Change(
        item.field if rewrite is _hide else rewrite(item.field),
        None if item.before is None else rewrite(item.before),
        None if item.after is None else rewrite(item.after),
    )


def _hide(_: str) -> str:
    return "[redacted:json-key]"


def _cut_raw(
    mapped: Mapped, raw: bytes, redactions: tuple[Redaction, ...]
) -> tuple[bytes, tuple[Redaction, ...]]:
    """Keep the start of a record that is too long, and the SHA-256 of all of it as stored."""
    mapped.quarantine = mapped.quarantine or (
        f"the record of {len(raw)} bytes is longer than {RECORD_BYTES_MAX}: its first "
        f"{RECORD_KEPT_BYTES} are kept; SHA-256 of all: {sha256(raw).hexdigest()}"
    )
    kept = tuple(r for r in redactions if r.offset + r.length <= RECORD_KEPT_BYTES)
    return raw[:RECORD_KEPT_BYTES], kept
