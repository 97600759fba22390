"""What may be set about the life of an alert."""

from msgspec import Struct

HOUR_US = 3_600_000_000


class AlertSettings(Struct, frozen=True):
    """How alerts repeat and end.

    An open alert that goes on is told again after `repeat_us`, unless somebody acknowledged it;
    one of which nothing more came for `quiet_us` is over: what comes later is a new alert.
    `inhibit`: a graver alert of the same entity mutes lesser ones.
    """

    repeat_us: int = 4 * HOUR_US
    quiet_us: int = 24 * HOUR_US
    inhibit: bool = True
