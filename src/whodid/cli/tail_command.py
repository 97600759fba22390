"""`whodid tail QUERY`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from whodid.app.document import event_document
from whodid.app.local import open_local
from whodid.cli.options import dir_option, need_directory, stdout, url_option
from whodid.cli.remote import Remote
from whodid.errors import UsageError

_POLL_S = 0.3


@click.command("tail")
@click.argument("query", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line.")
@dir_option
@url_option
def command(
    query: tuple[str, ...], directory: Path | None, url: str | None, *, as_json: bool
) -> None:
    """Follow new events that match QUERY, until interrupted; needs a running server."""
    text = " ".join(query)
    events = Remote(url).events("/v1/tail", q=text) if url else _local(directory, text)
    for event in events:
        if as_json:
            click.echo(_line(event))
        else:
            when = str(event.get("time") or event.get("received") or "")[:19].replace("T", " ")
            stdout.print(f"{when}  {event.get('sentence', '')}", markup=False)


def _line(event: dict[str, Any]) -> str:
    import msgspec  # noqa: PLC0415 - only for --json

    return msgspec.json.encode(event).decode()


def _local(directory: Path | None, text: str) -> Iterator[dict[str, Any]]:
    with open_local(need_directory(directory)) as ledger:
        if ledger.alone:
            raise UsageError("nothing to follow: no server runs on this ledger (`whodid serve`)")
        following = ledger.reading().follow(ledger.caller(), text)
        while True:
            hits = following.poll()
            for hit in hits:
                yield event_document(hit)
            if not hits:
                time.sleep(_POLL_S)
