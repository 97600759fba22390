"""`whodid backup`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from whodid.app.local import LocalLedger, open_local
from whodid.app.own import Act
from whodid.backup.key_file import write_key_file
from whodid.backup.make import Made, Report, make_backup
from whodid.backup.snapshot import Ledger
from whodid.cli.options import (
    dir_option,
    json_option,
    need_directory,
    plain,
    print_json,
    read_password,
    stderr,
    stdout,
)
from whodid.clock import system_clock
from whodid.config.load import load
from whodid.errors import UsageError
from whodid.storage.posix import PosixDisk


@click.command("backup")
@click.argument("destination", type=click.Path(path_type=Path), required=False)
@click.option(
    "--keys", "key_file", type=click.Path(path_type=Path),
    help="Write the keys to this file, encrypted under a passphrase.",
)  # fmt: skip
@click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input.")
@dir_option
@json_option
def command(
    destination: Path | None,
    key_file: Path | None,
    directory: Path | None,
    *,
    passphrase_stdin: bool,
    as_json: bool,
) -> None:
    """Back the ledger up to DESTINATION, a folder or a file .tar or .tar.zst; a server may run.

    A folder is brought up to date: what it has is not copied again. The keys are not in it.
    """
    if destination is None and key_file is None:
        raise UsageError("name a folder or a .tar to back up to, or a file with --keys, or both")
    where = need_directory(directory)
    passphrase = read_password(from_stdin=passphrase_stdin, what="Passphrase") if key_file else ""
    with open_local(where) as ledger:
        if key_file is not None:
            with ledger.acting(
                Act("back up keys", "administer", "backup", str(key_file.absolute()))
            ):
                write_key_file(key_file, ledger.keys, passphrase, PosixDisk())
            if not as_json:
                stdout.print(f"The keys are in {key_file}: keep it apart", markup=False)
        if destination is not None:
            made = _make(ledger, destination)
            _say(destination, made, as_json=as_json)


def _make(ledger: LocalLedger, destination: Path) -> Made:
    """Make the backup between two events: that it begins, and the head that it holds."""
    act = Act("back up", "administer", "backup", str(destination.absolute()))
    with ledger.acting(act), _report() as report:
        made = make_backup(
            Ledger(
                ledger.directory,
                ledger.keys,
                ledger.port,
                ledger.alone,
                system_clock,
                named=_named(ledger.directory),
            ),
            destination,
            report,
        )
    head = f"head {made.size} {made.root.hex()}"
    done = Act("backup made", "administer", "backup", str(destination.absolute()), head, made.size)
    ledger.own().write(ledger.caller(), done)
    return made


def _named(directory: Path) -> tuple[str, ...]:
    """Return the files beside the ledger that its settings name; none when these are faulty."""
    try:
        found = load(directory, environment=os.environ).settings.detection
    except UsageError as error:
        stderr.print(f"warning: {plain(str(error))}", markup=False, style="yellow")
        return ()
    return tuple(name for name in (*found.rules, found.calendars, found.geo) if name)


def _say(destination: Path, made: Made, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "destination": str(destination), "size": made.size, "root": made.root.hex(),
                "bytes": made.size_bytes, "bytes_copied": made.fresh_bytes,
                "setup": made.setup, "left_out": list(made.left_out),
            }
        )  # fmt: skip
        return
    stdout.print(
        f"{made.size:,} entries are backed up in {destination} and verified; "
        f"{made.fresh_bytes:,} of {made.size_bytes:,} bytes were new",
        markup=False,
    )
    if made.setup:
        files = f"{made.setup:,} file{'' if made.setup == 1 else 's'}"
        stdout.print(f"{files} of rules, calendars and settings are in it too", markup=False)
    for name in made.left_out:
        said = f"{plain(name)} is not in it: it lies outside of the ledger's folder"
        stdout.print(said, markup=False, style="yellow")
    stdout.print(f"head {made.size} {made.root.hex()}", markup=False)


@contextmanager
def _report() -> Iterator[Report]:
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(),
        console=stderr, transient=True, disable=not stderr.is_terminal,
    )  # fmt: skip
    with bar:
        copy = bar.add_task("bytes copied", total=None)
        check = bar.add_task("entries verified", total=None, visible=False)
        yield Report(
            lambda total: bar.update(copy, total=total),
            lambda more: bar.update(copy, advance=more),
            lambda _what, done, total: bar.update(check, completed=done, total=total, visible=True),
        )
