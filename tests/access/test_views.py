"""Saved views: whose they are, what can be saved, that nobody else's row counts."""

import contextlib
import sqlite3

import pytest

from state_keys import KEYS
from whodid.access.views import Views
from whodid.errors import UsageError
from whodid.ledger.state_binding import drop_forged
from whodid.limits import VIEWS_MAX


@pytest.fixture
def views(doorkeeper):
    return doorkeeper.views


def test_ones_own_and_the_shared_ones(views, clock):
    views.save("rita", "Zeta", "actor:alice", "own=1", shared=False)
    views.save("rita", "alpha", "outcome:denied", "", shared=False)
    views.save("bob", "of bob", "", "", shared=False)
    shared = views.save("bob", "for all", "access:read", "", shared=True)
    assert [view.name for view in views.seen_by("Rita")] == ["alpha", "Zeta", "for all"]
    assert [view.name for view in views.seen_by("bob")] == ["for all", "of bob"]
    assert [view.name for view in views.seen_by("nobody")] == ["for all"]
    found = views.find(shared.id, "rita")
    assert (found.text, found.owner, found.shared, found.saved_us) == (
        "access:read", "bob", True, clock.now_us,
    )  # fmt: skip


def test_only_its_owner_changes_or_removes_it(views):
    view = views.save("bob", "mine", "actor:x", "", shared=True)
    for act in (
        lambda: views.change(view.id, "rita", name="hers", shared=False),
        lambda: views.remove(view.id, "rita"),
    ):
        with pytest.raises(UsageError, match="no such view"):
            act()
    changed = views.change(view.id, "bob", name="ours", shared=False)
    assert (changed.name, changed.shared, changed.text) == ("ours", False, "actor:x")
    with pytest.raises(UsageError, match="no longer shared"):
        views.find(view.id, "rita")
    assert views.remove(view.id, "BOB").name == "ours"
    assert views.seen_by("bob") == []


@pytest.mark.parametrize(
    ("name", "text", "state"),
    [("", "", ""), ("x" * 81, "", ""), (" x", "", ""), ("a\nb", "", ""), ("a\x1b[31m", "", ""),
     ("x", "y" * 20_000, ""), ("x", "", "z" * 3000), ("x", "", "é"), ("x", "", "a\nb")],
)  # fmt: skip
def test_what_cannot_be_saved(views, name, text, state):
    with pytest.raises(UsageError):
        views.save("rita", name, text, state, shared=False)
    assert views.seen_by("rita") == []


def test_a_name_stands_once_and_there_are_not_too_many(views):
    first = views.save("rita", "View 0", "", "", shared=False)
    with pytest.raises(UsageError, match="already"):
        views.save("RITA", "view 0", "", "", shared=True)
    for number in range(1, VIEWS_MAX):
        views.save("rita", f"View {number}", "", "", shared=False)
    with pytest.raises(UsageError, match="remove one"):
        views.save("rita", "one more", "", "", shared=False)
    with pytest.raises(UsageError, match="already"):
        views.change(first.id, "rita", name="view 7", shared=False)
    views.change(first.id, "rita", name="VIEW 0", shared=False)
    views.save("bob", "View 0", "", "", shared=False)


def test_they_go_with_their_user(doorkeeper, views):
    doorkeeper.users.add("rita", "correct horse", "reader")
    views.save("rita", "hers", "", "", shared=True)
    views.save("bob", "his", "", "", shared=True)
    doorkeeper.users.remove("rita")
    assert [view.name for view in views.seen_by("rita")] == ["his"]


def test_a_row_that_whodid_did_not_write_is_not_there(doorkeeper, directory, views):
    view = views.save("rita", "hers", "actor:alice", "", shared=True)
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as db, db:
        db.execute("UPDATE access_views SET text = 'actor:eve' WHERE id = ?", (view.id,))
    assert views.seen_by("rita") == []
    assert doorkeeper.take_forged() == ["access_views hers"]


def test_a_ledger_of_before_gets_the_table(directory, doorkeeper, clock):
    doorkeeper.users.add("rita", "correct horse", "reader")
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as db, db:
        db.execute("DROP TABLE access_views")
    views = Views(directory, KEYS, clock)
    assert views.seen_by("rita") == []
    assert views.save("rita", "hers", "", "", shared=False).saved_us == clock.now_us


def test_a_restored_ledger_drops_what_whodid_did_not_write(directory, views):
    views.save("rita", "hers", "", "", shared=False)
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as db, db:
        db.execute("INSERT INTO access_views VALUES ('x', 'rita', 'eve', '', '', 1, 1, ?)", (b"m",))
    drop_forged(directory, KEYS)
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as db:
        assert db.execute("SELECT name FROM access_views").fetchall() == [("hers",)]
