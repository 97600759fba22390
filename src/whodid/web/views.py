"""Saved searches: `GET /views`, and the forms on it that save, rename, share and remove them.

With the parameters of a search behind `save` in its address, the page offers to save that search,
and a link to its answer as of now.
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from whodid.access.views import View, is_of
from whodid.app.saved_views import SavedViews
from whodid.errors import QueryError, UsageError
from whodid.query.parse import parse
from whodid.query.phrase import query_sentence
from whodid.web.links import pinned_url
from whodid.web.visit import Visit, redirect

_NO_STATE = frozenset({"q", "before", "past", "csrf", "from", "to", "save"})
"""Parameters of a search's address that are not how it is looked at."""


class Row(NamedTuple):
    """A view on the page: its address, and that of its answer as of now; None for no search."""

    view: View
    told: str
    href: str
    pinned_href: str | None
    mine: bool


def show(visit: Visit) -> Response:
    """Answer `GET /views`."""
    return _page(visit)


def save(visit: Visit) -> Response:
    """Answer `POST /views`."""
    form = visit.form
    try:
        _views(visit).save(
            visit.caller(), form.get("name", "").strip(), form.get("q", "").strip(),
            form.get("state", ""), shared=form.get("shared") == "1",
        )  # fmt: skip
    except UsageError as error:
        return _page(visit, str(error))
    return redirect("/views")


def change(visit: Visit) -> Response:
    """Answer `POST /views/change`."""
    form = visit.form
    try:
        _views(visit).change(
            visit.caller(), form.get("id", ""), name=form.get("name", "").strip(),
            shared=form.get("shared") == "1",
        )  # fmt: skip
    except UsageError as error:
        return _page(visit, str(error))
    return redirect("/views")


def remove(visit: Visit) -> Response:
    """Answer `POST /views/remove`."""
    try:
        _views(visit).remove(visit.caller(), visit.form.get("id", ""))
    except UsageError as error:
        return _page(visit, str(error))
    return redirect("/views")


def _views(visit: Visit) -> SavedViews:
    return SavedViews(visit.site.reading, visit.site.doorkeeper.views)


def _page(visit: Visit, error: str = "") -> Response:
    caller = visit.caller()
    found = _views(visit).all(caller)
    size = visit.site.reading.health().size
    text, state = _asked(visit)
    return visit.page(
        "views.html",
        400 if error else 200,
        error=error,
        views=[_row(view, size, mine=is_of(view, caller.name)) for view in found],
        text=text,
        state=state,
        name=visit.form.get("name", ""),
        told=None if text is None else _told(text),
        pinned_href=None if text is None else _pinned(size, text, state),
        search_href=None if text is None else address(text, state),
        size=size,
    )


def _asked(visit: Visit) -> tuple[str | None, str]:
    """Return the search that shall be saved, None for none, and its state."""
    if visit.form:
        return visit.form.get("q"), visit.form.get("state", "")
    given = visit.request.query_params
    if "save" not in given:
        return None, ""
    kept = [(key, value) for key, value in given.multi_items() if key not in _NO_STATE]
    return visit.asked("q"), urlencode(kept)


def address(text: str, state: str) -> str:
    """Return the address of a saved search."""
    pairs = [(key, value) for key, value in parse_qsl(state) if key not in _NO_STATE]
    return "/?" + urlencode([("q", text), *pairs])


def _row(view: View, size: int, *, mine: bool) -> Row:
    return Row(
        view, _told(view.text), address(view.text, view.state),
        _pinned(size, view.text, view.state), mine,
    )  # fmt: skip


def _told(text: str) -> str:
    try:
        return query_sentence(parse(text))
    except QueryError:
        return ""


def _pinned(size: int, text: str, state: str) -> str | None:
    """Return the address of the answer as of now; None for a text that is no search."""
    try:
        parse(text)
    except QueryError:
        return None
    own = dict(parse_qsl(state)).get("own") == "1"
    return pinned_url(size, text, own=own) if size else None
