"""Signatures of Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks).

    webhook-id, webhook-timestamp (seconds), webhook-signature: v1,<base64>[ v1,<base64>…]
    HMAC-SHA256(secret, id ‖ "." ‖ timestamp ‖ "." ‖ body)

One signature for each secret, so that a receiver may take a new one at any time. Receivers refuse
a timestamp that is more than 5 minutes off; it is of the try, the id of the message.
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

from whodid.errors import UsageError

_PREFIX = "whsec_"
_BYTES_MIN, _BYTES_MAX = 24, 64


def read_secret(text: str) -> bytes:
    """Return the key of a `whsec_…`. Raises UsageError that does not repeat it."""
    try:
        key = b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("a webhook's secret is whsec_ and base64") from error
    if not text.startswith(_PREFIX) or not _BYTES_MIN <= len(key) <= _BYTES_MAX:
        raise UsageError(
            f"a webhook's secret is whsec_ and the base64 of {_BYTES_MIN} to {_BYTES_MAX} bytes"
        )
    return key


def signed_headers(
    keys: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes
) -> dict[str, str]:
    """Return the three headers of a request."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    signatures = ("v1," + b64encode(hmac.digest(key, content, sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }
