"""What settings of delivery must fulfil together, without reading a secret."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from whodid.detection.delivery.calendar import Hours
from whodid.detection.delivery.channels.guard import Guard
from whodid.detection.delivery.settings import (
    AlertSettings,
    ChannelSettings,
    PagerDutyChannel,
    Route,
)
from whodid.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def faults_of(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    """Yield (setting, what is wrong with it)."""
    yield from _faults_of_channels(settings)
    for name, calendar in settings.calendars.items():
        try:
            Hours(calendar)
        except UsageError as error:
            yield "calendars", f"{name}: {error}"
    for number, route in enumerate(settings.routes):
        for problem in _faults_of_route(settings, route):
            yield "routes", f"[{number}]: {problem}"


def _faults_of_channels(settings: AlertSettings) -> Iterator[tuple[str, str]]:
    for name, channel in settings.channels.items():
        if _NAME.fullmatch(name) is None:
            yield "channels", f"a channel's name has 1 to 64 of A-Z a-z 0-9 . _ -, not {name!r}"
        try:
            Guard(channel.allow_hosts)
        except UsageError as error:
            yield "channels", f"{name}: {error}"
    for name in settings.heartbeat_channels:
        if name not in settings.channels:
            yield "heartbeat_channels", f"there is no channel {name!r}"
        elif isinstance(settings.channels[name], PagerDutyChannel):
            yield (
                "heartbeat_channels",
                f"{name!r} is of PagerDuty, which opens an incident for each",
            )


def _faults_of_route(settings: AlertSettings, route: Route) -> Iterator[str]:
    if not route.channels:
        yield "it names no channel"
    for name in (*route.channels, *route.escalate_to):
        if name not in settings.channels:
            yield f"there is no channel {name!r}"
    if route.calendar and route.calendar not in settings.calendars:
        yield f"there is no calendar {route.calendar!r}"
    if bool(route.escalate_after_minutes) != bool(route.escalate_to):
        yield "escalate_after_minutes and escalate_to go together"


def fault_of_url(url: str) -> str:
    """Return what is wrong with `server.public_url`, empty when nothing is."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname)
        good = good and not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:
        good = False
    return "" if good and url.isascii() and url.isprintable() and " " not in url else (
        "it is http(s)://HOST[/PATH], without user, query or fragment"
    )  # fmt: skip


def printable(channel: ChannelSettings) -> dict[str, Any]:
    """Return a channel's settings as they may be printed: the path of an address can be a secret.

    Secrets themselves are in no settings.
    """
    found: dict[str, Any] = msgspec.to_builtins(channel)
    if found.get("url"):
        try:
            found["url"] = f"{urlsplit(found['url']).scheme}://{urlsplit(found['url']).hostname}/…"
        except ValueError:
            found["url"] = "…"
    return found
