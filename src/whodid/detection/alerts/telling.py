"""Changes of alerts as the delivery wants them (`delivery.change`), from the ledger."""

from collections.abc import Mapping, Sequence
from typing import cast

from whodid.detection.alerts.alert import Alert
from whodid.detection.alerts.reads import Pending
from whodid.detection.alerts.record import AlertRecord, Handled, Raised
from whodid.detection.delivery.change import Change, ChangeKind

_QUIET = "over: nothing more came"


def changes_of(
    pending: Sequence[Pending], alerts: Mapping[str, Alert | None],
    records: Mapping[int, AlertRecord],
) -> list[Change]:  # fmt: skip
    """Return the changes; `records` are those of their entries and of their alerts' first ones.

    Where an entry cannot be read any more its content is left out. What is of an alert that left
    the table is left out itself.
    """
    found = []
    for one in pending:
        alert = alerts.get(one.alert)
        if alert is not None:
            found.append(_change(one, alert, records.get(one.entry), records.get(alert.entry)))
    return found


def _change(
    one: Pending, alert: Alert, record: AlertRecord | None, first: AlertRecord | None
) -> Change:
    raised = next((item for item in (record, first) if isinstance(item, Raised)), None)
    handled = record if isinstance(record, Handled) else None
    return Change(
        one.entry, one.at_us, cast("ChangeKind", one.kind), one.alert, alert.fingerprint.hex(),
        alert.level, alert.rule, alert.title, count=alert.events, first_us=alert.first_us,
        last_us=alert.last_us, key=raised.key if raised else (), why=raised.why if raised else "",
        by=handled.by if handled else "", reason=_said(handled) if handled else "",
        tags=raised.rule.tags if raised else (),
    )  # fmt: skip


def _said(handled: Handled) -> str:
    if handled.act == "quiet":
        return _QUIET
    return ": ".join(part for part in (handled.disposition, handled.note) if part)
