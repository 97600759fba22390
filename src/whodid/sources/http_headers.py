"""What `POST /v1/events` reads of a request's headers and query. They are hostile bytes."""

from collections.abc import Iterable
from urllib.parse import parse_qs

from whodid.errors import InputError
from whodid.limits import IDEMPOTENCY_KEY_CHARS_MAX

_KNOWN_HEADERS = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"idempotency-key",
        b"x-whodid-source",
    }
)
_TOKEN_CHARS_MAX = 512


def pick(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return those that matter; raises InputError when one of them stands twice."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _KNOWN_HEADERS:
            if name in found:
                raise InputError(f"the header {name.decode()} stands twice")
            found[name] = value
    return found


def bearer_token(authorization: bytes | None) -> str | None:
    """Return the token of `Authorization: Bearer TOKEN` (RFC 6750), None when there is none."""
    if authorization is None or len(authorization) > _TOKEN_CHARS_MAX:
        return None
    scheme, _, token = authorization.partition(b" ")
    token = token.strip()
    if scheme.lower() != b"bearer" or not token or not token.isascii():
        return None
    return token.decode()


def named_source(headers: dict[bytes, bytes], query: bytes) -> str | None:
    """Return the source that a request names (`?source=` or X-Whodid-Source), None for none.

    Raises InputError when it names two.
    """
    names = set()
    if b"x-whodid-source" in headers:
        names.add(headers[b"x-whodid-source"].decode(errors="replace").strip())
    if query:
        try:
            names.update(parse_qs(query.decode("latin-1"), max_num_fields=16).get("source", ()))
        except ValueError:
            raise InputError("the query string has too many fields") from None
    if len(names) > 1:
        raise InputError("the request names more than one source")
    return names.pop() if names else None


def request_key(key: bytes | None) -> str | None:
    """Return the Idempotency-Key; raises InputError for one that is empty, long or not ASCII."""
    if key is None:
        return None
    key = key.strip()
    if not 0 < len(key) <= IDEMPOTENCY_KEY_CHARS_MAX or not key.isascii() or b"\0" in key:
        raise InputError(
            f"the Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_CHARS_MAX} ASCII characters"
        )
    return key.decode()
