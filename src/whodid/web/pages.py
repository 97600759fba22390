"""From a page's function to an endpoint: session, form checks, and errors as pages.

A page's function is plain and blocking (`Visit` in, response out) and runs in a thread.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from whodid.app.forged_rows import record_forged
from whodid.app.leaving import watched
from whodid.errors import (
    AccessDeniedError,
    InputError,
    IntegrityError,
    LeftError,
    QueryError,
    RefusedError,
    StoppedError,
    TooLargeError,
    UsageError,
    WhodidError,
)
from whodid.web.forms import check_site, check_token, read_form
from whodid.web.site import Site
from whodid.web.visit import Visit, redirect

Page: TypeAlias = Callable[[Visit], Response]
Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[WhodidError], int, str], ...] = (
    (AccessDeniedError, 403, "Not allowed"),
    (LeftError, 499, "Nobody waits"),
    (TooLargeError, 413, "Too large"),
    (InputError, 400, "Not understood"),
    (StoppedError, 503, "The log has stopped"),
    (RefusedError, 503, "Not now"),
    (IntegrityError, 500, "Stored bytes are not what they must be"),
    (QueryError, 400, "Not understood"),
    (UsageError, 404, "Not found"),
    (WhodidError, 500, "That did not work"),
)


def endpoint(site: Site, page: Page, *, public: bool = False) -> Endpoint:
    """Return the endpoint of a page; one that is not `public` asks for a login first."""

    async def answer(request: Request) -> Response:
        form: dict[str, str] | None = None
        error: WhodidError | None = None
        if request.method == "POST":
            try:
                form = await read_form(request)
            except WhodidError as met:
                error = met
            except ClientDisconnect:
                return Response(status_code=400)  # nobody reads it
            return await run_in_threadpool(_answer, site, page, request, form, error, public)
        async with watched(request.scope, request.receive):
            return await run_in_threadpool(_answer, site, page, request, form, error, public)

    return answer


def _answer(
    site: Site, page: Page, request: Request, form: dict[str, str] | None,
    error: WhodidError | None, public: bool,
) -> Response:  # fmt: skip
    visit = Visit(site, request, None, form or {})
    try:
        visit.session = site.doorkeeper.session(visit.session_token())
        record_forged(site.doorkeeper, site.reading, "web")
        if error is not None:
            raise error
        if form is not None:
            check_site(request)
        if public:
            return page(visit)
        if visit.session is None:
            return _to_login(request)
        if form is not None:
            check_token(form.get("csrf", ""), visit.session.csrf)
        return page(visit)
    except WhodidError as met:
        return failure(visit, met)
    except Exception:  # noqa: BLE001 - a page of ours, never a stack trace; it is logged
        _log.exception("a page failed")  # not which: the address of a login holds its token
        return visit.page(
            "failure.html", 500, title="That did not work", retry=False, denied=False,
            message="The page met an error of whodid itself. It is in the server's own log.",
        )  # fmt: skip


def failure(visit: Visit, error: WhodidError) -> Response:
    """Answer with what went wrong and what to do."""
    status, title = next(
        (status, title) for kind, status, title in _STATUS if isinstance(error, kind)
    )
    retry = isinstance(error, RefusedError)
    message = _sentence(str(error).removeprefix(f"{title}: "))
    response = visit.page(
        "failure.html", status, title=title, message=message, retry=retry, denied=status == 403
    )
    if isinstance(error, RefusedError):
        response.headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    return response


def not_found(visit: Visit) -> Response:
    """Answer for an address that is no page."""
    return failure(visit, UsageError("There is no page at this address."))


def _to_login(request: Request) -> Response:
    """Ask for a login; whoever came by a link is led back to it."""
    if request.method != "GET" or (request.url.path == "/" and not request.url.query):
        return redirect("/login")
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return redirect(f"/login?next={quote(back, safe='')}")


def _sentence(text: str) -> str:
    """Begin with a capital and end with a full stop, as errors of inner rooms do not always."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
