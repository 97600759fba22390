"""The HR portal: short JSON, one hour ahead of UTC and saying so, names with all their letters."""

from whodid.demo.act import Act
from whodid.demo.sources.recorder import instant, json_bytes
from whodid.demo.stage import Stage


class HrPortal:
    """Recorder of `hr-portal`. Its times carry the offset +01:00."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def record(self, act: Act) -> bytes:
        """Return one line of the portal's audit log."""
        local = instant(act.time_us, 1).isoformat(timespec="milliseconds")[:23]
        return json_bytes(
            {
                "timestamp": local + "+01:00",
                "userId": act.actor,
                "action": act.action,
                "resource": act.resource,
                "status": act.outcome.capitalize(),
                "subjectName": act.detail.get("subject"),
                "message": act.detail.get("message"),
                "ipAddress": act.ip,
                "userAgent": act.agent,
                "sessionId": act.session,
                "correlationId": act.correlation,
                "service": "hr-portal",
                "version": self._stage.version("hr-portal", act.time_us),
            }
        )
