"""The outbox: `GET /outbox` shows what people are still to be told, and its form tries again."""

from starlette.responses import Response

from whodid.errors import UsageError
from whodid.web.visit import Visit, redirect


def show(visit: Visit) -> Response:
    """Answer `GET /outbox`."""
    return _show(visit)


def send_again(visit: Visit) -> Response:
    """Answer `POST /outbox`: one message, or every one that was given up (`all`)."""
    desk, caller = visit.site.desks.outbox, visit.caller()
    ids = [visit.form.get("id", "")]
    if visit.form.get("all") == "1":
        ids = [one.id for one in desk.look(caller).messages if one.state == "dead"]
    try:
        desk.send_again(caller, ids)
    except UsageError as error:
        return _show(visit, str(error))
    return redirect("/outbox")


def _show(visit: Visit, error: str = "") -> Response:
    desk = visit.site.desks.outbox
    standing = visit.site.desks.standing()
    return visit.page(
        "outbox.html",
        400 if error else 200,
        error=error,
        answer=desk.look(visit.caller()),
        now_us=desk.now(),
        lost={one.channel: one.lost for one in standing.channels} if standing else {},
        trouble=standing.trouble if standing else False,
    )
