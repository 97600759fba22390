"""`whodid trace ID`."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from whodid.app.local import open_local
from whodid.app.trace_document import trace_document
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

_COLOURS = {"denied": "red", "failure": "red"}
_MINUTE_S, _HOUR_S = 60, 3600


@click.command("trace")
@click.argument("trace_id", metavar="ID")
@click.option("--stated", is_flag=True, help="Without what is only inferred to belong to it.")
@dir_option
@url_option
@json_option
def command(
    trace_id: str, directory: Path | None, url: str | None, *, stated: bool, as_json: bool
) -> None:
    """Tell the story of ID across all systems, oldest step first.

    ID is a correlation, trace, request or session id, or the id of an event. Events that state
    another id together with it lead on. A ~ marks a step that is only inferred to belong to it.
    """
    document = _document(trace_id, directory, url, stated=stated)
    if as_json:
        print_json(document)
        return
    _print(document)


def _document(
    trace_id: str, directory: Path | None, url: str | None, *, stated: bool
) -> dict[str, Any]:
    if url:
        path = f"/v1/trace/{quote(trace_id, safe='')}"
        return Remote(url).get(path, inferred="0" if stated else None)
    with open_local(need_directory(directory)) as ledger:
        answer = ledger.reading().trace(ledger.caller(), trace_id, inferred=not stated)
        return trace_document(answer)


def _print(document: dict[str, Any]) -> None:
    steps = document["steps"]
    if steps:
        count = f"{len(steps)} event{'s' if len(steps) != 1 else ''}"
        systems = ", ".join(map(plain, document["systems"]))
        stdout.print(f"{document['start']}  {count} in {document['seconds']:.3f} s: {systems}\n")
    elif own := document["hidden_own"]:
        told = "1 own event" if own == 1 else f"{own:,} own events"
        stdout.print(f"only {told} of whodid: in no story, `whodid search --own` shows them")
    else:
        stdout.print("nothing has this id")
    gaps = {gap["after"]: gap["seconds"] for gap in document["gaps"]}
    wide = max((len(step["system"]) for step in steps), default=0)
    for number, step in enumerate(steps):
        event = step["event"]
        mark = "~" if step["link"]["inferred"] else " "
        outcome = event.get("outcome", "")
        line = (
            f"{mark}{step['offset_seconds']:>+11.3f} s  {plain(step['system']):<{wide}}  "
            f"{plain(event['sentence'])}"
        )
        if outcome and outcome != "success":
            line += f" ({outcome})"
        stdout.print(line, style=_COLOURS.get(outcome), markup=False)
        for doubt in step["doubts"]:
            stdout.print(f"{'':15}{'':<{wide}}  {plain(doubt)}", style="yellow", markup=False)
        if number in gaps:
            stdout.print(f"{'':15}… nothing for {_long(gaps[number])}", style="dim", markup=False)
    for warning in document["warnings"]:
        stderr.print(plain(warning), style="yellow", markup=False)


def _long(seconds: float) -> str:
    if seconds >= _HOUR_S:
        return f"{seconds / _HOUR_S:.1f} hours"
    return f"{seconds / _MINUTE_S:.1f} minutes"
