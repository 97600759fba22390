"""`whodid status`."""

from pathlib import Path
from typing import Any

import click

from whodid.app.local import open_local
from whodid.app.standing_document import standing_document
from whodid.cli.options import (
    dir_option,
    json_option,
    need_directory,
    plain,
    print_json,
    stdout,
    url_option,
)
from whodid.cli.remote import Remote
from whodid.serve.watch import Watch

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_ENTRIES_TELLING = 10_000
"""With fewer entries the files that every ledger has are most of its size."""

_SOURCES_SHOWN = 20


@click.command("status")
@dir_option
@url_option
@json_option
def command(directory: Path | None, url: str | None, *, as_json: bool) -> None:
    """Show size, growth, lags, sources and the last verification.

    Ends with 1 when something needs attention.
    """
    found = _document(directory, url)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if not found["ok"]:
        raise SystemExit(1)


def _document(directory: Path | None, url: str | None) -> dict[str, Any]:
    if url:
        return Remote(url).get("/v1/status")
    with open_local(need_directory(directory)) as ledger:
        reading = ledger.reading()
        standing = reading.standing(ledger.caller(), running=not ledger.alone)
        detection = None if ledger.alone else Watch(ledger.directory).detection()
        return standing_document(standing, detection)


def _print(found: dict[str, Any]) -> None:
    entries, sizes = found["entries"], found["bytes"]
    state = "served" if found["running"] else "no server runs"
    _line("ledger", f"{found['origin']}, {state}")
    _line("version", f"whodid {found['version']}, format {found['format']}")
    _line("entries", f"{entries['size']:,}, {_lags(entries)}")
    _line(
        "growth",
        f"{entries['a_day']:,.0f} entries a day, {size_text(found['bytes_a_day'])} a day "
        f"({entries['last_7_days']:,} in 7 days, {entries['last_30_days']:,} in 30)",
    )
    parts = sorted(((part, size) for part, size in sizes.items() if part != "total" and size),
                   key=lambda item: -item[1])  # fmt: skip
    said = ", ".join(f"{part} {size_text(size)}" for part, size in parts)
    each = f"{found['bytes_an_entry']:,.0f} B an entry"
    if entries["size"] < _ENTRIES_TELLING:
        each = "too few entries to tell what one takes"
    _line("size", f"{size_text(sizes['total'])}, {each}: {said}")
    _line("disk", f"{size_text(found['disk_free_bytes'])} free{_full(found['days_until_full'])}")
    _line("verified", _verified(found["integrity"]))
    if found.get("detection"):
        _print_detection(found["detection"])
    for source in found["sources"][:_SOURCES_SHOWN]:
        newest = (source["newest"] or "never")[:19]
        bad = f", {source['quarantined']:,} quarantined" if source["quarantined"] else ""
        _line("source", f"{source['name']}: {source['events']:,} events{bad}, newest {newest}")
    if len(found["sources"]) > _SOURCES_SHOWN:
        _line(
            "source", f"and {len(found['sources']) - _SOURCES_SHOWN:,} more (`whodid source list`)"
        )
    for sentence in found["attention"]:
        stdout.print(plain(f"! {sentence}"), markup=False, style="yellow")


def _print_detection(found: dict[str, Any]) -> None:
    if not found["up"]:
        _line("rules", "the detector does not run")
        return
    behind = "all entries looked at"
    if found["behind"]:
        behind = f"{found['behind']:,} entries behind, for {found['behind_seconds']:,.0f} s"
    names = ("blind", "faulty", "unusable")
    counts = [f"{found[name]:,} {name}" for name in names if found[name]]
    said = ", ".join([f"{found['rules']:,} used", *counts])
    _line("rules", f"{said}; {behind}; they remember {size_text(found['state_bytes'])}")
    outbox = found["outbox"]
    if outbox["channels"]:
        waiting = f"{outbox['waiting']:,} messages wait"
        if outbox["waiting"]:
            waiting += f", the oldest for {outbox['oldest_seconds']:,.0f} s"
        _line("outbox", f"{waiting}; {outbox['given_up']:,} were given up")


def _line(name: str, text: str) -> None:
    stdout.print(plain(f"{name:<9} {text}"), markup=False)


def _lags(entries: dict[str, int]) -> str:
    names = (
        ("unpublished", "not signed yet"),
        ("unsealed", "not sealed"),
        ("unindexed", "not indexed"),
    )
    said = [f"{entries[key]:,} {words}" for key, words in names if entries[key]]
    return ", ".join(said) or "all signed, sealed and indexed"


def _full(days: float | None) -> str:
    if days is None:
        return ""
    if days > 3650:
        return ", for more than 10 years at this rate"
    return f", full in {days:,.0f} days at this rate"


def _verified(integrity: dict[str, Any]) -> str:
    rounds, faults = integrity["rounds"], integrity["faults"]
    standing = f"; {len(faults)} faults stand" if faults else ""
    if not rounds:
        return f"not yet by a server (`whodid verify DIR` does it now){standing}"
    last = rounds[0]
    word = f"{last['faults']} faults" if last["faults"] else "nothing found"
    return f"{(last['ended'] or '')[:19]}, {last['entries']:,} entries, {word}{standing}"


def size_text(size: float) -> str:
    """Return a number of bytes for people."""
    for unit in _UNITS[:-1]:
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} {_UNITS[-1]}"
