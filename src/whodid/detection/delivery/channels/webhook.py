"""A receiver of JSON that is signed by Standard Webhooks: one request for one change.

`webhook-id` stays the same over retries, and so does the body: a receiver keeps the ids that it
has seen. The timestamp is of the try.
"""

from collections.abc import Sequence

import msgspec

import whodid
from whodid.clock import Clock, to_rfc3339
from whodid.detection.delivery.change import ChangeKind
from whodid.detection.delivery.channels.http import Sender
from whodid.detection.delivery.channels.standard_webhooks import signed_headers
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.text import Writer

_EVERY: frozenset[ChangeKind] = frozenset(
    {"opened", "repeated", "acknowledged", "closed", "escalated"}
)


class Webhook:
    """Sends to one receiver (see `Channel`)."""

    groups = False
    tells = _EVERY

    def __init__(self, sender: Sender, keys: Sequence[bytes], writer: Writer, clock: Clock) -> None:
        self._sender = sender
        self._keys = keys
        self._writer = writer
        self._clock = clock

    def send(self, message: Message) -> None:
        """Deliver it (see `Channel`)."""
        body = self._body(message)
        headers = signed_headers(self._keys, message.id, self._clock() // 1_000_000, body)
        self._sender.post(
            {
                "content-type": "application/json",
                "user-agent": f"whodid/{whodid.__version__}",
                **headers,
            },
            body,
        )

    def close(self) -> None:
        """Nothing is held."""

    def _body(self, message: Message) -> bytes:
        if message.changes:
            [change] = message.changes
            said = {
                "type": f"alert.{change.kind}",
                "timestamp": to_rfc3339(change.at_us),
                "data": self._writer.facts(change),
            }
        else:
            said = {
                "type": "channel.trial" if message.trial else "detector.alive",
                "timestamp": to_rfc3339(self._clock()),
                "data": {},
            }
        return msgspec.json.encode(said)
