"""The gateway of the AI agents: one record per tool call, in whodid's own field names."""

from whodid.demo.act import Act
from whodid.demo.life.draws import uuid4
from whodid.demo.sources.recorder import json_bytes, rfc3339_ms
from whodid.demo.stage import Stage


class AiGateway:
    """Recorder of `ai-gateway`. Each record names the agent and the person it acts for."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._chance = stage.chance("source/ai-gateway")

    def record(self, act: Act) -> bytes:
        """Return one tool call."""
        detail = act.detail
        return json_bytes(
            {
                "time": rfc3339_ms(act.time_us),
                "id": uuid4(self._chance),
                "actor": {
                    "id": act.actor,
                    "type": "agent",
                    "on_behalf_of": act.on_behalf_of,
                    "session": act.session,
                },
                "action": act.action,
                "resource": {"type": "dataset", "name": act.resource},
                "outcome": act.outcome,
                "reason": detail.get("reason"),
                "rows": act.rows,
                "bytes": act.size_bytes,
                "ip": act.ip,
                "correlation": act.correlation,
                "duration_us": act.duration_us,
                "service": {
                    "name": "ai-gateway",
                    "version": self._stage.version("ai-gateway", act.time_us),
                },
                "model": detail.get("model"),
                "prompt_bytes": detail.get("prompt_bytes"),
            }
        )
