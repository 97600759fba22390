"""`whodid profile KIND VALUE`."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from whodid.app.local import open_local
from whodid.app.profile import HEAT_DAYS, KINDS, NEWS_DAYS
from whodid.app.profile_document import profile_document
from whodid.cli.options import (
    dir_option,
    json_option,
    need_directory,
    plain,
    print_json,
    stderr,
    stdout,
    url_option,
)
from whodid.cli.remote import Remote

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHADES = "·░▒▓█"
_WIDE = 12


@click.command("profile")
@click.argument("kind", type=click.Choice(tuple(KINDS)))
@click.argument("value")
@dir_option
@url_option
@json_option
def command(
    kind: str, value: str, directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    """Tell all about one actor, resource or ip: KIND says what VALUE is.

    First and last seen, when in the week, the most frequent values, what is new in its last seven
    days, and who or what has most in common with it.
    """
    document = _document(kind, value, directory, url)
    if as_json:
        print_json(document)
        return
    _print(document)


def _document(kind: str, value: str, directory: Path | None, url: str | None) -> dict[str, Any]:
    if url:
        return Remote(url).get(f"/v1/profile/{kind}/{quote(value, safe='')}")
    with open_local(need_directory(directory)) as ledger:
        return profile_document(ledger.reading().profile(ledger.caller(), kind, value))


def _print(document: dict[str, Any]) -> None:
    if document["events"]:
        first, last = (str(document[name])[:16].replace("T", " ") for name in ("first", "last"))
        events = f"{document['events']:,} event{'s' if document['events'] != 1 else ''}"
        stdout.print(f"{plain(document['value'])}: {events}, {first} to {last} UTC", markup=False)
        _print_heat(document["heat"])
        for facet in document["facets"]:
            _print_facet(facet)
        _print_news(document["news"])
        _print_peers(document)
    else:
        stdout.print(f"no event names this {document['kind']}")
    if document["hidden_own"]:
        stderr.print(f"{document['hidden_own']:,} of whodid's own are not counted")
    for warning in document["warnings"]:
        stderr.print(plain(warning), style="yellow", markup=False)


def _print_heat(heat: list[list[int]]) -> None:
    """Print events by weekday and hour as shades, the darkest for the most."""
    most = max(max(hours) for hours in heat)
    stdout.print(f"\nby weekday and hour, UTC, of the last {HEAT_DAYS} days before its last event")
    for day, hours in zip(_DAYS, heat, strict=True):
        shades = (_SHADES[-(-events * (len(_SHADES) - 1) // most)] for events in hours)
        stdout.print(f"{day}  {''.join(shades)}", markup=False)


def _print_facet(facet: dict[str, Any]) -> None:
    if not facet["values"]:
        return
    more = facet["distinct"] - len(facet["values"])
    stdout.print(f"\n{facet['field']}" + (f", {more:,} more" if more > 0 else ""), markup=False)
    for one in facet["values"]:
        stdout.print(f"{one['count']:>{_WIDE},}  {plain(str(one['value']))}", markup=False)


def _print_news(news: list[dict[str, Any]] | None) -> None:
    if news is None:
        stdout.print(f"\nall of it is new: it is known for less than {NEWS_DAYS} days")
        return
    if news:
        stdout.print(f"\nnew in the last {NEWS_DAYS} days before its last event")
    for one in news:
        told = f"{one['field']} {plain(one['value'])}, since {one['first'][:16].replace('T', ' ')}"
        stdout.print(f"{one['events']:>{_WIDE},}  {told}", markup=False)


def _print_peers(document: dict[str, Any]) -> None:
    if document["peers"]:
        stdout.print(f"\nothers with the same {document['via']}")
    for peer in document["peers"]:
        told = f"{plain(peer['value'])}, in {peer['events']:,} events"
        stdout.print(f"{peer['shared']:>{_WIDE},}  {told}", markup=False)
