"""The admin console: short JSON with a sequence of its own, so that gaps would show."""

from whodid.demo.act import Act
from whodid.demo.sources.recorder import json_bytes, rfc3339_ms
from whodid.demo.stage import Stage


class AdminConsole:
    """Recorder of `admin-console`. Invariant: `seq` counts its records from 1 without a gap."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._seq = 0

    def record(self, act: Act) -> bytes:
        """Return one line of the console's audit log."""
        self._seq += 1
        detail = act.detail
        return json_bytes(
            {
                "timestamp": rfc3339_ms(act.time_us),
                "epoch": 1,
                "seq": self._seq,
                "userId": act.actor,
                "actorType": "service" if act.actor_type == "service" else None,
                "action": act.action,
                "resource": act.resource,
                "status": act.outcome.upper(),
                "target": detail.get("target"),
                "message": detail.get("message"),
                "changes": [
                    {"field": field, "before": before, "after": after}
                    for field, before, after in detail.get("changes", ())
                ]
                or None,
                "ip": act.ip,
                "userAgent": act.agent,
                "sessionId": act.session,
                "correlationId": act.correlation,
                "service": "admin-console",
                "version": self._stage.version("admin-console", act.time_us),
            }
        )
