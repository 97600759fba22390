"""`whodid rules tune RULE`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import click

from whodid.app.local import open_local
from whodid.cli.options import dir_option, json_option, need_directory, plain, print_json, stdout
from whodid.cli.rules_backtest import backtest, exclusions_of
from whodid.detection.backtest.noise import alerts_of
from whodid.detection.backtest.tune import Suggestion, suggestions
from whodid.detection.finding import Finding
from whodid.detection.rule import Head
from whodid.query.phrase_words import counted


class _Told(NamedTuple):
    """Of a rule: the alerts it would have raised, and what could be left out of them.

    `excluded` further ones would be muted already; nothing is suggested of these.
    """

    head: Head
    alerts: int
    excluded: int
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

    Each says how many alerts would be left. What exclusions in force mute is counted apart. Whether
    a habit is harmless, only people can tell.
    """
    where = need_directory(directory)
    found, meant = backtest(rule, since, where)
    excluded = exclusions_of(where)
    loud = _by_rule(one for one in found.replayed.findings if not excluded.holds(one))
    muted = _by_rule(one for one in found.replayed.findings if excluded.holds(one))
    heads = [item.head for item in found.rules if item.head.id in meant.wanted]
    with open_local(where) as ledger:
        values_of = ledger.backtesting().values_of(ledger.caller(), [
            match.entry for head in heads for one in loud.get(head.id, ()) for match in one.matches
        ])  # fmt: skip
    told = [
        _Told(
            head, len(alerts_of(loud.get(head.id, ()))), len(alerts_of(muted.get(head.id, ()))),
            suggestions(loud.get(head.id, ()), values_of.get),
        )
        for head in heads
    ]  # fmt: skip
    if as_json:
        rules = [_document(one) for one in told]
        print_json({"rules": rules, "exclusions": len(excluded.silences)})
        return
    for one in told:
        _print(one)


def _by_rule(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    by_rule: dict[str, list[Finding]] = {}
    for one in findings:
        by_rule.setdefault(one.rule.id, []).append(one)
    return by_rule


def _document(told: _Told) -> dict[str, Any]:
    return {
        "id": told.head.id, "title": told.head.title, "alerts": told.alerts,
        "excluded": told.excluded,
        "suggestions": [
            {"values": dict(item.values), "spares": item.alerts, "left": item.left,
             "days": item.days, "sigma": item.as_sigma()}
            for item in told.suggestions
        ],
    }  # fmt: skip


def _print(told: _Told) -> None:
    more = f", {told.excluded:,} more muted by exclusions in force" if told.excluded else ""
    title = plain(told.head.title)
    stdout.print(f"{title}: {counted(told.alerts, 'alerts')}{more}", markup=False)
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
