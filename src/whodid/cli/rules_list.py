"""`whodid rules list`: the rules that are used."""

from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from whodid.app.rule_standing import about_of, kind_of
from whodid.cli.options import dir_option, json_option, plain, print_json, stdout, url_option
from whodid.cli.remote import Remote
from whodid.cli.rules_options import paths_argument, read
from whodid.detection.rule import LEVELS, AnyRule
from whodid.errors import UsageError


@click.command("list")
@paths_argument
@click.option("--level", type=click.Choice(LEVELS), help="Rules of this level or a graver one.")
@dir_option
@url_option
@json_option
def list_rules(
    paths: tuple[Path, ...], level: str | None, directory: Path | None, url: str | None, *,
    as_json: bool,
) -> None:  # fmt: skip
    """List the rules in PATHs; without one those of the ledger, else those that come with it.

    With --url those that the server uses, and what is known of them.
    """
    least = LEVELS.index(level) if level is not None else 0
    if url:
        _list_there(url, paths, least, as_json=as_json)
        return
    read_rules = read(directory, paths)
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


def _list_there(url: str, paths: tuple[Path, ...], least: int, *, as_json: bool) -> None:
    if paths:
        raise UsageError("a server lists the rules that it uses; leave out the paths, or --url")
    found = Remote(url).get("/v1/rules")
    found["rules"] = [one for one in found["rules"] if LEVELS.index(one["level"]) >= least]
    if as_json:
        print_json(found)
        return
    table = Table(box=None)
    for title in ("LEVEL", "KIND", "ABOUT", "ID", "TITLE", "CAN IT FIND", "LAST FIRED"):
        table.add_column(title)
    for one in found["rules"]:
        words = (
            one["level"], one["kind"], one["about"], one["id"][:36], one["title"], _sight(one),
            (one["last"] or "")[:16].replace("T", " "),
        )  # fmt: skip
        table.add_row(*(Text(plain(word), "dim" if one["silent"] else "") for word in words))
    stdout.print(table)
    blind = sum(one["blind"] is not None for one in found["rules"])
    stdout.print(f"{len(found['rules']):,} rules, {blind:,} of them can never match there")


def _sight(one: dict[str, Any]) -> str:
    """Return in a word whether a rule can find something, as far as a server knows."""
    if one["blind"] is not None:
        return f"blind: {one['blind']['why']}"
    exercise = one["exercise"]
    if exercise is None:
        return ""
    if exercise["failed"]:
        return f"{exercise['failed']} of {exercise['cases']} failed"
    return f"{exercise['cases']} passed" if exercise["cases"] else "no fixture"


def _document(rule: AnyRule) -> dict[str, object]:
    head = rule.head
    return {
        "id": head.id, "name": head.name or None, "title": head.title, "level": head.level,
        "status": head.status or None, "kind": kind_of(rule), "about": about_of(rule),
        "silent": rule.silent, "tags": list(head.tags), "version": head.version,
        "path": head.path, "line": head.line,
    }  # fmt: skip
