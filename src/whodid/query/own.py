"""whodid's own events: every use of a face is an event too, and would drown the answers.

They are known by their declared source, which no record can claim for itself; a foreign record
that calls its service `whodid` is not hidden by it.
"""

from whodid.event import Event
from whodid.query.tree import Node, Query, Term, walk

OWN_SOURCE = "whodid"
"""The declared source of our own events, and their `service.name`."""

OWN_FIELDS = frozenset({"source", "service", "service.name"})
"""The fields by which a search asks for them."""


def is_own(event: Event) -> bool:
    """Tell whether whodid itself wrote this event."""
    return event.envelope.source == OWN_SOURCE


def hides_own(query: Query) -> bool:
    """Tell whether own events are left out of the answer: True unless the search asks for them.

    It asks for them by `service:whodid` or `source:whodid`, not excluded, in its filter or in a
    step of a sequence. What rights added to it does not ask for anything.
    """
    asked, *steps = query.filters
    return not any(map(asks_for_own, (asked if query.asked is None else query.asked, *steps)))


def asks_for_own(node: Node) -> bool:
    """Tell whether a filter names whodid's own events, and does not exclude them."""
    return any(
        positive
        and isinstance(node, Term)
        and node.field in OWN_FIELDS
        and node.op in {"has", "is"}
        and isinstance(node.value, str)
        and node.value.casefold() == OWN_SOURCE
        for node, positive in walk(node)
    )
