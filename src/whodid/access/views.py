"""Saved views: a search that a person keeps under a name, for himself or for everybody.

A view is a text and how it was looked at; whoever opens it asks anew, with his own rights. Its text
is readable in state.db, whose rows are signed and not encrypted.
"""

import secrets
import sqlite3
from pathlib import Path

from msgspec import Struct

from whodid.access.tables import AccessTables, OnForged, Transaction
from whodid.clock import Clock, system_clock
from whodid.errors import UsageError
from whodid.ledger.keys import StateKeys
from whodid.ledger.row_mac import Row
from whodid.limits import QUERY_CHARS_MAX, VIEWS_MAX

_NAME_CHARS_MAX = 80
_STATE_CHARS_MAX = 2048
_MINE_AND_SHARED = "owner = ? OR shared = 1"


class View(Struct, frozen=True):
    """A saved search. `state` are further parameters of its address, as such; time in µs UTC."""

    id: str
    owner: str
    name: str
    text: str
    state: str
    shared: bool
    saved_us: int


class Views:
    """The views of one ledger. Changes are durable on return.

    Only its owner changes or removes a view; another's private view is as if it were not there.
    """

    def __init__(
        self,
        directory: Path,
        keys: StateKeys,
        clock: Clock = system_clock,
        on_forged: OnForged | None = None,
    ) -> None:
        self._tables = AccessTables(directory, keys, on_forged)
        self._clock = clock

    def seen_by(self, user: str) -> list[View]:
        """Return his own views and the shared ones of others, each by name."""
        found = [_view(row) for row in self._tables.select("access_views", _MINE_AND_SHARED, user)]
        return sorted(found, key=lambda view: (not is_of(view, user), view.name.casefold()))

    def find(self, view_id: str, user: str) -> View:
        """Return a view that he may open. Raises UsageError when there is none."""
        rows = self._tables.select(
            "access_views", f"id = ? AND ({_MINE_AND_SHARED})", view_id, user
        )
        if not rows:
            raise UsageError("There is no such view, or it is no longer shared.")
        return _view(rows[0])

    def save(self, owner: str, name: str, text: str, state: str, *, shared: bool) -> View:
        """Save a view. Raises UsageError for a name that he has already, or what is too long."""
        check_view(name, text, state)
        view = View(secrets.token_urlsafe(9), owner, name, text, state, shared, self._clock())
        with self._tables.write() as db:
            mine = db.select("access_views", "owner = ?", owner)
            if len(mine) >= VIEWS_MAX:
                raise UsageError(f"You have {VIEWS_MAX} views: remove one first.")
            _check_name(mine, view)
            _write(db, view)
        return view

    def change(self, view_id: str, owner: str, *, name: str, shared: bool) -> View:
        """Rename a view, share it or no longer. Raises UsageError as `save` does."""
        with self._tables.write() as db:
            mine = db.select("access_views", "owner = ?", owner)
            row = _of(mine, view_id)
            check_view(name, row["text"], row["state"])
            changed = _view({**row, "name": name, "shared": int(shared)})
            _check_name(mine, changed)
            db.change("access_views", row, name=name, shared=int(shared))
        return changed

    def remove(self, view_id: str, owner: str) -> View:
        """Remove a view. Raises UsageError when he has none of that id."""
        with self._tables.write() as db:
            row = _of(db.select("access_views", "owner = ?", owner), view_id)
            db.delete("access_views", "id = ?", view_id)
        return _view(row)


def is_of(view: View, user: str) -> bool:
    """Tell whether a view is this user's."""
    return view.owner.casefold() == user.casefold()


def check_view(name: str, text: str, state: str) -> None:
    """Raise UsageError for what cannot be saved."""
    if not 0 < len(name) <= _NAME_CHARS_MAX or not name.isprintable() or name != name.strip():
        raise UsageError(f"A view's name has 1 to {_NAME_CHARS_MAX} printable characters.")
    if len(text) > QUERY_CHARS_MAX:
        raise UsageError(f"A search has at most {QUERY_CHARS_MAX} characters.")
    if len(state) > _STATE_CHARS_MAX or not state.isascii() or not state.isprintable():
        raise UsageError(f"The state of a view is at most {_STATE_CHARS_MAX} characters of ASCII.")


def _check_name(mine: list[Row], view: View) -> None:
    same = view.name.casefold()
    if any(row["name"].casefold() == same and row["id"] != view.id for row in mine):
        raise UsageError(f"You have a view named {view.name!r} already.")


def _of(mine: list[Row], view_id: str) -> Row:
    for row in mine:
        if row["id"] == view_id:
            return row
    raise UsageError("You have no such view.")


def _write(db: Transaction, view: View) -> None:
    try:
        db.insert(
            "access_views", id=view.id, owner=view.owner, name=view.name, text=view.text,
            state=view.state, shared=int(view.shared), saved_us=view.saved_us,
        )  # fmt: skip
    except sqlite3.IntegrityError:  # 72 random bits
        raise UsageError("That could not be saved; try again.") from None


def _view(row: Row) -> View:
    return View(
        row["id"], row["owner"], row["name"], row["text"], row["state"], bool(row["shared"]),
        row["saved_us"],
    )  # fmt: skip
