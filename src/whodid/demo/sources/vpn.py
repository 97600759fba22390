"""The VPN gateway: short JSON with seconds since 1970; it falls silent on day 26 of the story."""

from whodid.demo.act import Act
from whodid.demo.sources.recorder import json_bytes
from whodid.demo.stage import SECOND_US, Stage


class Vpn:
    """Recorder of `vpn`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def record(self, act: Act) -> bytes:
        """Return one line of the gateway's log."""
        return json_bytes(
            {
                "timestamp": act.time_us // SECOND_US,
                "user": act.actor,
                "action": act.action,
                "resource": act.resource,
                "status": act.outcome,
                "reason": act.detail.get("reason"),
                "ip": act.ip,
                "country": act.detail.get("country"),
                "assigned_ip": act.detail.get("assigned"),
                "user_agent": act.agent,
                "session_id": act.session,
                "bytes": act.size_bytes,
                "service": "vpn",
                "service_version": self._stage.version("vpn", act.time_us),
            }
        )
