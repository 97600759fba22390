"""`whodid show ID [--proof]`."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from whodid.app.document import event_document, proof_document
from whodid.app.local import open_local
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


@click.command("show")
@click.argument("event_id", metavar="ID")
@click.option("--proof", "with_proof", is_flag=True, help="With its inclusion proof.")
@dir_option
@url_option
@json_option
def command(
    event_id: str, directory: Path | None, url: str | None, *, with_proof: bool, as_json: bool
) -> None:
    """Show the event ID with all its fields."""
    document = _document(event_id, directory, url, with_proof=with_proof)
    if as_json:
        print_json(document)
        return
    proof = document.pop("proof", None)
    _print(document)
    if proof:
        stdout.print("\nproof", style="bold")
        _print(proof)


def _document(
    event_id: str, directory: Path | None, url: str | None, *, with_proof: bool
) -> dict[str, Any]:
    if url:
        path = f"/v1/events/{quote(event_id, safe='')}"
        return Remote(url).get(f"{path}/proof" if with_proof else path)
    with open_local(need_directory(directory)) as ledger:
        reading = ledger.reading()
        if not with_proof:
            return event_document(reading.event(ledger.caller(), event_id))
        hit, proof = reading.proof(ledger.caller(), event_id)
    return {**event_document(hit), "proof": proof_document(proof)}


def _print(document: dict[str, Any]) -> None:
    for key, value in document.items():
        if key == "details":
            continue
        shown = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
        first, *rest = shown.rstrip("\n").split("\n")
        stdout.print(f"{key:<20} {plain(first)}", markup=False)
        for line in rest:
            stdout.print(f"{'':<20} {plain(line)}", markup=False)
