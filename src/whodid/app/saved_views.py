"""Saved views for the faces: who reads events may keep searches; each change is an event first."""

from whodid.access.views import View, Views, check_view, is_of
from whodid.app.answer import Caller
from whodid.app.reads import Reading
from whodid.errors import AccessDeniedError

_WHAT = "views"


class SavedViews:
    """The views of one ledger, as a caller may see and change them. Calls block.

    Every call raises AccessDeniedError, recorded, for who reads no events.
    """

    def __init__(self, reading: Reading, views: Views) -> None:
        self._reading = reading
        self._views = views

    def all(self, caller: Caller) -> list[View]:
        """Return his own and the shared ones."""
        self._check(caller, "list views")
        self._reading.record(caller, "list views", _WHAT)
        return self._views.seen_by(caller.name)

    def save(self, caller: Caller, name: str, text: str, state: str, *, shared: bool) -> View:
        """Save a search. Raises UsageError for what cannot be saved."""
        self._check(caller, "save view")
        check_view(name, text, state)
        self._reading.record(caller, "save view", name, content=text)
        return self._views.save(caller.name, name, text, state, shared=shared)

    def change(self, caller: Caller, view_id: str, *, name: str, shared: bool) -> View:
        """Rename a view of his, share it or no longer. Raises UsageError, AccessDeniedError."""
        view = self._own(caller, view_id, "change view")
        check_view(name, view.text, view.state)
        told = f"named {name!r}, {'shared' if shared else 'private'}"
        self._reading.record(caller, "change view", view.name, content=told)
        return self._views.change(view_id, caller.name, name=name, shared=shared)

    def remove(self, caller: Caller, view_id: str) -> View:
        """Remove a view of his. Raises UsageError, AccessDeniedError."""
        view = self._own(caller, view_id, "remove view")
        self._reading.record(caller, "remove view", view.name, content=view.text)
        return self._views.remove(view_id, caller.name)

    def _own(self, caller: Caller, view_id: str, action: str) -> View:
        """Return a view of his own; that of another is refused, which is an event."""
        self._check(caller, action)
        view = self._views.find(view_id, caller.name)
        if not is_of(view, caller.name):
            self._refuse(caller, action, view.name, "the view is another's")
        return view

    def _check(self, caller: Caller, action: str) -> None:
        if not caller.rights.content:
            reason = "your role reads no events, and a view is a search for some"
            self._refuse(caller, action, _WHAT, reason)

    def _refuse(self, caller: Caller, action: str, what: str, reason: str) -> None:
        self._reading.record(caller, action, what, ok=False, reason=reason)
        raise AccessDeniedError(f"Not allowed: {reason}.")
