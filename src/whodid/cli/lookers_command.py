"""`whodid lookers [QUERY]`."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from whodid.app.local import open_local
from whodid.app.lookers import SUBJECTS
from whodid.app.lookers_document import lookers_document
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
from whodid.limits import PAGE_ROWS_MAX


@click.command("lookers")
@click.argument("query", nargs=-1)
@click.option(
    "--of", "subject", nargs=2, type=(click.Choice(SUBJECTS), str), metavar="KIND VALUE",
    help="Only looks at one actor, resource, ip, event or trace.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1, PAGE_ROWS_MAX), default=20, show_default=True)
@dir_option
@url_option
@json_option
def command(
    query: tuple[str, ...],
    subject: tuple[str, str] | None,
    limit: int,
    directory: Path | None,
    url: str | None,
    *,
    as_json: bool,
) -> None:
    """Tell who looked: searches, exports, pages read, and attempts that were refused.

    QUERY chooses among these looks, such as `actor:rita time:today`.
    """
    document = _document(" ".join(query), subject or (None, ""), limit, directory, url)
    if as_json:
        print_json(document)
        return
    _print(document)


def _document(
    text: str, subject: tuple[str | None, str], limit: int, directory: Path | None, url: str | None
) -> dict[str, Any]:
    kind, value = subject
    if url:
        return Remote(url).get(
            "/v1/lookers", q=text, of=kind, named=value if kind else None, limit=limit
        )
    with open_local(need_directory(directory)) as ledger:
        return lookers_document(
            ledger.reading().lookers(ledger.caller(), text, kind=kind, value=value, limit=limit)
        )


def _print(document: dict[str, Any]) -> None:
    if document["lookers"]:
        stdout.print(_people(document["lookers"]))
        stdout.print()
    for event in reversed(document["looks"]):
        refused = event.get("outcome") == "denied"
        text = event.get("statement") if event.get("resource.type") == "ledger" else None
        line = f"{event['time'][:19].replace('T', ' ')}  {plain(event['sentence'])}"
        line += f"  {plain(text)}" if text else ""
        if refused:
            line += f"  (denied: {plain(event.get('reason', ''))})"
        stdout.print(line, style="red" if refused else None, markup=False)
    shown, total = len(document["looks"]), document["total"]
    stderr.print(f"{shown:,} of {total:,} looks, {document['denied']:,} refused", markup=False)
    if document["only_own"]:
        stderr.print("your rights show your own looks, not those of others")
    for warning in document["warnings"]:
        stderr.print(plain(warning), style="yellow", markup=False)


def _people(lookers: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("WHO", "DID", "ROWS", "REFUSED", "LAST"):
        table.add_column(name, justify="right" if name in {"ROWS", "REFUSED"} else "left")
    for one in lookers:
        most = sorted(one["acts"].items(), key=lambda item: -item[1])
        table.add_row(
            plain(one["actor"]), ", ".join(f"{plain(act)} {times:,}" for act, times in most),
            "-" if one["rows"] is None else f"{one['rows']:,}", f"{one['denied']:,}",
            one["last"][:19].replace("T", " "),
        )  # fmt: skip
    return table
