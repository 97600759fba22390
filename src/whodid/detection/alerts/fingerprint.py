"""Tags: what tells values and findings apart without telling them.

    tag         = HMAC-SHA256(K, "value" ‖ len·field ‖ len·value)[:16]
    fingerprint = HMAC-SHA256(K, "alert" ‖ len·rule ‖ the sorted tags, or what stands for them)[:16]
    finding     = HMAC-SHA256(K, "finding" ‖ rule, version, times, count, stage, key, entries)[:16]

K is derived from the key folder, so that the table, which lies beside the ledger, lets nobody guess
a name or an address. Lengths are u32, big-endian.
"""

import hmac
from collections.abc import Iterable, Sequence

from whodid.detection.finding import Finding

_INFO = b"whodid/alerts/v1"
_BYTES = 16

Tags = tuple[bytes, ...]


class Tagger:
    """Makes tags under one ledger's key."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, _INFO, "sha256")

    @property
    def key(self) -> bytes:
        """What signs the rows of the table."""
        return self._key

    def key_tags(self, pairs: Iterable[tuple[str, str]]) -> Tags:
        """Return the tags of fields and values, sorted; without those that have no value."""
        return tuple(sorted({self._tag(b"value", field, value) for field, value in pairs if value}))

    def fingerprint(self, finding: Finding) -> bytes:
        """Return what findings of one rule about one entity have in common.

        A key that is missing, or of which a value is, is nobody's: then the first event stands for
        the entity, so that strangers are never taken for one.
        """
        parts = [tag.hex() for tag in self.key_tags(finding.key)]
        whole = bool(finding.key) and all(value for _, value in finding.key)
        if not whole and finding.matches:
            first = finding.matches[0]
            parts += ["event", str(first.entry), first.id]
        return self._tag(b"alert", finding.rule.id, *parts)

    def overflow(self, rule: str) -> bytes:
        """Return the fingerprint of what a rule raised beyond its bound."""
        return self._tag(b"overflow", rule)

    def finding(self, finding: Finding) -> bytes:
        """Return what makes a finding the same when it is found again."""
        times = (finding.time_us, finding.first_us, finding.count, finding.stage)
        pairs = [text for pair in finding.key for text in pair]
        matches = [f"{match.entry} {match.id}" for match in finding.matches]
        return self._tag(
            b"finding", finding.rule.id, finding.rule.version, *map(str, times),
            str(len(pairs)), *pairs, *matches,
        )  # fmt: skip

    def _tag(self, kind: bytes, *parts: str) -> bytes:
        data = bytearray(kind)
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            data += len(encoded).to_bytes(4, "big") + encoded
        return hmac.digest(self._key, data, "sha256")[:_BYTES]


def joined(tags: Sequence[bytes]) -> bytes:
    """Return tags as one value of a column."""
    return b"".join(tags)


def split(data: bytes) -> Tags:
    """Return the tags in such a value."""
    return tuple(data[at : at + _BYTES] for at in range(0, len(data), _BYTES))
