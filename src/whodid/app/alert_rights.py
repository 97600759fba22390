"""What of an alert a reader may see: no more than he could learn from the events themselves.

* Who sees no events sees no alerts.
* A filter of rows: an alert is there for him when he may see every event that it is made of. One
  of more events than its records name, or of none (a source that fell silent), is not there for
  him; whoever is only kept from whodid's own events sees these too.
* Denied fields: an alert is there when its rule looks at no field that is denied, and its key and
  its values are shown without those; the sentence that explains it is not shown at all. What a
  rule looks at in the raw record, or is not known to look at, counts as denied.
* Who sees a part of the events reads no notes of others, which may quote anything, nor the
  sentences of what was learnt, which count what others did.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from whodid.app.alert_answer import ShownAlert, Value
from whodid.app.answer import Hit
from whodid.detection.alerts.alert import Alert
from whodid.detection.alerts.record import Raised
from whodid.detection.rule import LEARNED_ID
from whodid.index.evaluate import states_of
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import matcher
from whodid.query.rights import Rights, may_ask, rights
from whodid.query.times import resolve_node

PLAIN = rights("", (), own=False).filter
"""The filter of a reader who has none but for whodid's own events."""

Hits = Callable[[Iterable[int]], Sequence[Hit]]


def sees(
    reader: Rights, raised: Sequence[Raised], total: int, hits: Hits, now_us: int
) -> bool:  # fmt: skip
    """Tell whether an alert is there for a reader.

    `raised` are the records of it that are at hand, of `total`; `hits` reads events, uncut.
    """
    if reader.whole or not reader.content or not raised:
        return reader.whole
    if reader.denied_fields and not _looks_at_nothing_denied(reader, raised):
        return False
    return reader.filter is None or _is_of_seen_events(reader, raised, total, hits, now_us)


def _looks_at_nothing_denied(reader: Rights, raised: Sequence[Raised]) -> bool:
    known = [record.rule.reads for record in raised if record.rule.reads]
    return bool(known) and all(_may_read(names, reader) for names in known)


def _is_of_seen_events(
    reader: Rights, raised: Sequence[Raised], total: int, hits: Hits, now_us: int
) -> bool:  # fmt: skip
    entries = {match.entry for record in raised for match in record.matches}
    seen = hits(entries)
    if reader.filter != PLAIN:
        named = all(record.whole for record in raised)
        if not entries or not named or len(raised) < total or len(seen) < len(entries):
            return False
    return _all_match(reader, seen, now_us)


def _all_match(reader: Rights, hits: Sequence[Hit], now_us: int) -> bool:
    assert reader.filter is not None
    states: frozenset[str] = frozenset()
    matches = matcher(resolve_node(reader.filter, now_us), lambda _: states)
    for hit in hits:
        states = states_of(hit.flags)
        if not matches(hit.event):
            return False
    return True


def shown(reader: Rights, alert: Alert, content: Raised | None) -> ShownAlert:
    """Return an alert that is there for a reader, without what is withheld from him."""
    if content is None:
        return ShownAlert(alert, None, [], [], None)
    key = [_value(pair, reader) for pair in content.key]
    values = [_value(pair, reader) for pair in content.values]
    told = content.why if may_read_why(reader, content) else None
    kept = replace(
        content, key=(), values=(), why="" if told is None else told, tags=(), finding_tags=(),
        fingerprint="",
    )  # fmt: skip
    return ShownAlert(alert, kept, key, values, told)


def may_read_why(reader: Rights, content: Raised) -> bool:
    """Tell whether a reader may read the sentence that explains a finding."""
    return not reader.withheld and (sees_all_rows(reader) or content.rule.id != LEARNED_ID)


def sees_all_rows(reader: Rights) -> bool:
    """Tell whether a reader sees every event, but for those of whodid itself."""
    return reader.content and reader.filter in {None, PLAIN}


def may_ask_key(reader: Rights, fields: Iterable[str]) -> bool:
    """Tell whether a reader may look for alerts by these fields of their key."""
    return _may_read(fields, reader)


def _value(pair: tuple[str, str], reader: Rights) -> Value:
    name, value = pair
    return (name, value if _may_read((name,), reader) else None)


def _may_read(names: Iterable[str], reader: Rights) -> bool:
    """Tell whether a reader may see these fields; one that is none of the Event's is of the raw."""
    if not reader.withheld:
        return True
    return all(name in SEARCH_FIELDS and may_ask(name, reader) for name in names)
