"""Chains of `| sequence` on a terminal; what it could not see is said on standard error."""

from typing import Any

from whodid.cli.options import plain, stderr, stdout
from whodid.cli.stats_table import print_newer

_COLOURS = {"success": "green", "denied": "red", "failure": "red"}


def print_chains(document: dict[str, Any]) -> None:
    """Print the chains of an answer."""
    for chain in document["chains"]:
        _print(document["by"], chain)
    shown, total = len(document["chains"]), document["total"]
    more = "" if document["total_is_exact"] else "at least "
    line = f"{shown:,} of {more}{total:,} {'chain' if total == 1 else 'chains'}"
    size = str(document["checkpoint"]).split("\n")[1:2]
    line += f", read at checkpoint {size[0]}" if size else ""
    stderr.print(line, markup=False)
    print_newer(document)
    if document.get("hidden_own"):
        stderr.print(f"{document['hidden_own']:,} of whodid's own are hidden; --own shows them")
    for warning in document["warnings"]:
        stderr.print(f"warning: {plain(str(warning))}", markup=False, style="yellow")
    if document.get("next"):
        stderr.print(f"more: --before {document['next']}", markup=False)


def _print(by: str, chain: dict[str, Any]) -> None:
    start = str(chain["start"])[:19].replace("T", " ")
    head = f"{start}  {by} {plain(str(chain['value']))}, in {chain['seconds']:,.3f} s"
    stdout.print(head, markup=False, style="bold")
    for step in chain["steps"]:
        event = step["event"]
        outcome = str(event.get("outcome", ""))
        line = f"  {_clock(step['at'])}  {plain(event['sentence'])}"
        if outcome and outcome != "success":
            line += f" ({outcome})"
        stdout.print(line, style=_COLOURS.get(outcome), markup=False)
        for doubt in step["doubts"]:
            stdout.print(f"            {plain(doubt)}", style="yellow", markup=False)


def _clock(at: str) -> str:
    return plain(at[11:19])
