"""`whodid overview`."""

from pathlib import Path
from typing import Any

import click

from whodid.app.local import open_local
from whodid.app.overview import PERIODS
from whodid.app.overview_document import overview_document
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

_LISTS = (("top", ""), ("new", "new "), ("gone", "not used any more: "))
_WIDE = 14


@click.command("overview")
@click.option(
    "--period", type=click.Choice(tuple(PERIODS)), default="week", show_default=True,
    help="How long, up to now; a month is 30 days.",
)  # fmt: skip
@dir_option
@url_option
@json_option
def command(period: str, directory: Path | None, url: str | None, *, as_json: bool) -> None:
    """Show who used what, what was refused, what changed and what is not used any more.

    The period is told against the one before it; new, or not used any more, is what has no event
    in the four periods before it, or in it.
    """
    document = _document(period, directory, url)
    if as_json:
        print_json(document)
        return
    _print(document)


def _document(period: str, directory: Path | None, url: str | None) -> dict[str, Any]:
    if url:
        return Remote(url).get("/v1/overview", period=period)
    with open_local(need_directory(directory)) as ledger:
        return overview_document(ledger.reading().overview(ledger.caller(), period))


def _print(document: dict[str, Any]) -> None:
    start, end = (str(document[name])[:16].replace("T", " ") for name in ("start", "end"))
    stdout.print(f"{start} to {end} UTC")
    _say("events", document["events"])
    for outcome in ("denied", "failure"):
        if outcome in document["outcomes"]:
            _say(outcome, document["outcomes"][outcome])
    for name, title in _LISTS:
        for field in document["fields"]:
            _print_list(title + field["fields"][0], field[name], gone=name == "gone")
    if document["pairs"] is not None:
        _print_list("new together: actor, resource", document["pairs"]["new"])
    if document["refused"]:
        stdout.print("\nrefused and failed most")
    for one in document["refused"]:
        stdout.print(
            f"{one['events']:>{_WIDE},}  {plain(one['actor'])} {plain(one['outcome'])}",
            markup=False,
        )
    for warning in document["warnings"]:
        stderr.print(plain(warning), style="yellow", markup=False)


def _say(title: str, counts: dict[str, int]) -> None:
    stdout.print(f"{counts['now']:>{_WIDE},}  {title}, {counts['last']:,} in the period before")


def _print_list(title: str, ranked: dict[str, Any], *, gone: bool = False) -> None:
    rows = ranked["rows"]
    if not rows:
        return
    stdout.print(f"\n{title}" + (f" ({ranked['total']:,})" if ranked["total"] else ""))
    for row in rows:
        events = row["last"] + row["earlier"] if gone else row["now"]
        values = ", ".join(plain(value) for value in row["values"])
        stdout.print(f"{events:>{_WIDE},}  {values}", markup=False)
