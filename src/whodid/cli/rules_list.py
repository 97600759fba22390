"""`whodid rules list`: the rules that are used."""

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from whodid.cli.options import dir_option, json_option, plain, print_json, stdout
from whodid.cli.rules_options import about_of, kind_of, paths_argument, read
from whodid.detection.rule import LEVELS, AnyRule


@click.command("list")
@paths_argument
@click.option("--level", type=click.Choice(LEVELS), help="Rules of this level or a graver one.")
@dir_option
@json_option
def list_rules(
    paths: tuple[Path, ...], level: str | None, directory: Path | None, *, as_json: bool
) -> None:
    """List the rules in PATHs; without one those of the ledger, else those that come with it."""
    read_rules = read(directory, paths)
    least = LEVELS.index(level) if level is not None else 0
    rules = [it for it in read_rules.rules if LEVELS.index(it.head.level) >= least]
    if as_json:
        print_json({"rules": [_document(it) for it in rules]})
        return
    table = Table(box=None)
    for title in ("LEVEL", "KIND", "ABOUT", "ID", "TITLE"):
        table.add_column(title)
    for rule in rules:
        words = (rule.head.level, kind_of(rule), about_of(rule), rule.head.id[:36], rule.head.title)
        style = "dim" if rule.silent else ""
        table.add_row(*(Text(plain(word), style) for word in words))
    stdout.print(table)
    silent = sum(it.silent for it in rules)
    note = f", {silent:,} of them only for correlations" if silent else ""
    faults = sum(not it.warning for it in read_rules.faults)
    bad = f"; {faults:,} could not be read, see `whodid rules check`" if faults else ""
    stdout.print(f"{len(rules):,} rules{note}{bad}", markup=False)


def _document(rule: AnyRule) -> dict[str, object]:
    head = rule.head
    return {
        "id": head.id, "name": head.name or None, "title": head.title, "level": head.level,
        "status": head.status or None, "kind": kind_of(rule), "about": about_of(rule),
        "silent": rule.silent, "tags": list(head.tags), "version": head.version,
        "path": head.path, "line": head.line,
    }  # fmt: skip
