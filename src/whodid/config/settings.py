"""Every setting: its name, type, range, default and a sentence.

The sections of whodid.toml are the fields of `Settings`. `docs/reference/configuration.md` is held
against this file.
"""

from typing import Annotated, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct

from whodid.detection.delivery.settings import AlertSettings
from whodid.limits import (
    ANSWERING_MEMORY_BYTES,
    ANSWERING_MEMORY_BYTES_MIN,
    CONNECTIONS_MAX,
    DISK_FREE_BYTES_MIN,
    REQUEST_BYTES_MAX,
    SEAL_AFTER_S,
    WAL_FILE_BYTES,
)

_KIB = 1024
_GIB = 1024**3
_RATE_MAX = 10_000_000


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[server]`."""

    host: Annotated[str, Meta(description="IP address to listen on, or localhost")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="port; 0 takes a free one")] = 9460
    doors: Annotated[int, Meta(ge=1, le=64, description="ingest processes")] = 2
    memory_bytes: Annotated[
        int,
        Meta(
            ge=ANSWERING_MEMORY_BYTES_MIN,
            description="what the process that answers searches takes at most, about",
        ),
    ] = ANSWERING_MEMORY_BYTES
    plain_http: Annotated[
        bool, Meta(description="allow an address that others can reach without TLS")
    ] = False
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="networks (CIDR) of proxies whose X-Forwarded-For is believed"),
    ] = ()
    public_url: Annotated[
        str,
        Meta(
            description="the server's address as people see it, for links in messages; empty: none"
        ),
    ] = ""


class TlsSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[tls]`. Empty means: none."""

    certificate: Annotated[str, Meta(description="PEM file: the certificate and its chain")] = ""
    key: Annotated[str, Meta(description="PEM file of its key, for the server's user only")] = ""
    client_ca: Annotated[
        str, Meta(description="PEM file: only clients with a certificate of these may connect")
    ] = ""


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[limits]`. A rate of 0 means: no limit."""

    events_per_second: Annotated[
        int, Meta(ge=0, le=_RATE_MAX, description="events a second of one source; 0: no limit")
    ] = 0
    events_burst: Annotated[
        int, Meta(ge=1, le=_RATE_MAX, description="events that a quiet source may send at once")
    ] = 100_000
    requests_per_second: Annotated[
        int,
        Meta(
            ge=0, le=_RATE_MAX,
            description="reads, pages and refused deliveries a second of one client address that "
            "is not loopback; 0: no limit",
        ),
    ] = 50  # fmt: skip
    requests_burst: Annotated[
        int, Meta(ge=1, le=_RATE_MAX, description="such requests that it may send at once")
    ] = 500
    body_bytes: Annotated[
        int,
        Meta(
            ge=64 * _KIB, le=REQUEST_BYTES_MAX,
            description="largest body of a delivery, after decompression",
        ),
    ] = REQUEST_BYTES_MAX  # fmt: skip
    connections: Annotated[
        int, Meta(ge=16, le=65_536, description="connections open at a time at one door")
    ] = CONNECTIONS_MAX
    connections_per_client: Annotated[
        int, Meta(ge=1, le=65_536, description="the same of one client address, not of proxies")
    ] = CONNECTIONS_MAX // 2
    free_disk_bytes: Annotated[
        int,
        Meta(ge=1024 * _KIB, description="below this much free space events are refused"),
    ] = DISK_FREE_BYTES_MIN


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[log]`: whodid's own log on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="the least that is said")
    ] = "info"
    format: Annotated[
        Literal["text", "json"], Meta(description="lines for people, or one JSON object a line")
    ] = "text"
    access: Annotated[bool, Meta(description="one line a request, without its query")] = False


class VerifySettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[verify]`: the verification in the background."""

    enabled: Annotated[bool, Meta(description="verify the ledger while the server runs")] = True
    every_hours: Annotated[
        float, Meta(gt=0, le=24 * 31, description="a whole verification begins this often")
    ] = 24.0
    busy_share: Annotated[
        float, Meta(gt=0, le=1, description="most of one processor that it takes")
    ] = 0.25


class LedgerSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[ledger]`."""

    wal_file_bytes: Annotated[
        int,
        Meta(ge=WAL_FILE_BYTES, le=_GIB, description="size of one preallocated write-ahead file"),
    ] = WAL_FILE_BYTES
    seal_after_seconds: Annotated[
        float, Meta(ge=1, le=86_400, description="a unit that is not full is sealed after this")
    ] = SEAL_AFTER_S


class DetectionSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[detection]`. Paths are taken from the folder of the ledger when not absolute."""

    enabled: Annotated[bool, Meta(description="look for what rules say as events come")] = True
    packs: Annotated[
        tuple[str, ...],
        Meta(description="packs of rules that are used; `all` means every one that comes with it"),
    ] = ("all",)
    rules: Annotated[
        tuple[str, ...],
        Meta(description="further folders or files of Sigma rules, beside DIR/rules"),
    ] = ()
    disabled_rules: Annotated[
        tuple[str, ...], Meta(description="ids or names of rules that are not used")
    ] = ()
    enabled_rules: Annotated[
        tuple[str, ...],
        Meta(description="ids or names of rules of packs that are used although they are off"),
    ] = ()
    calendars: Annotated[
        str, Meta(description="file of working hours of people and teams (`outside_hours`)")
    ] = ""
    geo: Annotated[
        str, Meta(description="MaxMind-format file of countries and places of addresses")
    ] = ""
    lateness_seconds: Annotated[
        float,
        Meta(
            ge=0, le=86_400, description="events may come so much later than others of their time"
        ),
    ] = 90.0
    learning: Annotated[bool, Meta(description="learn what is usual, and tell what is not")] = True
    alerts_per_day: Annotated[
        int, Meta(ge=0, le=1000, description="about so many findings of learning a day, never more")
    ] = 5


class Settings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All of them."""

    server: ServerSettings = ServerSettings()
    tls: TlsSettings = TlsSettings()
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()
    verify: VerifySettings = VerifySettings()
    ledger: LedgerSettings = LedgerSettings()
    detection: DetectionSettings = DetectionSettings()
    alerts: AlertSettings = AlertSettings()


class Setting(Struct, frozen=True):
    """One setting, described. `environment` are the variables that set it, the strongest first.

    A setting of tables has none.
    """

    name: str
    type: object
    default: object
    text: str
    environment: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        """Tell whether it takes several values (in the environment: with commas)."""
        return isinstance(self.default, tuple)

    @property
    def is_table(self) -> bool:
        """Tell whether it has named tables of its own."""
        return isinstance(self.default, dict)


RELOADED = (
    "server.trusted_proxies", "tls.", "limits.events_", "limits.requests_", "log.", "detection.",
    "alerts.", "server.public_url",
)  # fmt: skip
"""What SIGHUP changes in a running server; the other settings wait for its next start."""

_ALIASES = {"server.port": ("PORT",)}
_TABLES = ("alerts.channels", "alerts.routes", "alerts.calendars")
"""Too much for a variable."""


def all_settings() -> dict[str, Setting]:
    """Return every setting by its name, in the order of this file."""
    found = {}
    for section, kind in get_type_hints(Settings).items():
        hints = get_type_hints(kind, include_extras=True)
        for field in msgspec.structs.fields(kind):
            name = f"{section}.{field.name}"
            meta = get_args(hints[field.name])[1]
            variable = f"WHODID_{section}_{field.name}".upper()
            variables = () if name in _TABLES else (variable, *_ALIASES.get(name, ()))
            found[name] = Setting(
                name, hints[field.name], _default(field), str(meta.description), variables
            )
    return found


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def value_of(settings: Settings, name: str) -> object:
    """Return one setting's value."""
    section, _, key = name.partition(".")
    return getattr(getattr(settings, section), key)


def is_reloaded(name: str) -> bool:
    """Tell whether SIGHUP changes it in a running server."""
    return name.startswith(RELOADED)
