"""`whodid export QUERY`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from whodid.app.export_formats import FORMATS
from whodid.app.local import open_local
from whodid.cli.options import dir_option, need_directory, plain, stderr, url_option
from whodid.cli.output_file import write_whole
from whodid.cli.remote import Remote


@click.command("export")
@click.argument("query", nargs=-1)
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="jsonl", show_default=True
)
@click.option("--own", is_flag=True, help="Whodid's own events too.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of the output."
)
@dir_option
@url_option
def command(
    query: tuple[str, ...], form: str, out: Path | None, directory: Path | None,
    url: str | None, *, own: bool,
) -> None:  # fmt: skip
    """Write all events that QUERY finds, in the order of a search.

    As JSON lines, CSV, Parquet, or OCSF, one JSON object a line.
    """
    chunks = _chunks(" ".join(query), form, directory, url, own=own)
    if out is None:
        stream = sys.stdout.buffer
        for chunk in chunks:
            stream.write(chunk)
        return
    size = write_whole(out, chunks)
    stderr.print(f"{size:,} bytes in {plain(str(out))}", markup=False)


def _chunks(
    text: str, form: str, directory: Path | None, url: str | None, *, own: bool
) -> Iterator[bytes]:
    if url:
        more = {"own": "1"} if own else {}
        yield from Remote(url).content("/v1/export", q=text, format=form, **more)
        return
    with open_local(need_directory(directory)) as ledger:
        export = ledger.reading().export(ledger.caller(), text, own=own)
        for warning in export.warnings:
            stderr.print(plain(warning), style="yellow", markup=False)
        yield FORMATS[form].head
        writer = FORMATS[form].writer()
        for hits in export.pages():
            yield writer.encode(hits)
        yield writer.end()
