"""The page of continuous validation: `GET /integrity`, and its two buttons.

It shows no content of any event. File names and problems are whodid's own words, but a damaged file
chooses what is in them: they are escaped like everything else.
"""

from collections.abc import Callable
from typing import NoReturn

from starlette.responses import Response

from whodid.access.rights import may_acknowledge, may_verify
from whodid.access.users import User
from whodid.app.integrity_answer import Integrity
from whodid.errors import AccessDeniedError
from whodid.validation.report import Round
from whodid.web.links import search_url
from whodid.web.visit import Visit, redirect

_ROUNDS_SHOWN = 14
_EVENTS = 'service:whodid (actor:validator OR action:"acknowledge fault")'


def show(visit: Visit) -> Response:
    """Answer `GET /integrity`."""
    found = visit.site.reading.integrity()
    return visit.page(
        "integrity.html",
        found=found,
        detection=visit.site.desks.standing(),
        verdict=verdict(found),
        percent=_percent(found),
        rounds=found.rounds[:_ROUNDS_SHOWN],
        took=took,
        may_verify=_may(visit, may_verify),
        may_acknowledge=_may(visit, may_acknowledge),
        events_href=search_url(_EVENTS, own=True),
    )


def verify_now(visit: Visit) -> Response:
    """Answer `POST /integrity/verify`."""
    if not _may(visit, may_verify):
        _refuse(visit, "request verification", "only an administrator or an investigator may")
    visit.site.reading.verify_now(visit.caller())
    return redirect("/integrity")


def acknowledge(visit: Visit) -> Response:
    """Answer `POST /integrity/acknowledge`."""
    if not _may(visit, may_acknowledge):
        _refuse(visit, "acknowledge fault", "only an administrator may")
    visit.site.reading.acknowledge_fault(visit.caller(), visit.form.get("key", ""))
    return redirect("/integrity")


def _refuse(visit: Visit, action: str, reason: str) -> NoReturn:
    """Raise AccessDeniedError; it is an event first."""
    visit.site.reading.record(visit.caller(), action, "ledger", ok=False, reason=reason)
    raise AccessDeniedError(f"Not allowed: {reason}.")


def _may(visit: Visit, rule: Callable[[User], bool]) -> bool:
    return visit.session is not None and rule(visit.session.user)


def verdict(found: Integrity) -> tuple[str, str]:
    """Return the state in words, and its kind: ok, bad or warn."""
    if found.faults:
        return "Something is not what it must be", "bad"
    if found.off:
        return "Turned off in the settings (verify.enabled)", "warn"
    if found.last is None:
        return "Not verified yet", "warn"
    if found.overdue:
        return "Not verified in time", "bad"
    return "Whole", "ok"


def took(done: Round) -> str:
    """Return how long a round took, in words."""
    seconds = (done.finished_us - done.started_us) / 1_000_000
    if seconds < 90:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _percent(found: Integrity) -> int | None:
    if not found.doing:
        return None
    return min(99, found.done * 100 // found.total) if found.total else 0
