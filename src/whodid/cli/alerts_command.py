"""`whodid alerts`: what rules and learning found, and what becomes of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from whodid.app.alert_acts import (
    HOURS_DEFAULT,
    AlertAct,
    SilenceAsked,
    do,
    key_of_items,
    level_of,
    silence,
)
from whodid.app.alert_answer import AlertQuery
from whodid.app.alert_desk import AlertDesk
from whodid.app.alert_document import (
    alert_answer_document,
    alert_document,
    alerts_document,
    effect_document,
    silence_document,
)
from whodid.app.alert_list import STATES_ASKED
from whodid.app.answer import Caller
from whodid.app.local import open_local
from whodid.cli.alerts_delivery import add_delivery
from whodid.cli.alerts_print import print_alert, print_alerts, print_effect, print_silences, say
from whodid.cli.options import dir_option, json_option, need_directory, print_json, url_option
from whodid.cli.remote import Remote
from whodid.detection.alerts.alert import DISPOSITIONS
from whodid.detection.rule import LEVELS
from whodid.errors import UsageError
from whodid.limits import ALERT_EFFECT_DAYS_MAX, PAGE_ROWS_MAX

Call = TypeVar("Call", bound=Callable[..., Any])
_EFFECT_DAYS = 30


def _where(call: Call) -> Call:
    """Add the options that every one of these commands has."""
    return dir_option(url_option(json_option(call)))


_note = click.option("--note", default="", help="What is to be known about it.")
_rule = click.option("--rule", default="", help="Alerts of this rule: its id or name.")
_key = click.option("--key", "keys", multiple=True, metavar="FIELD=VALUE",
                    help="Alerts whose events have this in common; may be repeated.")  # fmt: skip


class _ListFirst(click.Group):
    """`whodid alerts` and its options alone list."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` before options that are not the group's."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("alerts", cls=_ListFirst)
def command() -> None:
    """List, show and handle alerts; without a command: list."""


add_delivery(command)


@command.command("list")
@click.option("--state", type=click.Choice(STATES_ASKED), default="active", show_default=True)
@click.option("--level", type=click.Choice(LEVELS), help="This level or a graver one.")
@_rule
@_key
@click.option("--assignee", default="", help="Those that somebody is to look at.")
@click.option("--muted", is_flag=True, help="Those that are muted.")
@click.option("--limit", type=click.IntRange(1, PAGE_ROWS_MAX), default=20, show_default=True)
@_where
def list_alerts(
    state: str, level: str | None, rule: str, keys: tuple[str, ...], assignee: str, limit: int,
    directory: Path | None, url: str | None, *, muted: bool, as_json: bool,
) -> None:  # fmt: skip
    """List alerts, the newest first."""
    key = key_of_items(keys)
    if url:
        document = Remote(url).get(
            "/v1/alerts", state=state, level=level, rule=rule or None, key=_typed(key) or None,
            assignee=assignee or None, muted=int(muted), limit=limit,
        )  # fmt: skip
    else:
        asked = AlertQuery(state, level_of(level or ""), rule, assignee, muted, key, limit=limit)
        with _desk(directory) as (desk, caller):
            document = alerts_document(desk.page(caller, asked))
    if as_json:
        print_json(document)
    else:
        print_alerts(document)


@command.command("show")
@click.argument("alert_id", metavar="ID")
@_where
def show(alert_id: str, directory: Path | None, url: str | None, *, as_json: bool) -> None:
    """Show the alert ID: why, its events, what was done with it."""
    if url:
        document = Remote(url).get(f"/v1/alerts/{_part(alert_id)}")
    else:
        with _desk(directory) as (desk, caller):
            document = alert_answer_document(desk.show(caller, alert_id))
    if as_json:
        print_json(document)
    else:
        print_alert(document)


