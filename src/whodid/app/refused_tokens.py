"""The events of write tokens that doors refused (`ledger.refusals`), one a kind and minute."""

import ipaddress

from whodid.app.answer import Caller
from whodid.app.own import Act
from whodid.clock import to_rfc3339
from whodid.ledger.refusals import Refused


def refusal_event(item: Refused) -> tuple[Caller, Act]:
    """Return who was refused and the act of it; `rows` counts the attempts."""
    reason = f"{item.reason} token"
    if item.count > 1:
        first, last = to_rfc3339(item.first_us)[:19], to_rfc3339(item.last_us)[:19]
        reason = f"{reason}, {item.count:,} times from {first} to {last} UTC"
    if item.network.endswith("/64"):
        reason = f"{reason}, from {item.network}"
    who = f"token {item.token}" if item.token else "unknown"
    act = Act(
        "send events", "authenticate", "whodid", "ingest", rows=item.count, ok=False, reason=reason
    )
    return Caller(who, "api", _address(item.network)), act


def _address(network: str) -> str | None:
    try:
        return str(ipaddress.ip_address(network))
    except ValueError:
        return None
