"""`whodid rules tune RULE`."""

from pathlib import Path
from typing import Any, NamedTuple

import click

from whodid.app.local import open_local
from whodid.cli.options import dir_option, json_option, need_directory, plain, print_json, stdout
from whodid.cli.rules_backtest import backtest
from whodid.detection.backtest.noise import alerts_of
from whodid.detection.backtest.tune import Suggestion, suggestions
from whodid.detection.rule import Head


class _Told(NamedTuple):
    """Of a rule: how many alerts it would have raised, and what could be left out."""

    head: Head
    alerts: int
    suggestions: list[Suggestion]


@click.command("tune")
@click.argument("rule")
@click.option(
    "--since", default="90d", show_default=True, metavar="TIME", help="From history since then."
)
@dir_option
@json_option
def tune(rule: str, since: str, directory: Path | None, *, as_json: bool) -> None:
    """Suggest what to leave out of RULE: values that many of its alerts share, on several days.

    Each says how many alerts would be left. Whether a habit is harmless, only people can tell.
    """
    where = need_directory(directory)
    found, meant = backtest(rule, since, where)
    by_rule = {
        head.id: (head, [one for one in found.replayed.findings if one.rule.id == head.id])
        for head in (item.head for item in found.rules)
        if head.id in meant.wanted
    }
    with open_local(where) as ledger:
        values_of = ledger.backtesting().values_of(ledger.caller(), [
            match.entry
            for _, findings in by_rule.values()
            for one in findings
            for match in one.matches
        ])  # fmt: skip
    told = [
        _Told(head, len(alerts_of(findings)), suggestions(findings, values_of.get))
        for head, findings in by_rule.values()
    ]
    if as_json:
        print_json({"rules": [_document(one) for one in told]})
        return
    for one in told:
        _print(one)


def _document(told: _Told) -> dict[str, Any]:
    return {
        "id": told.head.id, "title": told.head.title, "alerts": told.alerts,
        "suggestions": [
            {"values": dict(item.values), "spares": item.alerts, "left": item.left,
             "days": item.days, "sigma": item.as_sigma()}
            for item in told.suggestions
        ],
    }  # fmt: skip


def _print(told: _Told) -> None:
    stdout.print(f"{plain(told.head.title)}: {told.alerts:,} alerts", markup=False)
    if not told.suggestions:
        stdout.print("  nothing that many of them share comes again on several days")
    for item in told.suggestions:
        shared = " and ".join(f"{name}={value}" for name, value in item.values)
        stdout.print(
            f"  without {plain(shared)}: {item.left:,} left "
            f"({item.alerts:,} fewer, on {item.days} days)", markup=False,
        )  # fmt: skip
    if told.suggestions:
        stdout.print()
        for line in told.suggestions[0].as_sigma().splitlines():
            stdout.print(plain(line), markup=False)
        stdout.print()
