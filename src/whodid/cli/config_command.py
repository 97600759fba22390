"""`whodid config check|show`: the effective settings, and where each came from."""

from pathlib import Path
from typing import Any

import click
import msgspec

from whodid.app.delivering import check_channels
from whodid.cli.options import dir_option, json_option, print_json, stdout
from whodid.cli.server_options import effective, settings_options
from whodid.config.load import Effective
from whodid.config.settings import all_settings, value_of
from whodid.detection.delivery.checking import printable
from whodid.serve.tls import expires_s, make_context


@click.group("config")
def command() -> None:
    """Check and show the settings of the server."""


@command.command("check")
@settings_options
@dir_option
def check(directory: Path | None, **given: Any) -> None:
    """Read the settings as `serve` would, its certificate and secrets too; say what is wrong."""
    found = effective(directory, given)
    tls = found.settings.tls
    if tls.certificate:
        make_context(tls)
        expires_s(Path(tls.certificate))
    check_channels(found.settings.alerts, found.settings.server.public_url)
    stdout.print(f"{found.file or 'no settings file'}: good", markup=False)


@command.command("show")
@settings_options
@json_option
@dir_option
def show(directory: Path | None, *, as_json: bool, **given: Any) -> None:
    """Print each setting, its value and where that came from."""
    found = effective(directory, given)
    if as_json:
        print_json({"file": str(found.file) if found.file else None, "settings": _rows(found)})
        return
    for row in _rows(found):
        stdout.print(f"{row['name']:32} {_shown(row['value']):20} {row['origin']}", markup=False)


def _rows(found: Effective) -> list[dict[str, Any]]:
    return [
        {"name": name, "value": _value(found, name), "origin": found.origins[name]}
        for name in all_settings()
    ]


def _value(found: Effective, name: str) -> Any:
    value = value_of(found.settings, name)
    if name == "alerts.channels":
        return {channel: printable(one) for channel, one in found.settings.alerts.channels.items()}
    return value


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) or (
        isinstance(value, tuple) and not all(isinstance(one, str) for one in value)
    ):
        return msgspec.json.encode(value).decode() if value else "-"
    return ", ".join(value) if isinstance(value, tuple) else str(value) or "-"
