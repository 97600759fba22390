"""`whodid rules backtest RULE --url URL`: the server looks, and this waits for its answer."""

import time
from typing import Any
from urllib.parse import quote

from rich.table import Table

from whodid.cli.options import plain, print_json, stderr, stdout
from whodid.cli.remote import Remote
from whodid.errors import UsageError

_ASK_S = 0.5
_DAYS_DEFAULT = 30
_FINDINGS_SHOWN = 20


def backtest_there(url: str, rule: str, since: str, *, as_json: bool) -> None:
    """Have a server look with a rule that it uses; interrupted, it is told to end.

    Raises UsageError for a time that is no number of days, and what `Remote` raises.
    """
    remote = Remote(url)
    run = remote.post("/v1/backtests", {"rule": rule, "days": days_of(since)})
    path = f"/v1/backtests/{quote(run['id'], safe='')}"
    try:
        while run["state"] == "running":
            time.sleep(_ASK_S)
            run = remote.get(path)
    except KeyboardInterrupt:
        remote.post(f"{path}/end", {})
        raise
    if run["answer"] is None:
        raise UsageError(run["error"] or "the backtest was ended by somebody")
    if as_json:
        print_json(run)
    else:
        _print(run)


def days_of(since: str) -> int:
    """Return `90d` as a number; 30 for nothing. Raises UsageError for another time."""
    if not since:
        return _DAYS_DEFAULT
    if since.endswith("d") and since[:-1].isascii() and since[:-1].isdigit() and len(since) < 6:
        return int(since[:-1])
    raise UsageError("a server looks back over whole days: --since 90d")


def _print(run: dict[str, Any]) -> None:
    found = run["answer"]
    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("RULE", "LEVEL"):
        table.add_column(name, overflow="fold")
    for name in ("ALERTS", "EXCLUDED", "A DAY", "WORST DAY", "FINDINGS"):
        table.add_column(name, justify="right")
    table.add_row(
        plain(run["title"]), run["level"], f"{found['alerts']:,}", f"{found['excluded']:,}",
        f"{found['alerts_a_day']:.2g}", f"{found['most_a_day']:,}", f"{found['findings']:,}",
    )  # fmt: skip
    stdout.print(table)
    for one in found["keys"][:3]:
        stdout.print(f"{one['alerts']:>7,}  {plain(one['key'])}", markup=False)
    for one in reversed(found["newest"][:_FINDINGS_SHOWN]):
        when = (one["time"] or "")[:19].replace("T", " ")
        stdout.print(f"{when}  {plain(one['why'])}", markup=False)
    for warning in found["warnings"]:
        stderr.print(f"warning: {plain(warning)}", style="yellow", markup=False)
    stderr.print(
        f"{found['looked']:,} events looked at in {found['seconds']:.1f} s, "
        f"{found['opened']:,} of them opened", markup=False,
    )  # fmt: skip
