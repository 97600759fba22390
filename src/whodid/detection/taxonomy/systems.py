"""Kinds of logs of machines, web servers, databases, and of whodid itself.

Web servers: the names of the W3C extended log format, as Sigma's `webserver` and `proxy` use them;
`web_fields` makes a native record of them.
"""

from whodid.detection.taxonomy.kind import Kind, words

_WEB_FIELDS: dict[str, tuple[str, ...]] = {
    "cs-method": ("cs-method", "@action"),
    "c-ip": ("c-ip", "@ip"),
    "src_ip": ("c-ip", "@ip"),
    "cs-uri": ("cs-uri", "@resource.name"),
    "c-uri": ("cs-uri", "@resource.name"),
    "cs-uri-stem": ("cs-uri-stem", "@resource.name"),
    "c-uri-stem": ("cs-uri-stem", "@resource.name"),
    "cs-uri-query": ("cs-uri-query",),
    "c-uri-query": ("cs-uri-query",),
    "cs-user-agent": ("cs-user-agent", "@agent"),
    "c-useragent": ("cs-user-agent", "@agent"),
    "cs-referer": ("cs-referer",),
    "c-referer": ("cs-referer",),
    "cs-referrer": ("cs-referer",),
    "cs-username": ("cs-username", "@actor.id"),
    "cs-host": ("cs-host", "@resource.parent"),
    "sc-status": ("sc-status",),
    "sc-bytes": ("sc-bytes", "@bytes"),
    "cs-version": ("cs-version",),
}


def _web(name: str, products: str) -> Kind:
    return Kind(
        name,
        formats=words(name),
        categories=words("webserver proxy"),
        products=words(products),
        services=words("access apache nginx caddy webserver"),
        fields=_WEB_FIELDS,
    )


_LINUX_FIELDS: dict[str, tuple[str, ...]] = {
    "user": ("@actor.name", "@actor.id"),
    "User": ("@actor.name", "@actor.id"),
    "USER": ("@params", "@actor.name"),
    "SourceIp": ("@ip",),
    "src_ip": ("@ip",),
    "program": ("@service.name",),
    "process": ("@service.name",),
    "ProcessName": ("@service.name",),
    "Message": ("@message",),
    "msg": ("@message",),
    "CommandLine": ("@statement",),
    "hostname": ("@resource.parent", "@resource.name"),
}
_DATABASE_FIELDS: dict[str, tuple[str, ...]] = {
    "query": ("@statement",),
    "Query": ("@statement",),
    "sql": ("@statement",),
    "user": ("user", "@actor.name", "@actor.id"),
    "database": ("@resource.parent",),
}

SYSTEMS: tuple[Kind, ...] = (
    _web("combined", "apache nginx"),
    _web("nginx", "nginx"),
    _web("caddy", "caddy"),
    Kind(
        "linux",
        formats=words("authlog syslog"),
        products=words("linux unix"),
        services=words("auth authlog sshd sudo su syslog cron pam login"),
        fields=_LINUX_FIELDS,
        top=frozenset(),
    ),
    Kind(
        "postgres",
        formats=words("postgres postgres-csv postgres-stderr"),
        categories=words("database"),
        products=words("postgresql postgres sql"),
        services=words("postgresql postgres pgaudit audit"),
        fields=_DATABASE_FIELDS,
    ),
    Kind(
        "mariadb",
        formats=words("mariadb"),
        categories=words("database"),
        products=words("mysql mariadb sql"),
        services=words("mysql mariadb server_audit audit"),
        fields=_DATABASE_FIELDS,
        top=frozenset(),
    ),
    Kind("ocsf", formats=words("ocsf"), products=words("ocsf"), dotted=True),
    Kind("own", formats=words("own"), services=words("whodid own"), top=frozenset()),
)

PLAIN = Kind("json", formats=words("json logfmt"), dotted=True)
"""JSON and logfmt that is of no known kind: its rules say `product: whodid`, or name its source."""
