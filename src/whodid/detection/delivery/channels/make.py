"""A channel of its settings, its secrets read."""

from collections.abc import Mapping

from whodid.clock import Clock
from whodid.detection.delivery.channels.apprise import Apprise
from whodid.detection.delivery.channels.channel import Channel
from whodid.detection.delivery.channels.guard import Guard, Resolve, resolve_by_system
from whodid.detection.delivery.channels.http import Sender, Target
from whodid.detection.delivery.channels.pagerduty import ADDRESSES, PagerDuty
from whodid.detection.delivery.channels.standard_webhooks import read_secret
from whodid.detection.delivery.channels.webhook import Webhook
from whodid.detection.delivery.secret_source import read_file, read_one, read_variable
from whodid.detection.delivery.settings import (
    AppriseChannel,
    ChannelSettings,
    PagerDutyChannel,
    WebhookChannel,
)
from whodid.detection.delivery.text import Writer
from whodid.errors import UsageError

CLASSES: dict[type, type[Channel]] = {
    AppriseChannel: Apprise, PagerDutyChannel: PagerDuty, WebhookChannel: Webhook,
}  # fmt: skip
"""Settings of a kind → what it makes, which says what it is told of."""


def make_channel(
    name: str, settings: ChannelSettings, *, public_url: str, environment: Mapping[str, str],
    clock: Clock, resolve: Resolve = resolve_by_system,
) -> Channel:  # fmt: skip
    """Return the channel. Raises UsageError that names it for settings that cannot work."""
    try:
        return _make(settings, public_url, environment, clock, resolve)
    except UsageError as error:
        raise UsageError(f"alerts.channels.{name}: {error}") from error


def _make(
    settings: ChannelSettings, public_url: str, environment: Mapping[str, str], clock: Clock,
    resolve: Resolve,
) -> Channel:  # fmt: skip
    guard = Guard(settings.allow_hosts, resolve)
    writer = Writer(settings.content, public_url)
    match settings:
        case AppriseChannel():
            address = read_one(settings.address_file, settings.address_env, environment, "address")
            return Apprise(address, guard, writer, settings.timeout_seconds, settings.ca_file)
        case PagerDutyChannel():
            key = read_one(settings.key_file, settings.key_env, environment, "key")
            target = Target.parse(settings.url or ADDRESSES[settings.region])
            sender = Sender(target, guard, settings.timeout_seconds, settings.ca_file)
            return PagerDuty(sender, key, writer, public_url or "whodid")
        case WebhookChannel():
            target = Target.parse(_url(settings, environment))
            keys = [read_secret(text) for text in _secrets(settings, environment)]
            sender = Sender(target, guard, settings.timeout_seconds, settings.ca_file)
            return Webhook(sender, keys, writer, clock)


def _url(settings: WebhookChannel, environment: Mapping[str, str]) -> str:
    if settings.url:
        if settings.url_file or settings.url_env:
            raise UsageError("say one of url, url_file and url_env")
        return settings.url
    return read_one(settings.url_file, settings.url_env, environment, "url")


def _secrets(settings: WebhookChannel, environment: Mapping[str, str]) -> list[str]:
    found = [read_file(path) for path in settings.secret_files]
    found += [read_variable(name, environment) for name in settings.secret_envs]
    if not found:
        raise UsageError("name its secrets in secret_files or secret_envs")
    return found
