"""`whodid tiles DIR --out OUT`."""

from pathlib import Path

import click

from whodid.cli.options import stdout
from whodid.ledger.render import render_tiles


@click.command("tiles")
@click.argument("directory", type=click.Path(path_type=Path), envvar="WHODID_DIR")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
def command(directory: Path, out: Path) -> None:
    """Render the public files of the log (C2SP tlog-tiles) for other people's tools."""
    render_tiles(directory, out)
    stdout.print(f"checkpoint, tile/ and tile/entries/ are in {out}", markup=False)
