"""`whodid user`: the people who may use the faces, their roles and their rights."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from whodid.access.password import check_password
from whodid.access.rights import may_administer
from whodid.access.users import ROLES, User, Users, check_rights, check_user_name
from whodid.app.local import LocalLedger, open_local
from whodid.app.own import Act
from whodid.cli.options import (
    dir_option,
    json_option,
    need_directory,
    print_json,
    read_password,
    stdout,
)
from whodid.clock import to_rfc3339
from whodid.errors import UsageError

_role = click.option("--role", type=click.Choice(ROLES), help="What kind of user it is.")
_filter = click.option("--filter", "filter_text", help="A search: only events that it finds.")
_deny = click.option("--deny", help="Fields or groups that are withheld, such as statement,params.")


@click.group("user")
def command() -> None:
    """Add, list, change and remove users."""


@command.command("add")
@click.argument("name")
@_role
@_filter
@_deny
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="None: only `whodid login --link` lets in.")
@dir_option
def add(
    name: str, role: str | None, filter_text: str | None, deny: str | None,
    directory: Path | None, *, password_stdin: bool, no_password: bool,
) -> None:  # fmt: skip
    """Add the user NAME; a role must be said."""
    if role is None:
        raise UsageError(f"say --role: {', '.join(ROLES)}")
    denied = split_names(deny) or ()
    check_user_name(name)
    check_rights(role, filter_text or "", denied)
    password = None if no_password else read_password(from_stdin=password_stdin)
    if password is not None:
        check_password(password)
    where = need_directory(directory)
    content = rights_text(role, filter_text or "", denied)
    act = Act("create user", "administer", "user", name, content)
    with open_local(where) as ledger, ledger.acting(act):
        user = _users(ledger).add(name, password, role, filter_text=filter_text or "", deny=denied)
    _say(user)


@command.command("list")
@dir_option
@json_option
def list_users(directory: Path | None, *, as_json: bool) -> None:
    """List the users."""
    with open_local(need_directory(directory)) as ledger:
        ledger.own().write(ledger.caller(), Act("list", "read", "ledger", "users"))
        users = _users(ledger).all()
    if as_json:
        print_json({"users": [user_document(user) for user in users]})
        return
    table = Table(box=None)
    for title in ("NAME", "ROLE", "ONLY", "WITHOUT"):
        table.add_column(title)
    for user in users:
        table.add_row(*map(Text, (user.name, user.role, user.filter, ", ".join(user.deny))))
    stdout.print(table)


@command.command("show")
@click.argument("name")
@dir_option
@json_option
def show(name: str, directory: Path | None, *, as_json: bool) -> None:
    """Show the user NAME."""
    with open_local(need_directory(directory)) as ledger:
        ledger.own().write(ledger.caller(), Act("show", "read", "user", name))
        user = _users(ledger).find(name)
    if user is None:
        raise UsageError(f"there is no user {name!r}")
    if as_json:
        print_json(user_document(user))
    else:
        _say(user)


@command.command("set")
@click.argument("name")
@_role
@_filter
@_deny
@dir_option
def change(
    name: str, role: str | None, filter_text: str | None, deny: str | None,
    directory: Path | None,
) -> None:  # fmt: skip
    """Change role or rights of the user NAME; ends the sessions and login tokens of that user.

    An empty --filter or --deny takes it away.
    """
    if role is None and filter_text is None and deny is None:
        raise UsageError("say what to change: --role, --filter or --deny")
    denied = split_names(deny)
    said = {"role": role, "filter": filter_text, "deny": deny}
    content = ", ".join(f"{key} {value!r}" for key, value in said.items() if value is not None)
    act = Act("change user", "administer", "user", name, content)
    with open_local(need_directory(directory)) as ledger, ledger.acting(act):
        user = _users(ledger).set_rights(name, role=role, filter_text=filter_text, deny=denied)
    _say(user)


@command.command("remove")
@click.argument("name")
@dir_option
def remove(name: str, directory: Path | None) -> None:
    """Remove the user NAME; sessions and tokens of that user end."""
    act = Act("remove user", "administer", "user", name)
    with open_local(need_directory(directory)) as ledger, ledger.acting(act):
        _users(ledger).remove(name)
    stdout.print(f"user {name} is removed", markup=False)


def _users(ledger: LocalLedger) -> Users:
    return Users(ledger.directory, ledger.state_keys)


def split_names(deny: str | None) -> tuple[str, ...] | None:
    """Return the names in a list with commas; None when nothing was said."""
    return None if deny is None else tuple(part for part in map(str.strip, deny.split(",")) if part)


def rights_text(role: str, filter_text: str, deny: tuple[str, ...]) -> str:
    """Return rights as the event about them says it."""
    parts = [f"role {role!r}"]
    if filter_text:
        parts.append(f"filter {filter_text!r}")
    if deny:
        parts.append(f"deny {','.join(deny)!r}")
    return ", ".join(parts)


def user_document(user: User) -> dict[str, Any]:
    """Return the JSON form of a user."""
    return {
        "name": user.name,
        "role": user.role,
        "filter": user.filter,
        "deny": list(user.deny),
        "created": to_rfc3339(user.created_us),
    }


def _say(user: User) -> None:
    stdout.print(f"user {user.name} is {_article(user.role)} {user.role}", markup=False)
    if may_administer(user):
        stdout.print("  makes users, sources and tokens; reads no events", markup=False)
        return
    stdout.print(f"  sees {user.filter or 'all events'}", markup=False)
    if user.deny:
        stdout.print(f"  without {', '.join(user.deny)}, and so without raw records", markup=False)


def _article(role: str) -> str:
    return "an" if role[0] in "aeiou" else "a"
