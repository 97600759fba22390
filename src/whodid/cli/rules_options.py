"""Which rules a command of `whodid rules` is about."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from whodid.app.rule_checking import Checked, read_for
from whodid.config.load import load
from whodid.config.settings import DetectionSettings
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings as WindowSettings

F = TypeVar("F", bound=Callable[..., Any])


def paths_argument(function: F) -> F:
    """Add `[PATH…]`."""
    return click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")(
        function
    )


def read(directory: Path | None, paths: tuple[Path, ...]) -> Checked:
    """Read the rules of the paths; without one, those that a server over DIR would use."""
    choice = Choice()
    if directory is not None and not paths:
        settings = _settings(directory)
        choice = Choice(
            settings.packs, settings.rules, settings.disabled_rules, settings.enabled_rules
        )
    return read_for(directory, paths, choice)


def windows(directory: Path | None) -> WindowSettings:
    """Return how a server over DIR would correlate."""
    if directory is None:
        return WindowSettings()
    settings = _settings(directory)
    return WindowSettings(
        geo=directory / settings.geo if settings.geo else None,
        calendars=directory / settings.calendars if settings.calendars else None,
    )


def _settings(directory: Path) -> DetectionSettings:
    return load(directory, environment=os.environ).settings.detection
