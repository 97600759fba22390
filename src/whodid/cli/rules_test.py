"""`whodid rules test`: rules on their fixtures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from whodid.cli.options import dir_option, json_option, plain, print_json, stderr, stdout

_RULES_SHOWN = 40


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@dir_option
@json_option
def test_rules(paths: tuple[Path, ...], directory: Path | None, *, as_json: bool) -> None:
    """Run rules on their fixtures; exit code 1 when one does not do what its fixture says.

    PATH is a file or folder of rules; without one, the packs that come with whodid and DIR/rules
    are tested. NAME.test.json is the fixture of NAME.yml.
    """
    from whodid.detection.fixtures.suite import run_fixtures  # noqa: PLC0415 - pysigma is slow
    from whodid.detection.packs import PACKS  # noqa: PLC0415 - as above
    from whodid.ledger.layout import RULES  # noqa: PLC0415 - as above

    chosen = list(paths) or [PACKS]
    if not paths and directory is not None and (directory / RULES).is_dir():
        chosen.append(directory / RULES)
    report = run_fixtures(chosen)
    document = _document(report)
    if as_json:
        print_json(document)
    else:
        _print(document, report.tried)
    if not report.ok:
        click.get_current_context().exit(1)


def _document(report: Any) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "rules": len({one.rule for one in report.tried}),
        "cases": len(report.tried),
        "failed": [
            {"rule": one.rule, "title": one.title, "path": one.path, "kind": one.kind,
             "case": one.case, "findings": one.findings, "reason": one.reason}
            for one in report.failed
        ],
        "untested": [rule.head.name or rule.head.id for rule in report.untested],
        "stray": list(report.stray),
        "faults": [
            {"path": fault.path, "line": fault.line, "reason": fault.reason,
             "warning": fault.warning}
            for fault in report.faults
        ],
    }  # fmt: skip


def _print(document: dict[str, Any], tried: Sequence[Any]) -> None:
    by_rule = document["rules"] <= _RULES_SHOWN
    counted: dict[str, list[int]] = {}
    for one in tried:
        row = counted.setdefault(one.rule if by_rule else Path(one.path).parent.name, [0, 0, 0])
        row[one.kind != "positive"] += 1
        row[2] += not one.ok
    table = Table(box=None, pad_edge=False)
    table.add_column("RULE" if by_rule else "PACK")
    for name in ("POSITIVE", "NEAR MISS", "FAILED"):
        table.add_column(name, justify="right")
    for name, row in counted.items():
        table.add_row(plain(name), *(f"{number:,}" for number in row))
    if counted:
        stdout.print(table, markup=False)
    for one in document["failed"]:
        said = f"{one['case']!r} ({one['kind'].replace('_', ' ')}): " if one["case"] else ""
        stdout.print(f"✗ {plain(one['rule'])}: {plain(said + one['reason'])}", markup=False)
    _print_faults(document)
    rules, cases = document["rules"], document["cases"]
    stdout.print(f"{rules:,} rules, {cases:,} cases, {len(document['failed']):,} failed")


def _print_faults(document: dict[str, Any]) -> None:
    for path in document["stray"]:
        stdout.print(f"✗ {plain(path)}: no rule has this fixture", markup=False)
    for fault in document["faults"]:
        place = f"{fault['path']}:{fault['line']}: {fault['reason']}"
        mark = "?" if fault["warning"] else "✗"
        stdout.print(f"{mark} {plain(place)}", markup=False)
    if document["untested"]:
        names = ", ".join(document["untested"][:_RULES_SHOWN])
        stderr.print(f"without a fixture: {plain(names)}", markup=False, style="yellow")