@command.command("ack")
@click.argument("alert_id", metavar="ID")
@_note
@_where
def acknowledge(
    alert_id: str, note: str, directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    """Say that you look at the alert ID: it is not told again."""
    _act(alert_id, AlertAct("acknowledge", note), directory, url, as_json=as_json)


@command.command("assign")
@click.argument("alert_id", metavar="ID")
@click.argument("name")
@_note
@_where
def assign(
    alert_id: str, name: str, note: str, directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    """Say that NAME is to look at the alert ID; an empty NAME: nobody."""
    asked = AlertAct("assign", note, assignee=name)
    _act(alert_id, asked, directory, url, as_json=as_json)


@command.command("note")
@click.argument("alert_id", metavar="ID")
@click.argument("text")
@_where
def note(
    alert_id: str, text: str, directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    """Write TEXT beside the alert ID."""
    _act(alert_id, AlertAct("note", text), directory, url, as_json=as_json)


@command.command("close")
@click.argument("alert_id", metavar="ID")
@click.option("--as", "disposition", required=True, help=f"What it was: {', '.join(DISPOSITIONS)}.")
@click.option("--of", "duplicate_of", default="", help="Which alert a duplicate repeats.")
@_note
@_where
def close(
    alert_id: str, disposition: str, duplicate_of: str, note: str, directory: Path | None,
    url: str | None, *, as_json: bool,
) -> None:  # fmt: skip
    """End the alert ID and say what it was; what comes later is a new alert."""
    asked = AlertAct("close", note, "", disposition, duplicate_of)
    _act(alert_id, asked, directory, url, as_json=as_json)


@command.command("reopen")
@click.argument("alert_id", metavar="ID")
@_note
@_where
def reopen(
    alert_id: str, note: str, directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    """Take an acknowledgement or a close of the alert ID back."""
    _act(alert_id, AlertAct("reopen", note), directory, url, as_json=as_json)


@command.command("silence")
@_rule
@_key
@click.option("--level", type=click.Choice(LEVELS), help="Alerts of this level and lesser ones.")
@click.option("--hours", type=float, default=HOURS_DEFAULT, show_default=True)
@click.option("--exclude", is_flag=True, help="Without an end: this is no finding here.")
@click.option("--reason", default="", help="Why; it stands in the ledger.")
@click.option("--try", "dry", is_flag=True, help="Only tell what it would have muted.")
@click.option("--days", type=click.IntRange(1, ALERT_EFFECT_DAYS_MAX), default=_EFFECT_DAYS,
              show_default=True, help="So many days back, with --try.")  # fmt: skip
@_where
def mute(
    rule: str, keys: tuple[str, ...], level: str | None, hours: float, reason: str, days: int,
    directory: Path | None, url: str | None, *, exclude: bool, dry: bool, as_json: bool,
) -> None:  # fmt: skip
    """Mute alerts of a rule, of a field's value, or both; what is muted stays evidence."""
    key = key_of_items(keys)
    if dry:
        _effect(rule, level or "", key, days, directory, url, as_json=as_json)
        return
    kind = "exclusion" if exclude else "silence"
    asked = SilenceAsked(reason, kind, rule, level or "", dict(key), hours)
    if len(asked.key) < len(key):
        raise UsageError("a field can be named once")
    if url:
        body = {name: getattr(asked, name) for name in asked.__struct_fields__}
        document = Remote(url).post("/v1/silences", body)
    else:
        with _desk(directory) as (desk, caller):
            document = silence_document(silence(desk, caller, asked))
    _print_silence(document, as_json=as_json)


@command.command("silences")
@click.option("--all", "ended", is_flag=True, help="Those that ended too.")
@_where
def silences(directory: Path | None, url: str | None, *, ended: bool, as_json: bool) -> None:
    """List what is muted."""
    if url:
        document = Remote(url).get("/v1/silences", ended=int(ended))
    else:
        with _desk(directory) as (desk, caller):
            found = desk.silences(caller, ended=ended)
            document = {"silences": [silence_document(one) for one in found]}
    if as_json:
        print_json(document)
    else:
        print_silences(document["silences"])


@command.command("unmute")
@click.argument("silence_id", metavar="ID")
@_note
@_where
def unmute(
    silence_id: str, note: str, directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    """End the silence or exclusion ID."""
    if url:
        document = Remote(url).post(f"/v1/silences/{_part(silence_id)}/end", {"note": note})
    else:
        with _desk(directory) as (desk, caller):
            document = silence_document(desk.end_silence(caller, silence_id, note))
    _print_silence(document, as_json=as_json)


def _effect(
    rule: str, level: str, key: tuple[tuple[str, str], ...], days: int, directory: Path | None,
    url: str | None, *, as_json: bool,
) -> None:  # fmt: skip
    if url:
        document = Remote(url).get(
            "/v1/silences/effect", rule=rule or None, level=level or None, key=_typed(key) or None,
            days=days,
        )  # fmt: skip
    else:
        with _desk(directory) as (desk, caller):
            document = effect_document(
                desk.effect(caller, rule=rule, level=level_of(level), key=key, days=days)
            )
    if as_json:
        print_json(document)
    else:
        print_effect(document)


def _act(
    alert_id: str, asked: AlertAct, directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    if url:
        body = {name: getattr(asked, name) for name in asked.__struct_fields__}
        document = Remote(url).post(f"/v1/alerts/{_part(alert_id)}", body)
    else:
        with _desk(directory) as (desk, caller):
            document = alert_document(do(desk, caller, alert_id, asked))
    if as_json:
        print_json(document)
    else:
        say(document)


def _print_silence(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_silences([document])


@contextmanager
def _desk(directory: Path | None) -> Iterator[tuple[AlertDesk, Caller]]:
    with open_local(need_directory(directory)) as ledger:
        yield ledger.reading().alerts, ledger.caller()


def _typed(key: tuple[tuple[str, str], ...]) -> str:
    from urllib.parse import urlencode  # noqa: PLC0415 - only for a server

    return urlencode(key)


def _part(text: str) -> str:
    """Return an id as a part of an address. Raises UsageError for what can be none."""
    if not text or not all(char in "0123456789abcdef-" for char in text):
        raise UsageError(f"{text[:64]!r} is no id of an alert or a silence")
    return text
