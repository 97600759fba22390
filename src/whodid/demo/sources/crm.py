"""The CRM: short JSON in camelCase with its own event ids and correlation ids."""

from whodid.demo.act import Act
from whodid.demo.life.draws import uuid4
from whodid.demo.sources.recorder import json_bytes, rfc3339_ms
from whodid.demo.stage import Stage

_STATUS = {"success": "SUCCESS", "failure": "FAILURE", "denied": "DENIED"}


class Crm:
    """Recorder of `crm`. Its clock is right."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._chance = stage.chance("source/crm")

    def record(self, act: Act) -> bytes:
        """Return one line of the CRM's audit log."""
        detail = act.detail
        return json_bytes(
            {
                "timestamp": rfc3339_ms(act.time_us),
                "eventId": uuid4(self._chance),
                "userId": act.actor,
                "action": act.action,
                "resource": act.resource,
                "status": _STATUS[act.outcome],
                "reason": detail.get("reason"),
                "ip": act.ip,
                "country": detail.get("country"),
                "userAgent": act.agent,
                "sessionId": act.session,
                "correlationId": act.correlation,
                "endpoint": detail.get("endpoint"),
                "rows": act.rows,
                "bytes": act.size_bytes,
                "durationMs": None if act.duration_us is None else act.duration_us // 1000,
                "service": "crm",
                "version": self._stage.version("crm", act.time_us),
            }
        )
