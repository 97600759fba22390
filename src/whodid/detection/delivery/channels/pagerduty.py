"""PagerDuty, Events API v2: an incident opens, is acknowledged and resolved with its alert.

`dedup_key` is the alert's fingerprint, so that a retry, and a repeat, is the same incident
(developer.pagerduty.com/docs/send-alert-event).
"""

from typing import Any

import msgspec

from whodid.detection.delivery.change import Change, ChangeKind
from whodid.detection.delivery.channels.http import Sender
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.text import Writer
from whodid.detection.rule import Level

ADDRESSES = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}
_SEVERITY: dict[Level, str] = {
    "critical": "critical", "high": "error", "medium": "warning", "low": "info",
    "informational": "info",
}  # fmt: skip
_ACTION: dict[ChangeKind, str] = {
    "opened": "trigger", "repeated": "trigger", "escalated": "trigger",
    "acknowledged": "acknowledge", "closed": "resolve",
}  # fmt: skip
_DEDUP_CHARS_MAX = 255
_SUMMARY_CHARS_MAX = 1024


class PagerDuty:
    """Sends to one service (see `Channel`)."""

    groups = False
    tells = frozenset(_ACTION)

    def __init__(self, sender: Sender, routing_key: str, writer: Writer, source: str) -> None:
        self._sender = sender
        self._routing_key = routing_key
        self._writer = writer
        self._source = source

    def send(self, message: Message) -> None:
        """Deliver it (see `Channel`); a trial opens an incident and resolves it."""
        if message.trial:
            payload = {
                "summary": self._writer.title(message), "source": self._source, "severity": "info",
            }  # fmt: skip
            self._post({"event_action": "trigger", "dedup_key": message.id, "payload": payload})
            self._post({"event_action": "resolve", "dedup_key": message.id})
            return
        for change in message.changes:
            self._post(self._event(change, self._writer.title(message)))

    def close(self) -> None:
        """Nothing is held."""

    def _event(self, change: Change, title: str) -> dict[str, Any]:
        action = _ACTION[change.kind]
        event: dict[str, Any] = {
            "event_action": action, "dedup_key": change.fingerprint[:_DEDUP_CHARS_MAX],
        }  # fmt: skip
        if action != "trigger":
            return event
        event["payload"] = {
            "summary": title[:_SUMMARY_CHARS_MAX], "source": self._source,
            "severity": _SEVERITY[change.level], "class": change.rule,
            "custom_details": self._writer.facts(change),
        }  # fmt: skip
        link = self._writer.link(change)
        if link:
            event["links"] = [{"href": link, "text": "the alert in whodid"}]
        return event

    def _post(self, event: dict[str, Any]) -> None:
        body = msgspec.json.encode({"routing_key": self._routing_key, "client": "whodid", **event})
        self._sender.post({"content-type": "application/json"}, body)
