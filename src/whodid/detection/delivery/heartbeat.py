"""A "dead man's switch": channels are told again and again that the detector lives.

Only while it does: whoever runs the detector calls `alive` as it comes round. A beat that was
missed is not made up for, so these messages stand in no outbox. The ledger is told when beats
begin to arrive and when they begin to fail, not of each.
"""

from collections.abc import Mapping

from msgspec import Struct

from whodid.detection.delivery.change import Told
from whodid.detection.delivery.channels.channel import Channel, NotTakenError
from whodid.detection.delivery.message import Message
from whodid.errors import WhodidError
from whodid.limits import HEARTBEAT_SILENT_S

_SECOND_US = 1_000_000


class Beat(Struct):
    """How it is with one channel. `ok` None: never tried. `told` is what the ledger was told."""

    next_us: int = 0
    ok: bool | None = None
    since_us: int = 0
    last_ok_us: int = 0
    reason: str = ""
    told: bool | None = None


class Heartbeat:
    """Sends beats. `step` blocks as long as the channels take."""

    def __init__(self, told: Told, every_s: float, channels: tuple[str, ...]) -> None:
        self._told = told
        self._alive_us: int | None = None
        self.beats: dict[str, Beat] = {}
        self.use(every_s, channels)

    def use(self, every_s: float, channels: tuple[str, ...]) -> None:
        """Tell these channels this often from now on."""
        self._every_us = round(every_s * _SECOND_US)
        self.beats = {name: self.beats.get(name, Beat()) for name in channels}

    def alive(self, now_us: int) -> None:
        """Note that the detector came round."""
        self._alive_us = now_us

    def step(self, channels: Mapping[str, Channel], now_us: int) -> None:
        """Send the beats that are due."""
        if self._alive_us is not None and self._alive_us > now_us:  # the clock was set back
            self._alive_us = now_us
        silent_us = HEARTBEAT_SILENT_S * _SECOND_US
        lives = self._alive_us is not None and now_us - self._alive_us <= silent_us
        for name, beat in self.beats.items():
            is_due = beat.next_us <= now_us or beat.next_us > now_us + self._every_us
            if lives and is_due and name in channels:
                beat.next_us = now_us + self._every_us
                self._send(channels[name], name, beat, now_us)
            if beat.told is not beat.ok and beat.ok is not None:
                self._tell(name, beat)

    def _send(self, channel: Channel, name: str, beat: Beat, now_us: int) -> None:
        try:
            channel.send(Message(f"beat_{name}_{now_us}", heartbeat=True))
            ok, reason = True, ""
            beat.last_ok_us = now_us
        except NotTakenError as error:
            ok, reason = False, str(error)
        if ok is not beat.ok:
            beat.since_us = now_us
        beat.ok, beat.reason = ok, reason

    def _tell(self, name: str, beat: Beat) -> None:
        assert beat.ok is not None
        try:
            self._told.heartbeat(name, ok=beat.ok, since_us=beat.since_us, reason=beat.reason)
        except (WhodidError, OSError):  # the log takes nothing now
            return
        beat.told = beat.ok
