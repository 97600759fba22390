"""`whodid cert`: a certificate to try TLS with."""

from pathlib import Path

import click

from whodid.cli.options import stdout
from whodid.clock import system_clock
from whodid.serve.certificate import make_certificate, write_certificate


@click.command("cert")
@click.option("--host", "hosts", multiple=True, required=True,
              help="Name or address of the server; can be repeated.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=".", show_default=True,
              help="Folder for cert.pem and key.pem.")  # fmt: skip
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 825))
def command(hosts: tuple[str, ...], out: Path, days: int) -> None:
    """Make a certificate that signs itself, to try TLS."""
    certificate, key = write_certificate(out, *make_certificate(hosts, days, system_clock))
    stdout.print(f"whodid serve --tls-cert {certificate} --tls-key {key}", markup=False)
    stdout.print(f"clients: --url https://{hosts[0]}:9460 --ca {certificate}", markup=False)
