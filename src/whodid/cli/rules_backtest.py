"""`whodid rules backtest RULE`."""

from pathlib import Path
from typing import Any

import click
from msgspec import Struct
from rich.table import Table

from whodid.app.backtesting import Backtest
from whodid.app.local import open_local
from whodid.app.rule_backtest.summary import is_excluded
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
from whodid.cli.rule_choice import Chosen, chosen, settings_of
from whodid.cli.rules_remote import backtest_there
from whodid.clock import to_rfc3339
from whodid.detection.alerts.alert import Silence
from whodid.detection.alerts.fingerprint import Tagger
from whodid.detection.backtest.noise import Noise, noise
from whodid.detection.finding import Finding
from whodid.query.phrase_words import counted
from whodid.serve.detection_plan import plan_of

_SHOWN = 20


class Exclusions(Struct, frozen=True):
    """What is excluded for good now; a silence has an end, and says nothing of the past."""

    silences: tuple[Silence, ...]
    tagger: Tagger

    def holds(self, finding: Finding) -> bool:
        """Tell whether the detector would mute alerts of a finding."""
        return is_excluded(finding, self.silences, self.tagger)


@click.command("backtest")
@click.argument("rule")
@click.option("--since", default="", metavar="TIME", help="Of events since then: 90d, 2026-11-01.")
@dir_option
@url_option
@json_option
def backtest_rules(
    rule: str, since: str, directory: Path | None, url: str | None, *, as_json: bool
) -> None:  # fmt: skip
    """Tell what RULE would have raised: a file, a folder, the id or name of a rule in use.

    How often, about whom, what of it is excluded, and what it took. What rules remember begins with
    the first event that is looked at. With --url the server looks, with a rule that it uses, over
    whole days (30).
    """
    if url:
        backtest_there(url, rule, since, as_json=as_json)
        return
    where = need_directory(directory)
    found, meant = backtest(rule, since, where)
    findings = [one for one in found.replayed.findings if one.rule.id in meant.wanted]
    excluded = exclusions_of(where)
    loud = noise(findings, found.first_us, found.last_us, excluded.holds)
    if as_json:
        print_json(_document(found, findings, loud, excluded))
        return
    _print(found, findings, loud, excluded)


def backtest(rule: str, since: str, directory: Path) -> tuple[Backtest, Chosen]:
    """Run a backtest of the rules that `rule` means. Raises WhodidError."""
    settings = settings_of(directory)
    meant = chosen(rule, directory, settings)
    for fault in meant.faults:
        place = f"{fault.path}:{fault.line}" if fault.line else fault.path
        stderr.print(f"{plain(place)}: {plain(fault.reason)}", style="yellow", markup=False)
    windows = plan_of(directory, settings.detection, live=False).windows
    with open_local(directory) as ledger:
        found = ledger.backtesting().run(ledger.caller(), meant.rules, moment(since), windows)
    for warning in found.warnings:
        stderr.print(f"warning: {plain(warning)}", style="yellow", markup=False)
    return found, meant


def exclusions_of(directory: Path) -> Exclusions:
    """Return the exclusions that hold now; who asks sees every event. Raises WhodidError."""
    with open_local(directory) as ledger:
        found = [one.silence for one in ledger.reading().alerts.silences(ledger.caller())]
        kept = tuple(one for one in found if one.kind == "exclusion")
        return Exclusions(kept, Tagger(ledger.state_keys.access))


def moment(since: str) -> str:
    """Return a time as searches write it: `90d` is 90 days ago."""
    return f"now-{since}" if since[:1].isdigit() and since[-1:] in tuple("smhdw") else since


def _document(
    found: Backtest, findings: list[Finding], loud: list[Noise], excluded: Exclusions
) -> dict[str, Any]:
    return {
        "rules": [
            {
                "id": item.rule.id, "title": item.rule.title, "level": item.rule.level,
                "findings": item.findings, "alerts": item.alerts, "excluded": item.excluded,
                "events": item.events,
                "alerts_a_day": item.alerts_a_day, "most_a_day": item.most_a_day,
                "keys": [{"key": key, "alerts": count} for key, count in item.keys],
            }
            for item in loud
        ],
        "findings": [
            {
                "rule": one.rule.id, "time": to_rfc3339(one.time_us), "count": one.count,
                "key": dict(one.key), "why": one.why, "stage": one.stage,
                "excluded": excluded.holds(one),
                "events": [match.id for match in one.matches],
            }
            for one in findings
        ],
        "exclusions": len(excluded.silences),
        "events": found.events, "opened": found.replayed.opened,
        "columns_read": found.columns_read,
        "unreadable": found.replayed.unreadable, "scan_seconds": found.scan_s,
        "replay_seconds": found.replay_s, "size": found.size, "warnings": found.warnings,
    }  # fmt: skip


def _print(
    found: Backtest, findings: list[Finding], loud: list[Noise], excluded: Exclusions
) -> None:
    if loud:
        table = Table(box=None, pad_edge=False, show_edge=False)
        for name in ("RULE", "LEVEL"):
            table.add_column(name, overflow="fold")
        for name in ("ALERTS", "EXCLUDED", "A DAY", "WORST DAY", "FINDINGS"):
            table.add_column(name, justify="right")
        for item in loud:
            table.add_row(
                plain(item.rule.title), item.rule.level, f"{item.alerts:,}",
                f"{item.excluded:,}", f"{item.alerts_a_day:.2g}", f"{item.most_a_day:,}",
                f"{item.findings:,}",
            )  # fmt: skip
        stdout.print(table)
        _print_most(findings, loud, excluded)
    else:
        stdout.print("nothing would have been raised")
    if excluded.silences:
        stderr.print(
            f"{sum(item.excluded for item in loud):,} of "
            f"{counted(sum(item.alerts for item in loud), 'alerts')} would be muted by "
            f"{counted(len(excluded.silences), 'exclusions')} in force",
            markup=False,
        )  # fmt: skip
    seconds = found.scan_s + found.replay_s
    rate = found.events / seconds if seconds else 0
    read = f", records of {found.columns_read:,} read for columns" if found.columns_read else ""
    stderr.print(
        f"{found.events:,} events looked at in {seconds:.1f} s ({rate:,.0f} a second), "
        f"{found.replayed.opened:,} of them opened{read}", markup=False,
    )  # fmt: skip


def _print_most(findings: list[Finding], loud: list[Noise], excluded: Exclusions) -> None:
    stdout.print()
    for item in loud[:_SHOWN]:
        for key, count in item.keys[:3]:
            stdout.print(f"{count:>7,}  {plain(key)}  {plain(item.rule.title)}", markup=False)
    stdout.print()
    for one in findings[-_SHOWN:]:
        time = to_rfc3339(one.time_us)[:19].replace("T", " ")
        muted = " (excluded)" if excluded.holds(one) else ""
        stdout.print(f"{time}  {plain(one.rule.title)}: {plain(one.why)}{muted}", markup=False)
    if len(findings) > _SHOWN:
        stdout.print(f"… the last {_SHOWN} of {len(findings):,} findings; --json has all")
