"""Billing: short JSON in snake_case. Its clock runs 47 s fast, and nobody has noticed."""

from whodid.demo.act import Act
from whodid.demo.sources.recorder import json_bytes, rfc3339_ms
from whodid.demo.stage import SECOND_US, Stage

CLOCK_FAST_US = 47 * SECOND_US
"""How far billing's clock is ahead of everybody else's, µs."""


class Billing:
    """Recorder of `billing`. Invariant: its records carry the true time plus `CLOCK_FAST_US`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def record(self, act: Act) -> bytes:
        """Return one line of billing's audit log."""
        return json_bytes(
            {
                "timestamp": rfc3339_ms(act.time_us + CLOCK_FAST_US),
                "user_id": act.actor,
                "actor_type": "service" if act.actor_type == "service" else None,
                "action": act.action,
                "resource": act.resource,
                "status": "ok" if act.outcome == "success" else act.outcome,
                "reason": act.detail.get("reason"),
                "client_ip": act.ip,
                "user_agent": act.agent,
                "session_id": act.session,
                "correlation_id": act.correlation,
                "amount": act.detail.get("amount"),
                "rows": act.rows,
                "bytes": act.size_bytes,
                "duration_us": act.duration_us,
                "service": "billing",
                "service_version": self._stage.version("billing", act.time_us),
            }
        )
