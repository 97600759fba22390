"""`whodid check FILE`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from whodid.cli.options import json_option, plain, print_json, stdout
from whodid.errors import InputError, UsageError
from whodid.verifier.answer import Asked, Verdict, check
from whodid.verifier.fields import DocumentError
from whodid.verifier.replays import read_attestation

_FAULTS_SHOWN = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--pub", type=click.Path(path_type=Path), help="File with the log's public key.")
@click.option(
    "--replay", type=click.Path(path_type=Path), help="What `whodid verify --attest` wrote."
)
@click.option(
    "--attester", type=click.Path(path_type=Path), help="File with the key of who replayed."
)
@json_option
def command(
    file: Path, pub: Path | None, replay: Path | None, attester: Path | None, *, as_json: bool
) -> None:
    """Check an answer that `whodid search --prove FILE` wrote; needs nothing but the file.

    It says whether these are all the events of the search. Ends with 1 when something is wrong.
    """
    if (replay is None) != (attester is None):
        raise UsageError("--replay and --attester go together: whose attestation it is matters")
    verdict = check(_read(file), _text(pub) if pub else None)
    if replay is not None and attester is not None:
        _take(verdict, _text(replay), _text(attester).strip())
    if as_json:
        print_json(_document(verdict))
    else:
        _print(verdict)
    if not verdict.ok:
        raise SystemExit(1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _text(path: Path) -> str:
    return _read(path).decode("utf-8", "replace")


def _take(verdict: Verdict, note: str, vkey: str) -> None:
    try:
        verdict.take(read_attestation(note, vkey))
    except DocumentError as error:
        verdict.faults.append(f"the replay: {error}")


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "ok": verdict.ok,
        "statement": verdict.statement,
        "origin": verdict.origin,
        "size": verdict.size,
        "complete_to": verdict.complete_to,
        "events": verdict.events,
        "aside": verdict.aside,
        "ranges": verdict.ranges,
        "unsearched": verdict.unsearched,
        "trusted_key": verdict.trusted_key,
        "faults": verdict.faults,
    }


def _print(verdict: Verdict) -> None:
    for fault in verdict.faults[:_FAULTS_SHOWN]:
        stdout.print(plain(f"✗ {fault}"), markup=False, style="red")
    if len(verdict.faults) > _FAULTS_SHOWN:
        stdout.print(f"  … and {len(verdict.faults) - _FAULTS_SHOWN:,} more (--json shows all)")
    if verdict.asked is not None:
        stdout.print(plain(f"asked: {_asked(verdict.asked)}"), markup=False)
    if not verdict.ok:
        stdout.print("✗ not proved", style="red")
        return
    stdout.print(plain(f"log: {verdict.origin}, {verdict.size:,} entries"), markup=False)
    for remark in _remarks(verdict):
        stdout.print(plain(remark), markup=False, style="yellow")
    stdout.print(
        f"✓ {verdict.events:,} event{'' if verdict.events == 1 else 's'}: "
        f"{verdict.statement} up to entry {verdict.complete_to:,}",
        style="green", markup=False,
    )  # fmt: skip


def _remarks(verdict: Verdict) -> list[str]:
    said = []
    if not verdict.trusted_key:
        said.append(
            "! the key is the file's own: give the log's with --pub, or whoever made the file may "
            "have made all of it"
        )
    if verdict.complete_to < verdict.size:
        said.append(f"! entries from {verdict.complete_to:,} on are not covered")
    if verdict.unsearched:
        said.append(
            f"! {verdict.unsearched:,} entries there have no fields to search (quarantined, erased "
            "or not readable)"
        )
    return said


def _asked(asked: Asked) -> str:
    parts = [
        f"{' or '.join(term.fields)} {'is exactly' if term.exact else 'is'} {term.value!r}"
        for term in asked.terms
    ]
    if asked.from_us is not None:
        parts.append(f"from {_when(asked.from_us)}")
    if asked.to_us is not None:
        parts.append(f"before {_when(asked.to_us)}")
    return f"{', '.join(parts)}{'' if asked.own else ', without own events of whodid'}"


def _when(time_us: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=time_us)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{time_us} µs"
