"""An event quoted outside: what happened, where it stands in which log, and how to check that."""

from whodid.app.answer import Hit
from whodid.app.instant import instant
from whodid.app.trace import time_of
from whodid.merkle.checkpoint import Checkpoint
from whodid.query.sentence import event_sentence
from whodid.web.inert import plain
from whodid.web.links import event_url


def citation(hit: Hit, head: Checkpoint | None, origin: str, address: str) -> str:
    """Return the lines of a citation; `address` is this server's, without a slash at its end."""
    event = hit.event
    href = event_url(event.when.id)
    outcome = f" ({event.what.outcome})" if event.what.outcome else ""
    lines = [
        f"{plain(event_sentence(event))}{outcome}",
        f"{instant(time_of(event))}, source {plain(event.envelope.source)}",
        f"event {plain(event.when.id)}, entry {hit.index} of {origin}",
    ]
    if head is not None and head.size > hit.index:
        lines.append(f"covered by the signed head of {head.size} entries, root {head.root.hex()}")
    else:
        lines.append("not covered by a signed head yet")
    return "\n".join([*lines, f"proof: {address}/v1{href}/proof"])
