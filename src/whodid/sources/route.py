"""The template of an address: a name for logs and metrics that no stranger chooses.

An id, a token in the address of a login and everything unknown is left out.
"""

import re

OTHER = "other"
_PLAIN = frozenset(
    {
        "/", "/about", "/healthz", "/login", "/logout", "/metrics",
        "/openapi.json", "/sources", "/v1/events", "/v1/search", "/v1/sources", "/v1/tail",
    }
)  # fmt: skip
_TEMPLATES = tuple(
    (re.compile(pattern), template)
    for pattern, template in (
        (r"/login/[^/]+", "/login/{token}"),
        (r"/events/[^/]+", "/events/{id}"),
        (r"/events/[^/]+/verify", "/events/{id}/verify"),
        (r"/static/[^/]+", "/static/{name}"),
        (r"/v1/events/[^/]+", "/v1/events/{event_id}"),
        (r"/v1/events/[^/]+/proof", "/v1/events/{event_id}/proof"),
        (r"/ledger/[^/]+/checkpoint", "/ledger/{name}/checkpoint"),
        (r"/ledger/[^/]+/tile/.+", "/ledger/{name}/tile/{path}"),
    )
)


def route_of(path: str) -> str:
    """Return the template of an address."""
    if path in _PLAIN:
        return path
    for pattern, template in _TEMPLATES:
        if pattern.fullmatch(path):
            return template
    return OTHER
