"""The options of `serve` (and `config`) that set something, as the settings they are."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from whodid.config.load import Effective, Options, load

_UNITS = {"": 1, "B": 1, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3, "TIB": 1024**4}
_SIZE = re.compile(r"([0-9]{1,15})\s*([A-Za-z]*)")


class Size(click.ParamType[int]):
    """Bytes: a whole number, alone or with KiB, MiB, GiB or TiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes, or fail with what to write."""
        found = _SIZE.fullmatch(str(value).strip())
        unit = _UNITS.get(found[2].upper()) if found else None
        if found is None or unit is None:
            self.fail(f"{value!r} is no size: write 800MiB or 2GiB", param, ctx)
        return int(found[1]) * unit


SIZE = Size()
F = TypeVar("F", bound=Callable[..., Any])

_SETTING_OF = {
    "host": "server.host",
    "port": "server.port",
    "doors": "server.doors",
    "memory": "server.memory_bytes",
    "plain_http": "server.plain_http",
    "trusted_proxy": "server.trusted_proxies",
    "tls_cert": "tls.certificate",
    "tls_key": "tls.key",
    "tls_client_ca": "tls.client_ca",
    "log_level": "log.level",
    "log_format": "log.format",
}
_OPTIONS = (
    click.option("--config", "config_file", type=click.Path(path_type=Path),
        help="Settings file (or WHODID_CONFIG); by default DIR/whodid.toml if it is there."),
    click.option("--host", help="Address to listen on (127.0.0.1)."),
    click.option("--port", type=int, help="Port to listen on (9460, or PORT)."),
    click.option("--doors", type=int, help="Ingest processes (2)."),
    click.option("--memory", type=SIZE, metavar="SIZE",
        help="What searches may take, such as 1GiB (512MiB)."),
    click.option("--plain-http", is_flag=True, default=None,
        help="Allow an address others can reach without TLS here."),
    click.option("--trusted-proxy", multiple=True, metavar="CIDR",
        help="Believe X-Forwarded-For of this network; can be repeated."),
    click.option("--tls-cert", metavar="FILE", help="Certificate and chain (PEM): speak TLS."),
    click.option("--tls-key", metavar="FILE", help="Its key (PEM)."),
    click.option("--tls-client-ca", metavar="FILE",
        help="Only clients with a certificate of these (PEM)."),
    click.option("--log-level", help="debug, info, warning or error."),
    click.option("--log-format", help="text or json."),
)  # fmt: skip


def settings_options(function: F) -> F:
    """Add the options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def effective(directory: Path | None, given: dict[str, Any]) -> Effective:
    """Return the effective settings of these options' values."""
    options: Options = {
        setting: (f"--{name.replace('_', '-')}", value)
        for name, setting in _SETTING_OF.items()
        if (value := given.get(name)) not in (None, ())
    }
    file = given.get("config_file")
    return load(directory, environment=os.environ, options=options, file=file)
