"""The page about the log itself: `GET /about`. It shows only what is public, so reads no event."""

from starlette.responses import Response

from whodid.errors import WhodidError
from whodid.merkle.checkpoint import parse_body, parse_note
from whodid.web.visit import Visit


def show(visit: Visit) -> Response:
    """Answer `GET /about`."""
    log = visit.site.log
    note, head = "", None
    try:
        note = log.checkpoint()
        head = parse_body(parse_note(note)[0])
    except (WhodidError, OSError):
        pass
    health = visit.site.reading.health()
    return visit.page("about.html", log=log, note=note, head=head, health=health)
