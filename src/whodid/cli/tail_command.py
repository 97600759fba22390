"""`whodid tail QUERY`."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from whodid.app.document import event_document
from whodid.app.local import open_local
from whodid.cli.options import (
    dir_option,
    need_directory,
    plain,
    print_json,
    stdout,
    url_option,
)
from whodid.cli.remote import Remote
from whodid.cli.search_command import when_of
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
    with contextlib.suppress(KeyboardInterrupt):
        for event in events:
            if as_json:
                print_json(event, indent=0)
            else:
                line = f"{when_of(event)}  {plain(str(event.get('sentence', '')))}"
                stdout.print(line, markup=False)


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
