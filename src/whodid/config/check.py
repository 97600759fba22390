"""What settings must fulfil together."""

import ipaddress
from collections.abc import Mapping

from whodid.config.settings import Settings
from whodid.detection.delivery.checking import fault_of_url, faults_of
from whodid.errors import UsageError


def check(settings: Settings, origins: Mapping[str, str]) -> None:
    """Raise UsageError for settings that do not fit each other, naming where they were set."""
    server, tls = settings.server, settings.tls
    for network in server.trusted_proxies:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            place = origins["server.trusted_proxies"]
            raise UsageError(f"{place}: server.trusted_proxies: {error}") from error
    if bool(tls.certificate) != bool(tls.key):
        given = "tls.certificate" if tls.certificate else "tls.key"
        raise UsageError(f"{origins[given]}: tls.certificate and tls.key go together")
    if tls.client_ca and not tls.certificate:
        raise UsageError(f"{origins['tls.client_ca']}: tls.client_ca needs a tls.certificate")
    if settings.limits.connections_per_client > settings.limits.connections:
        place = origins["limits.connections_per_client"]
        raise UsageError(f"{place}: limits.connections_per_client is more than limits.connections")
    _check_address(settings, origins["server.host"])
    _check_alerts(settings, origins)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address. Raises ValueError for one that is none."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _check_address(settings: Settings, place: str) -> None:
    host = settings.server.host
    try:
        local = is_loopback(host)
    except ValueError as error:
        raise UsageError(f"{place}: server.host {host!r} is not an IP address") from error
    if not local and not settings.tls.certificate and not settings.server.plain_http:
        raise UsageError(
            f"{place}: {host} can be reached by others: give a certificate with --tls-cert and "
            "--tls-key (`whodid cert` makes one to try), or say --plain-http when a TLS proxy "
            "stands before it"
        )


def _check_alerts(settings: Settings, origins: Mapping[str, str]) -> None:
    for name, problem in faults_of(settings.alerts):
        raise UsageError(f"{origins[f'alerts.{name}']}: alerts.{name}: {problem}")
    url = settings.server.public_url
    problem = fault_of_url(url) if url else ""
    if problem:
        raise UsageError(f"{origins['server.public_url']}: server.public_url: {problem}")
