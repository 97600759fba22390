"""`whodid source try FILE`: what a format, or a mapping file, makes of a sample."""

from pathlib import Path

import click
from rich.table import Table

from whodid.app.local import MappingFile, open_local
from whodid.app.source_formats import SourceFormats
from whodid.app.trial import Trial, try_records
from whodid.cli.options import (
    dir_option,
    json_option,
    need_directory,
    plain,
    print_json,
    stderr,
    stdout,
)
from whodid.clock import system_clock
from whodid.errors import InputError, UsageError
from whodid.event import FIELDS
from whodid.normalize.format import Format
from whodid.normalize.mapping import parse_mapping
from whodid.normalize.registry import format_by_mapping, format_by_name
from whodid.sources.file import open_input

_REASONS_SHOWN = 5


def mapping_option_value(path: Path | None) -> MappingFile | None:
    """Return the text of a mapping file. Raises InputError for what is no text."""
    if path is None:
        return None
    try:
        return MappingFile(path.read_text("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: a mapping file is UTF-8 ({error.reason})") from None


@click.command("try")
@click.argument("file")
@click.option("--format", "format_name", help="A format, or what a mapping is for.")
@click.option("--mapping", type=click.Path(path_type=Path), help="A mapping file.")
@click.option("--source", help="As this declared source would take it.")
@click.option("--limit", default=3, show_default=True, type=click.IntRange(0, 1000))
@dir_option
@json_option
def try_source(
    file: str, format_name: str | None, mapping: Path | None, source: str | None, limit: int,
    directory: Path | None, *, as_json: bool,
) -> None:  # fmt: skip
    """Show what would become of the records of FILE; nothing is stored."""
    if source is not None and (format_name is not None or mapping is not None):
        raise UsageError("--source has its own format: leave --format and --mapping out")
    known: Format | None = None
    given = mapping_option_value(mapping)
    named: tuple[str, ...] = ()
    if source is not None:
        known = _of_source(need_directory(directory), source)
    elif given is not None:
        known = format_by_mapping(format_name or "json", given.text, given.name)
        by = parse_mapping(given.text, given.name)
        named = (*by.fields, *by.constants)
    elif format_name not in {None, "auto"}:
        known = format_by_name(str(format_name))
    with open_input(file) as stream:
        trial = try_records(stream, file, known, shown=limit, now_us=system_clock())
    if as_json:
        print_json(trial.document())
    else:
        _print(trial, named)


def _of_source(directory: Path, source: str) -> Format | None:
    with open_local(directory) as ledger:
        declared = ledger.port.sources().get(source)
    if declared is None:
        raise UsageError(f"there is no source {source!r}; `whodid source list` lists them")
    return None if declared.format == "auto" else SourceFormats(directory)(declared.format)


def _print(trial: Trial, named: tuple[str, ...]) -> None:
    for event in trial.events:
        stdout.print(plain(str(event["sentence"])), markup=False, style="bold")
        for key, value in event.items():
            if key not in {"sentence", "raw", "raw_base64", "format", "mapping"}:
                shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
                stdout.print(f"  {key:<20} {plain(shown)}", markup=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("FIELD")
    table.add_column("FOUND IN", justify="right")
    absent = [name for name in named if not trial.fields.get(name) and name in FIELDS]
    for name, count in [*trial.document()["fields"].items(), *((name, 0) for name in absent)]:
        table.add_row(name, f"{count:,} of {trial.records:,}")
    stdout.print(table)
    stderr.print(f"{trial.records:,} records, {trial.quarantined:,} would be quarantined")
    for reason, count in trial.reasons.most_common(_REASONS_SHOWN):
        stderr.print(f"  {count:,}: {plain(reason)}", markup=False, style="yellow")
