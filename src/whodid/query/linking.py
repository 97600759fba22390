"""What links events to each other: the ids that they state.

A correlation id, a trace id (W3C Trace Context), a request id, a session; and the trace that an
application named in a comment of its SQL (sqlcommenter, google.github.io/sqlcommenter/spec).
"""

import re
from collections.abc import Iterator

from whodid.event import Event

FOLLOWED = ("trace", "correlation", "request")
"""Fields whose value is one undertaking: whoever has it belongs to it."""

SESSION = "actor.session"
"""The field of a session, in which many undertakings may stand one after the other."""

ID_CHARS_MIN = 6
"""A shorter id (`17`) is likely to be that of something else in another system."""

_COMMENT = re.compile(r"/\*(.*?)\*/", re.DOTALL)
_TRACEPARENT = re.compile(
    r"\btraceparent\s*=\s*'(?:%27)?[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}"
)
_NO_TRACE = "0" * 32


def stated(event: Event) -> list[tuple[str, str]]:
    """Return (field, id) of the undertakings that an event says it belongs to, each once."""
    context = event.context
    given = [
        ("trace", context.trace),
        *(("trace", trace) for trace, _ in commented(event.content.statement)),
        ("correlation", context.correlation),
        ("request", context.request),
    ]
    return list(dict.fromkeys((field, value) for field, value in given if value))


def commented(statement: str | None) -> Iterator[tuple[str, str]]:
    """Yield (trace id, span id) of the traceparents in the comments of a statement."""
    if not statement or "traceparent" not in statement:
        return
    for comment in _COMMENT.finditer(statement):
        for found in _TRACEPARENT.finditer(comment[1].lower()):
            if found[1] != _NO_TRACE:
                yield found[1], found[2]
