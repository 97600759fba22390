"""`whodid serve`."""

import ipaddress
from pathlib import Path

import click

from whodid.cli.options import dir_option, need_directory, stderr
from whodid.errors import UsageError
from whodid.ledger.opening import keys_of
from whodid.serve.supervisor import DOORS, Supervisor


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9460, show_default=True, envvar="PORT", help="Or set PORT.")
@click.option(
    "--doors", default=DOORS, show_default=True, type=click.IntRange(1, 64),
    help="Ingest processes.",
)  # fmt: skip
@click.option(
    "--plain-http", is_flag=True, help="Allow an address others can reach without TLS before it."
)
@dir_option
def command(host: str, port: int, doors: int, directory: Path | None, *, plain_http: bool) -> None:
    """Run the server: events in, search and pages out."""
    check_address(host, plain_http=plain_http)
    where = need_directory(directory)
    keys_of(where)  # a folder that is no ledger is said before the port is taken
    supervisor = Supervisor(where, host, port, doors)
    supervisor.start()
    stderr.print(f"whodid serves {where} on {address_of(host, supervisor.port)}/", markup=False)
    supervisor.run()


def address_of(host: str, port: int) -> str:
    """Return the server's address as a browser takes it."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def check_address(host: str, *, plain_http: bool) -> None:
    """Refuse an address that others can reach, unless that was asked for."""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise UsageError(f"--host {host!r} is not an IP address") from error
    if not local and not plain_http:
        raise UsageError(
            f"{host} can be reached by others and this version has no TLS of its own: put a TLS "
            "proxy before it and say so with --plain-http"
        )
