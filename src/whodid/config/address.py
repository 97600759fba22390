"""Where a server with these settings is found, as a browser on its machine takes it.

It does not know what a proxy or a port that was forwarded make of it.
"""

import ipaddress

from whodid.config.settings import Settings


def url_of(settings: Settings, port: int | None = None) -> str:
    """Return the address; `port` is the one that was taken, where 0 asked for any.

    A server that listens on all addresses is found by localhost.
    """
    host = settings.server.host
    if host != "localhost":
        found = ipaddress.ip_address(host)
        host = "localhost" if found.is_unspecified else host
        host = f"[{host}]" if found.version == 6 and not found.is_unspecified else host
    scheme = "https" if settings.tls.certificate else "http"
    return f"{scheme}://{host}:{settings.server.port if port is None else port}"
