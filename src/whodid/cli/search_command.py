"""`whodid search QUERY`."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from whodid.app.chains import chains_document
from whodid.app.count_document import table_document
from whodid.app.document import answer_document, with_meant
from whodid.app.local import open_local
from whodid.app.ocsf_answer import ocsf_answer_document
from whodid.cli.chain_table import print_chains
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
from whodid.cli.output_file import write_whole
from whodid.cli.remote import Remote
from whodid.cli.stats_table import print_newer, print_table
from whodid.errors import QueryError, UsageError
from whodid.query.meant import Meant, corrected, meant
from whodid.query.parse import parse

_WIDE_COLUMNS = 110
_COLOURS = {"success": "green", "denied": "red", "failure": "red"}


@click.command("search")
@click.argument("query", nargs=-1)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--before", help="Go on behind this place (the `next` of an answer).")
@click.option(
    "--at", type=click.IntRange(1), metavar="SIZE",
    help="Answer as of the first SIZE entries of the log.",
)  # fmt: skip
@click.option("--own", is_flag=True, help="Show whodid's own events too.")
@click.option("--no-total", is_flag=True, help="Do not count on when the page is full.")
@click.option("--ocsf", is_flag=True, help="Print each event as OCSF, one JSON object a line.")
@click.option(
    "--prove",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all of the answer with a proof that nothing is missing; `whodid check` reads it.",
)
@dir_option
@url_option
@json_option
def command(
    query: tuple[str, ...], limit: int, before: str | None, at: int | None, directory: Path | None,
    url: str | None, prove: Path | None, *, own: bool, no_total: bool, ocsf: bool, as_json: bool,
) -> None:  # fmt: skip
    """Search: newest first. QUERY is like `actor:alice access:read time:[now-7d TO now]`.

    `| stats by (actor) count() | sort -count | limit 10` behind it (in quotes) makes a table,
    `| sequence by actor [access:authenticate] -> [access:read] within 5m` finds chains of events.
    """
    text = " ".join(query)
    try:
        if prove is not None:
            if before or ocsf or as_json or at:
                raise UsageError("--prove writes one document; leave out --before, --ocsf, --json")
            _prove(text, prove, directory, url, own=own)
            return
        document = _answer(
            text, limit, before, at, directory, url, own=own, total=not no_total, ocsf=ocsf
        )
    except QueryError as error:
        if not as_json:
            _point(text, error)
        raise
    other = meant(parse(text))
    if as_json:
        print_json(with_meant(document, other))
        return
    if not before:
        _print_meant(other)
    _show(document, ocsf=ocsf)


def _show(document: dict[str, Any], *, ocsf: bool) -> None:
    if ocsf:
        for event in document["events"]:
            print_json(event, indent=0)
        _print_remarks(document)
    elif "columns" in document:
        print_table(document)
    elif "chains" in document:
        print_chains(document)
    else:
        _print(document)


def _answer(
    text: str, limit: int, before: str | None, at: int | None, directory: Path | None,
    url: str | None, *, own: bool, total: bool, ocsf: bool,
) -> dict[str, Any]:  # fmt: skip
    if url:
        return Remote(url).get(
            "/v1/search", q=text, limit=limit, before=before, own="1" if own else None,
            at=at, total=None if total else "0", **({"as": "ocsf"} if ocsf else {}),
        )  # fmt: skip
    with open_local(need_directory(directory)) as ledger:
        reading = ledger.reading()
        query = parse(text)
        if query.sequence is not None:
            if ocsf:
                raise UsageError("chains have no form in OCSF")
            return chains_document(
                reading.chains(ledger.caller(), text, limit=limit, before=before, own=own)
                if at is None
                else reading.chains_at(
                    ledger.caller(), text, at, limit=limit, before=before, own=own
                )
            )
        if query.stats is not None:
            if before or ocsf:
                raise UsageError("a table has one page and no OCSF; | limit makes it longer")
            return table_document(
                reading.table(ledger.caller(), text, own=own)
                if at is None
                else reading.table_at(ledger.caller(), text, at, own=own)
            )
        found = (
            reading.search(ledger.caller(), text, limit=limit, before=before, own=own, total=total)
            if at is None
            else reading.search_at(ledger.caller(), text, at, limit=limit, before=before, own=own)
        )
    return ocsf_answer_document(found) if ocsf else answer_document(found)


def _prove(text: str, path: Path, directory: Path | None, url: str | None, *, own: bool) -> None:
    if url:
        more = {"own": "1"} if own else {}
        size = write_whole(path, Remote(url).content("/v1/search", q=text, prove="1", **more))
    else:
        with open_local(need_directory(directory)) as ledger:
            data = ledger.reading().prove(ledger.caller(), text, own=own).encode()
        size = write_whole(path, [data])
    name = plain(str(path))
    stderr.print(f"{size:,} bytes in {name}: `whodid check {name}` checks it", markup=False)


def _point(text: str, error: QueryError) -> None:
    places = {one.position for one in (error, *error.others)}
    carets = "".join("^" if place in places else " " for place in range(max(places) + 1))
    stderr.print(plain(text), markup=False)
    stderr.print(carets, markup=False)
    # behind the messages, which are printed when the command has ended
    end = click.get_current_context().find_root()
    end.call_on_close(lambda: _print_meant(corrected(text, error)))


def _print_meant(other: Meant | None) -> None:
    """Print another search that may have been meant, and why it is not the one that was typed."""
    if other is None:
        return
    stderr.print(f"did you mean: {plain(other.text)}", markup=False, style="yellow")
    for why in other.reasons:
        stderr.print(f"  {plain(why)}", markup=False)


def event_table(documents: list[dict[str, Any]]) -> Table:
    """Return events as a table of sentences; a narrow terminal gets fewer columns."""
    wide = stdout.width >= _WIDE_COLUMNS
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("TIME (UTC)", no_wrap=True)
    table.add_column("WHAT", ratio=1, overflow="fold")
    if wide:
        table.add_column("OUTCOME", no_wrap=True)
        table.add_column("SOURCE", no_wrap=True)
    table.add_column("ID", no_wrap=True)
    for event in documents:
        outcome = str(event.get("outcome") or "-")
        cells = [
            Text(when_of(event)),
            Text(plain(str(event.get("sentence", "")))),
            Text(plain(outcome), _COLOURS.get(outcome, "dim")),
            Text(plain(str(event.get("source", "")))),
            Text(plain(str(event.get("id", "")))),
        ]
        table.add_row(*(cells if wide else (cells[0], cells[1], cells[4])))
    return table


def when_of(event: dict[str, Any]) -> str:
    """Return an event's time to the second, as people read it."""
    when = str(event.get("time") or event.get("received") or "")
    return plain(when[:19].replace("T", " "))


