"""`whodid alerts test-channel`, `outbox` and `send-again`: whether people are told."""

import os
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from whodid.app.delivering import try_channel
from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import (
    dir_option,
    json_option,
    need_directory,
    plain,
    print_json,
    stdout,
    url_option,
)
from whodid.cli.remote import Remote
from whodid.clock import to_rfc3339
from whodid.config.load import load
from whodid.detection.delivery.dead import DeadLetters
from whodid.detection.delivery.kept.messages import Waiting
from whodid.errors import UsageError
from whodid.ledger.opening import keys_of

_config = click.option(
    "--config", "config_file", type=click.Path(path_type=Path),
    help="Settings file (or WHODID_CONFIG); by default DIR/whodid.toml if it is there.",
)  # fmt: skip


@click.command("test-channel")
@click.argument("name")
@_config
@dir_option
def test_channel(name: str, config_file: Path | None, directory: Path | None) -> None:
    """Send a marked trial to the channel NAME of the settings, from here, now and once."""
    where = need_directory(directory)
    settings = load(where, environment=os.environ, file=config_file).settings
    with (
        open_local(where) as ledger,
        ledger.acting(Act("test channel", "administer", "channel", name)),
    ):
        try_channel(name, settings.alerts, settings.server.public_url)
    stdout.print(f"{name} took the trial: look whether it arrived", markup=False)


@click.command("outbox")
@json_option
@url_option
@dir_option
def outbox(directory: Path | None, url: str | None, *, as_json: bool) -> None:
    """List the messages that wait and those that were given up."""
    if url:
        _print_there(Remote(url).get("/v1/outbox"), as_json=as_json)
        return
    where = need_directory(directory)
    letters = DeadLetters(where, keys_of(where))
    try:
        waiting, dead = letters.waiting(), letters.dead()
    finally:
        letters.close()
    with open_local(where) as ledger:
        act = Act("list messages", "read", "outbox", None, rows=len(waiting) + len(dead))
        ledger.own().write(ledger.caller(), act)
    if as_json:
        print_json(
            {"waiting": [_row(one) for one in waiting], "given_up": [_row(one) for one in dead]}
        )
        return
    stdout.print(f"{len(waiting)} wait, {len(dead)} were given up", markup=False)
    if waiting or dead:
        stdout.print(_table([*dead, *waiting]))


@click.command("send-again")
@click.argument("ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every message that was given up.")
@url_option
@dir_option
def send_again(
    ids: tuple[str, ...], directory: Path | None, url: str | None, *, every: bool
) -> None:  # fmt: skip
    """Have messages IDS that were given up tried again, with the ids that they had."""
    if bool(ids) == every:
        raise UsageError("name messages of `whodid alerts outbox`, or say --all")
    if url:
        _send_there(Remote(url), ids)
        return
    where = need_directory(directory)
    letters = DeadLetters(where, keys_of(where))
    try:
        names = [one.id for one in letters.dead()] if every else list(dict.fromkeys(ids))
        act = Act("send again", "administer", "outbox", " ".join(names[:20]), rows=len(names))
        with open_local(where) as ledger, ledger.acting(act):
            again = letters.send_again(names)
    finally:
        letters.close()
    stdout.print(f"{len(again)} will be tried again while a server runs", markup=False)


def _send_there(remote: Remote, ids: tuple[str, ...]) -> None:
    names = list(ids)
    if not names:
        found = remote.get("/v1/outbox")["messages"]
        names = [one["id"] for one in found if one["state"] == "given up"]
    again = remote.post("/v1/outbox/send-again", {"ids": names})["messages"] if names else []
    stdout.print(f"{len(again)} will be tried again", markup=False)


def _print_there(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    waiting, given_up = found["waiting"], found["given_up"]
    stdout.print(f"{waiting} wait, {given_up} were given up", markup=False)
    table = _columns()
    for one in found["messages"]:
        cells = (
            one["id"], one["channel"], (one["made"] or "")[:19], str(one["attempts"]),
            "waits" if one["state"] == "waiting" else one["state"], one["reason"] or "",
        )  # fmt: skip
        table.add_row(*(Text(plain(cell)) for cell in cells))
    if found["messages"]:
        stdout.print(table)


def add_delivery(group: click.Group) -> None:
    """Add these commands to `whodid alerts`."""
    for one in (test_channel, outbox, send_again):
        group.add_command(one)


def _row(one: Waiting) -> dict[str, Any]:
    return {
        "id": one.id, "channel": one.channel, "made": to_rfc3339(one.made_us),
        "attempts": one.attempts, "reason": one.reason, "alerts": list(one.alerts),
    }  # fmt: skip


def _columns() -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("ID", "CHANNEL", "MADE (UTC)", "TRIES", "STATE", "REASON"):
        table.add_column(title, overflow="fold")
    return table


def _table(found: list[Waiting]) -> Table:
    table = _columns()
    for one in found:
        state = "given up" if one.state == "dead" else "waits"
        cells = (
            one.id, one.channel, to_rfc3339(one.made_us)[:19], str(one.attempts), state, one.reason
        )  # fmt: skip
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table
