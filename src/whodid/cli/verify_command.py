"""`whodid verify DIR`."""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from whodid.cli.options import json_option, plain, print_json, stderr, stdout
from whodid.cli.verify_replay import replay_ledger
from whodid.errors import InputError, WhodidError
from whodid.index.verify_index import compare
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import CHECKPOINT, MANIFEST, WAL
from whodid.ledger.opening import keys_of
from whodid.ledger.reader import LedgerReader
from whodid.ledger.verify import Verdict, verify_ledger
from whodid.merkle.checkpoint import Vkey

_FAULTS_SHOWN = 20


@click.command("verify")
@click.argument("directory", type=click.Path(path_type=Path), envvar="WHODID_DIR")
@click.option("--pub", type=click.Path(path_type=Path), help="File with the log's public key.")
@click.option("--head", type=click.Path(path_type=Path), help="A checkpoint kept elsewhere.")
@click.option("--index", "with_index", is_flag=True, help="Compare the index with the ledger too.")
@click.option("--replay", "with_replay", is_flag=True, help="Make the maps of ranges anew too.")
@click.option(
    "--attest",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a signed attestation of the replay, for `whodid check --replay`.",
)
@json_option
def command(
    directory: Path, pub: Path | None, head: Path | None, attest: Path | None, *,
    with_index: bool, with_replay: bool, as_json: bool,
) -> None:  # fmt: skip
    """Verify the ledger in DIRECTORY, or any copy of it. Reads only.

    Ends with 1 on a fault, and when there is no public key to check the signatures with.
    """
    keys = _keys(directory)
    held = keys if keys is not None and keys.exists() and pub is None else None
    vkey = Vkey.parse(_read(pub).strip()) if pub else (held.vkey() if held else None)
    note = _read(head) if head else None
    with _progress() as progress:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        verdict = verify_ledger(directory, keys=held, vkey=vkey, head=note, progress=show)
        not_opened = list(verdict.not_opened)
        differences: list[str] = []
        if with_index and held is None:
            not_opened.append("index: not compared, the key folder is not here")
        elif with_index and held is not None:
            reader = LedgerReader(directory, held)
            differences = compare(directory, held, reader)
            reader.close()
        attested = None
        if with_replay or attest:
            replayed = replay_ledger(directory, held, show)
            not_opened += replayed.not_opened
            differences += replayed.faults
            attested = replayed
        # Whoever replaced all of DIR signed it with a key of their own.
        signed = vkey is not None
        ok = verdict.ok and not differences and signed
        verdict = msgspec.structs.replace(verdict, not_opened=not_opened, ok=ok)
    if as_json:
        print_json(_document(verdict, differences))
    else:
        _print(verdict, differences, signed=signed)
    if not ok:
        raise SystemExit(1)
    if attest is not None and attested is not None:
        attested.write(attest)


def _keys(directory: Path) -> KeyFolder | None:
    """Return the key folder; None when the manifest, which names it, is gone or altered."""
    try:
        return keys_of(directory)
    except WhodidError:
        if not any((directory / name).exists() for name in (MANIFEST, CHECKPOINT, WAL)):
            raise
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        console=stderr, transient=True, disable=not stderr.is_terminal,
    )  # fmt: skip


def _document(verdict: Verdict, differences: list[str]) -> dict[str, Any]:
    return {
        "ok": verdict.ok,
        "leaves": verdict.leaves,
        "opened": verdict.opened,
        "faults": [
            {"where": fault.where, "entry": fault.entry, "problem": fault.problem}
            for fault in verdict.faults
        ],
        "index": differences,
        "warnings": verdict.warnings,
        "not_opened": verdict.not_opened,
        "rollback": verdict.rollback,
        "restarts": [
            {"origin": one.origin, "size": one.size, "root": one.root.hex(), "lost": one.lost}
            for one in verdict.restarts
        ],
    }


def _print(verdict: Verdict, differences: list[str], *, signed: bool) -> None:
    for fault in verdict.faults[:_FAULTS_SHOWN]:
        entry = f" entry {fault.entry:,}:" if fault.entry is not None else ""
        stdout.print(plain(f"✗ {fault.where}:{entry} {fault.problem}"), markup=False, style="red")
    if len(verdict.faults) > _FAULTS_SHOWN:
        stdout.print(f"  … and {len(verdict.faults) - _FAULTS_SHOWN:,} more (--json shows all)")
    for difference in differences[:_FAULTS_SHOWN]:
        stdout.print(plain(f"✗ {difference}"), markup=False, style="red")
    for warning in verdict.warnings:
        stdout.print(plain(f"! {warning}"), markup=False, style="yellow")
    for one in verdict.restarts:
        text = (
            f"restored: entries before {one.size:,} are those of {one.origin}; from there on the "
            "log is another, under its own key"
        )
        stdout.print(text, markup=False)
    for thing in verdict.not_opened:
        stdout.print(f"not opened: {thing}", markup=False)
    stdout.print(f"rollback: {verdict.rollback}", markup=False)
    if not signed:
        text = (
            f"✗ {verdict.leaves:,} entries, whose signatures were not checked: give the log's "
            "public key with --pub, or set WHODID_KEYS"
        )
        stdout.print(text, markup=False, style="red")
    elif verdict.ok:
        stdout.print(
            f"✓ {verdict.leaves:,} entries, {verdict.opened:,} opened: nothing was altered",
            markup=False,
            style="green",
        )