def _print(document: dict[str, Any]) -> None:
    if document["events"]:
        stdout.print(event_table(document["events"]))
    _print_remarks(document)


_COUNTS = ("alone", "without")


def _clause(clause: dict[str, Any]) -> str:
    """Say what a part of a search that found nothing finds alone, and the others without it."""
    least = {name: "" if clause.get(f"{name}_is_exact", True) else "at least " for name in _COUNTS}
    said = [f"alone {least['alone']}{clause['alone']:,}"]
    if clause["without"] is not None:
        said.append(f"without it {least['without']}{clause['without']:,}")
    if clause["near"]:
        said.append(f"did you mean {' or '.join(clause['near'])}?")
    return f"  {clause['text']}: {', '.join(said)}"


def _print_remarks(document: dict[str, Any]) -> None:
    more = "" if document["total_is_exact"] else "at least "
    shown = len(document["events"])
    line = f"{shown:,} of {more}{document['total']:,} events"
    size = str(document["checkpoint"]).split("\n")[1:2]
    line += f", read at checkpoint {size[0]}" if size else ""
    stderr.print(line, markup=False)
    print_newer(document)
    if document.get("hidden_own"):
        stderr.print(f"{document['hidden_own']:,} of whodid's own are hidden; --own shows them")
    for warning in document["warnings"]:
        stderr.print(f"warning: {plain(str(warning))}", markup=False, style="yellow")
    for clause in document.get("clauses", ()):
        stderr.print(plain(_clause(clause)), markup=False)
    if document.get("next"):
        stderr.print(f"more: --before {document['next']}", markup=False)
