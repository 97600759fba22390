"""Section `[alerts]`: where alerts are told, which, and when. Secrets stand in files or variables.

Light: the command line loads it at once.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from whodid.detection.rule import Level

ContentLevel: TypeAlias = Literal["none", "key", "why"]
"""What of the events a message may hold: nothing; what they have in common (who, what, from where);
that and the sentence that explains the alert."""

_MINUTES_MAX = 7 * 24 * 60
_SECONDS_MAX = 86_400
Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WORKING_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
Clock24 = Annotated[str, Meta(pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z|\A24:00\Z")]


class _Channel(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every channel has.

    Private, loopback and link-local addresses are refused unless `allow_hosts` names the host, its
    address or a network that has it. `ca_file` are further certificates to trust (PEM).
    """

    content: ContentLevel = "key"
    allow_hosts: tuple[str, ...] = ()
    ca_file: str = ""
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0
    ends: bool = True  # told of acknowledgements (not by chat) and closes of what it was told


class AppriseChannel(_Channel, frozen=True, tag="apprise"):
    """One address of apprise's (`slack://…`, `mailtos://…`), which is a secret as a whole."""

    address_file: str = ""
    address_env: str = ""


class PagerDutyChannel(_Channel, frozen=True, tag="pagerduty"):
    """A service's integration key (Events API v2). `region` is where the account is."""

    key_file: str = ""
    key_env: str = ""
    region: Literal["us", "eu"] = "us"
    url: str = ""


class WebhookChannel(_Channel, frozen=True, tag="webhook"):
    """A receiver of signed requests (standardwebhooks.com).

    The address is `url`, or in a file or variable when it is a secret. Each secret (`whsec_…`)
    signs: two while one takes the other's place.
    """

    url: str = ""
    url_file: str = ""
    url_env: str = ""
    secret_files: tuple[str, ...] = ()
    secret_envs: tuple[str, ...] = ()


ChannelSettings: TypeAlias = AppriseChannel | PagerDutyChannel | WebhookChannel


def kind_of(channel: ChannelSettings) -> str:
    """Return in a word what a channel is, as the settings say it."""
    kind = type(channel).__struct_config__.tag
    assert isinstance(kind, str)
    return kind


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """Working hours: `days` from `start` to `end` (past midnight when it is not later).

    `holidays` (YYYY-MM-DD) are no days of it.
    """

    timezone: str = "UTC"
    days: tuple[Day, ...] = _WORKING_DAYS
    start: Clock24 = "08:00"
    end: Clock24 = "18:00"
    holidays: tuple[str, ...] = ()


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """Alerts of these levels (none: all), whose rule has one of these ids or tags (none: any).

    With a `calendar` it holds `during` it or outside of it; otherwise its messages wait until it
    holds again, or are left to other routes. An alert that nobody acknowledged after
    `escalate_after_minutes` (0: never) is told to `escalate_to`.
    """

    channels: tuple[str, ...]
    levels: tuple[Level, ...] = ()
    rules: tuple[str, ...] = ()
    calendar: str = ""
    during: Literal["inside", "outside"] = "inside"
    otherwise: Literal["wait", "skip"] = "wait"
    escalate_after_minutes: Annotated[float, Meta(ge=0, le=_MINUTES_MAX)] = 0.0
    escalate_to: tuple[str, ...] = ()


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Section `[alerts]`."""

    channels: Annotated[
        dict[str, ChannelSettings],
        Meta(description="where alerts are told: `[alerts.channels.NAME]`, see below"),
    ] = {}
    routes: Annotated[
        tuple[Route, ...],
        Meta(
            description="which are told where: `[[alerts.routes]]`, see below; none: each to every "
            "channel"
        ),
    ] = ()
    calendars: Annotated[
        dict[str, Calendar],
        Meta(description="working hours for routes: `[alerts.calendars.NAME]`, see below"),
    ] = {}
    group_wait_seconds: Annotated[
        float,
        Meta(
            ge=0, le=_SECONDS_MAX,
            description="a chat or mail message waits so long for more alerts of its rule",
        ),
    ] = 10.0  # fmt: skip
    group_interval_seconds: Annotated[
        float,
        Meta(
            ge=0, le=_SECONDS_MAX,
            description="the next one of that rule comes at least so long after it",
        ),
    ] = 300.0  # fmt: skip
    heartbeat_channels: Annotated[
        tuple[str, ...], Meta(description="channels that are told that the detector lives")
    ] = ()
    heartbeat_minutes: Annotated[
        float, Meta(ge=0.1, le=_MINUTES_MAX, description="how often they are told")
    ] = 5.0
