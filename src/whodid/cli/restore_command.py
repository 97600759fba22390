"""`whodid restore`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from whodid.app.local import LocalLedger, open_local
from whodid.app.own import Act
from whodid.backup.adopt import adopting
from whodid.backup.key_file import read_key_file
from whodid.backup.restore import Restored, Wish, restore
from whodid.backup.setup import RESTORED_SETTINGS, SETTINGS
from whodid.cli.options import json_option, print_json, read_password, stderr, stdout
from whodid.errors import UsageError
from whodid.ledger.opening import keys_of
from whodid.ledger.verify import Progress


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option(
    "--keys", "key_file", type=click.Path(path_type=Path), help="The file of keys of the backup."
)
@click.option("--passphrase-stdin", is_flag=True, help="Read its passphrase from standard input.")
@click.option("--origin", help="The new origin (default: host/whodid/<new id>).")
@click.option("--reason", default="", help="Why; it stands in the log.")
@click.option(
    "--adopt", is_flag=True, help="Instead: make the ledger in this folder the writable one."
)
@json_option
def command(
    backup: Path,
    directory: Path | None,
    key_file: Path | None,
    origin: str | None,
    reason: str,
    *,
    passphrase_stdin: bool,
    adopt: bool,
    as_json: bool,
) -> None:
    """Restore BACKUP to the new folder DIRECTORY, under a new origin that names the old head.

    With --adopt and one folder: a ledger was moved there, whole; go on with it there.
    """
    if adopt:
        if directory is not None or key_file is not None or origin is not None:
            raise UsageError("--adopt takes one folder, and none of --keys and --origin")
        _adopt(backup, as_json=as_json)
        return
    if directory is None:
        raise UsageError("name the backup and a new folder: whodid restore BACKUP DIRECTORY")
    passphrase = read_password(from_stdin=passphrase_stdin, what="Passphrase") if key_file else ""
    keys = read_key_file(key_file, passphrase) if key_file else None
    with _progress() as progress:
        restored = restore(Wish(backup, directory, keys, origin, reason), progress)
    with open_local(directory) as ledger:
        act = Act("restore", "administer", "ledger", str(directory.absolute()), reason or None)
        ledger.own().write(ledger.caller(), act)
    _say(directory, restored, as_json=as_json)


def _say(directory: Path, restored: Restored, *, as_json: bool) -> None:
    restart = restored.restart
    if as_json:
        print_json(
            {
                "directory": str(directory), "origin": restored.origin, "before": restart.origin,
                "size": restart.size, "root": restart.root.hex(), "lost": restart.lost,
                "setup": list(restored.setup),
            }
        )  # fmt: skip
        return
    stdout.print(f"{restart.size:,} entries are restored in {directory}", markup=False)
    stdout.print(f"It goes on as {restored.origin}; before it was {restart.origin}", markup=False)
    if restored.setup:
        stdout.print(f"Rules and calendars are back: {len(restored.setup):,} files", markup=False)
    if SETTINGS in restored.setup:
        stdout.print(f"The settings are in {RESTORED_SETTINGS}: look at them, then rename it")
    if restart.lost:
        stdout.print(
            f"{restart.lost:,} entries had been signed after this backup and are not in it",
            markup=False, style="yellow",
        )  # fmt: skip
    stdout.print(
        "Its public key is a new one: give it to who verifies, and back the keys up again. Users "
        "and tokens are those of the backup: revoke again what was revoked since."
    )


def _adopt(directory: Path, *, as_json: bool) -> None:
    with adopting(directory) as (port, former):
        ledger = LocalLedger(directory, keys_of(directory), port)
        act = Act("adopt", "administer", "ledger", str(directory.absolute()), f"before: {former}")
        ledger.own().write(ledger.caller(), act)
    if as_json:
        print_json({"directory": str(directory), "before": former})
        return
    stdout.print(f"The ledger is in {directory} now; before it was in {former}", markup=False)


@contextmanager
def _progress() -> Iterator[Progress]:
    bars = Bars(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=stderr, transient=True, disable=not stderr.is_terminal,
    )  # fmt: skip
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(f"{what} verified", total=total)
        bars.update(tasks[what], completed=done, total=total)

    with bars:
        yield show
