"""`whodid sql 'select …'`."""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table
from rich.text import Text

from whodid.app.local import open_local
from whodid.app.sql.answer import sql_document
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
from whodid.cli.stats_table import print_newer
from whodid.errors import QueryError

_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "BIGINT", "HUGEINT")


@click.command("sql")
@click.argument("sql")
@click.option("--events", "text", default="", help="A search: the table has its events only.")
@click.option(
    "--at", type=click.IntRange(1), metavar="SIZE",
    help="Answer as of the first SIZE entries of the log.",
)  # fmt: skip
@click.option("--own", is_flag=True, help="Whodid's own events too.")
@dir_option
@url_option
@json_option
def command(
    sql: str, text: str, at: int | None, directory: Path | None, url: str | None, *, own: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Ask the table `events` with one SELECT of DuckDB's SQL; nothing can be changed.

    It has a column for each field, such as actor_id, resource_name, time. `select * from events
    limit 1` shows them.
    """
    try:
        document = _answer(sql, text, at, directory, url, own=own)
    except QueryError as error:
        if not as_json and "\n" not in sql and error.position <= len(sql):
            stderr.print(plain(sql), markup=False)
            stderr.print(" " * error.position + "^", markup=False)
        raise
    if as_json:
        print_json(document)
    else:
        _print(document)


def _answer(
    sql: str, text: str, at: int | None, directory: Path | None, url: str | None, *, own: bool
) -> dict[str, Any]:
    if url:
        return Remote(url).get("/v1/sql", sql=sql, q=text or None, own="1" if own else None, at=at)
    with open_local(need_directory(directory)) as ledger:
        answer = ledger.reading().sql(ledger.caller(), sql, text, own=own, at=at)
        whole = b"".join(sql_document(answer))
    document: dict[str, Any] = msgspec.json.decode(whole)
    return document


def _print(document: dict[str, Any]) -> None:
    columns, rows = document["columns"], document["rows"]
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in columns:
        number = column["type"].endswith(_NUMBERS) or column["type"].startswith("DECIMAL")
        name = plain(str(column["name"]))
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    if rows:
        stdout.print(table)
    count = f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'}"
    line = f"{count}{', and there are more' if document['more'] else ''}"
    line += f", from {document['events']:,} events"
    size = str(document["checkpoint"]).split("\n")[1:2]
    stderr.print(line + (f", read at checkpoint {size[0]}" if size else ""), markup=False)
    print_newer(document)
    if document.get("hidden_own"):
        stderr.print(f"{document['hidden_own']:,} of whodid's own are hidden; --own shows them")
    for warning in document["warnings"]:
        stderr.print(f"warning: {plain(str(warning))}", markup=False, style="yellow")


def _cell(value: Any) -> Text:
    if value is None:
        return Text("-", "dim")
    if isinstance(value, str):
        return Text(plain(value))
    return Text(plain(msgspec.json.encode(value).decode()))
