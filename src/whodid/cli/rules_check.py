"""`whodid rules check`: what cannot be read of rules, and which can never match here."""

from pathlib import Path

import click

from whodid.app.local import open_local
from whodid.app.rule_checking import Checked, check_rules
from whodid.cli.options import dir_option, json_option, plain, print_json, stdout
from whodid.cli.rules_options import paths_argument, read, windows
from whodid.cli.rules_summary import summary


@click.command("check")
@paths_argument
@dir_option
@json_option
def check(paths: tuple[Path, ...], directory: Path | None, *, as_json: bool) -> None:
    """Check the rules in PATHs; without one those of the ledger, else those that come with it.

    With a ledger (--dir) its sources, and the fields of events that came, count too. Ends with 1
    when a rule cannot be read or can never match; YAML that is no rule is told, too.
    """
    found = read(directory, paths)
    if directory is None:
        found = check_rules(found, None, windows(None))
    else:
        with open_local(directory) as ledger:
            found = check_rules(found, ledger, windows(directory))
    bad = [fault for fault in found.faults if not fault.warning]
    if as_json:
        print_json(_document(found))
    else:
        _show(found)
    if bad or found.blind:
        click.get_current_context().exit(1)


def _document(found: Checked) -> dict[str, object]:
    return {
        "rules": len(found.rules),
        "records": found.records,
        "faults": [
            {"path": it.path, "line": it.line, "reason": it.reason, "title": it.title,
             "warning": it.warning, "foreign": it.foreign}
            for it in found.faults
        ],
        "unmatchable": [
            {"id": it.rule.id, "title": it.rule.title, "path": it.rule.path, "line": it.rule.line,
             "why": it.why, "reason": it.reason, "fields": list(it.fields)}
            for it in found.blind
        ],
    }  # fmt: skip


def _show(found: Checked) -> None:
    for fault in found.faults:
        kind = "warning: " if fault.warning else ""
        stdout.print(plain(f"{fault.path}:{fault.line}: {kind}{fault.reason}"), markup=False)
    for blind in found.blind:
        place = f"{blind.rule.path}:{blind.rule.line}: "
        stdout.print(plain(f"{place}cannot match: {blind.reason}"), markup=False)
    for line in summary(found):
        stdout.print(plain(line), markup=False)
