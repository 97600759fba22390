"""A table of `| stats` on a terminal; what it could not see is said on standard error."""

from typing import Any

from rich.table import Table
from rich.text import Text

from whodid.cli.options import plain, stderr, stdout

_MISSING = "-"


def print_table(document: dict[str, Any]) -> None:
    """Print the table of an answer."""
    columns, rows = document["columns"], document["rows"]
    if rows:
        stdout.print(_table(columns, rows))
    shown, total = len(rows), document["total_groups"]
    groups = f"{shown:,} of {total:,}" if shown != total else f"{total:,}"
    more = "" if document["events_is_exact"] else "at least "
    noun = "group" if total == 1 else "groups"
    line = f"{groups} {noun} of {more}{document['events']:,} events"
    size = str(document["checkpoint"]).split("\n")[1:2]
    line += f", read at checkpoint {size[0]}" if size else ""
    stderr.print(line, markup=False)
    print_newer(document)
    if document.get("hidden_own"):
        stderr.print(f"{document['hidden_own']:,} of whodid's own are hidden; --own shows them")
    for warning in document["warnings"]:
        stderr.print(f"warning: {plain(str(warning))}", markup=False, style="yellow")


def print_newer(document: dict[str, Any]) -> None:
    """Say how much longer the log is, of an answer as of an older size."""
    if document.get("newer") is not None:
        stderr.print(
            f"as of the first {document['size']:,} entries; {document['newer']:,} are newer"
        )


def _table(columns: list[dict[str, Any]], rows: list[list[Any]]) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in columns:
        number = column["kind"] in {"number", "mean"}
        table.add_column(
            plain(str(column["name"]).upper()), justify="right" if number else "left",
            overflow="fold",
        )  # fmt: skip
    for row in rows:
        pairs = zip(columns, row, strict=True)
        table.add_row(*(_cell(column["kind"], value) for column, value in pairs))
    return table


def _cell(kind: str, value: Any) -> Text:
    if value is None:
        return Text(_MISSING, "dim")
    if kind == "mean":
        return Text(f"{value:,.2f}")
    if kind == "number":
        return Text(f"{value:,}")
    if kind == "time":
        return Text(plain(str(value)[:19].replace("T", " ")))
    return Text(plain(str(value).lower() if kind == "state" else str(value)))
