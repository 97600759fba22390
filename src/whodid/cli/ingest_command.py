"""`whodid ingest --source NAME FILE…`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from whodid.app.local import LocalLedger, open_local
from whodid.app.own import Act
from whodid.app.source_formats import SourceFormats
from whodid.cli.options import (
    dir_option,
    json_option,
    need_directory,
    print_json,
    stderr,
    stdout,
)
from whodid.clock import system_clock
from whodid.errors import WhodidError
from whodid.ledger.state_db import Source
from whodid.sources.file import open_input, read_file
from whodid.sources.intake import Delivery, Tally


@click.command("ingest")
@click.option("--source", "name", required=True, help="A declared source, or a format's name.")
@click.argument("files", nargs=-1, required=True)
@dir_option
@json_option
def command(name: str, files: tuple[str, ...], directory: Path | None, *, as_json: bool) -> None:
    """Read log FILES (plain, .gz, .zst; - is standard input) into the ledger.

    NAME is a declared source, or a format (auto, json, logfmt, cloudtrail, kubernetes, …), which
    declares a source of that name.
    """
    tally, fault = Tally(), None
    _refuse_without(files[0])
    with open_local(need_directory(directory)) as ledger:
        source = ledger.source_for(name)
        act = Act("ingest", "create", "source", source.name, " ".join(files))
        ledger.own().write(ledger.caller(), act)
        with _progress() as progress:
            for file in files:
                tally, fault = read_one(ledger, source, file, tally, progress)
                if fault is not None:
                    break
        if ledger.alone:
            ledger.catch_up()
    _report(tally, as_json=as_json)
    if tally.quarantined and not as_json:
        stderr.print(
            f"why: `whodid search _quarantined:true source:{source.name}`; "
            "`whodid source try FILE` shows what a format makes of a file", markup=False,
        )  # fmt: skip
    if fault is not None:
        raise fault


def _refuse_without(file: str) -> None:
    """Raise InputError for a file that is not there, before its source is declared."""
    path = Path(file)
    if file != "-" and (path.is_dir() or not path.exists()):
        with open_input(file):
            pass


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TextColumn("{task.fields[events]:,} events"), TimeElapsedColumn(),
        console=stderr, transient=True, disable=not stderr.is_terminal,
    ) as progress:  # fmt: skip
        yield progress


def read_one(
    ledger: LocalLedger, source: Source, file: str, tally: Tally, progress: Progress
) -> tuple[Tally, WhodidError | None]:
    """Read one file; what was stored before a fault in it, or a refusal, is counted."""
    chosen = None if source.format == "auto" else SourceFormats(ledger.directory)(source.format)
    intake = ledger.intake()
    size = Path(file).stat().st_size if file != "-" and Path(file).is_file() else None
    task = progress.add_task(Path(file).name or file, total=size, events=0)
    events = 0
    try:
        with open_input(file) as stream:
            for chunk in read_file(stream, file, chosen):
                delivery = Delivery(
                    source.name, chunk.records, system_clock(), chunk.fingerprint, chunk.offsets,
                    None, chunk.cut,
                )  # fmt: skip
                tally = tally.plus(intake.accept(delivery))
                events += len(chunk.records)
                progress.update(task, completed=chunk.read_bytes, events=events)
    except WhodidError as error:
        return tally, error
    return tally, None


def _report(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "accepted": tally.accepted,
                "duplicate": tally.duplicate,
                "quarantined": tally.quarantined,
                "conflict": tally.conflict,
                "first": tally.first,
                "last": tally.last,
            }
        )
        return
    parts = [f"{tally.accepted:,} accepted"]
    for word in ("duplicate", "quarantined", "conflict"):
        count = getattr(tally, word)
        if count:
            parts.append(f"{count:,} {word}")
    stdout.print(", ".join(parts))
