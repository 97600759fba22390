"""A record as rules see it: the groups of an entry, decoded when a rule asks."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from whodid.event import GROUPS, Envelope, Event, When, decode_groups

NativeOf = Callable[[bytes, str], Any]
"""(raw record, name of its format) → the record as nested dicts and lists, None when it is none."""

_decoders = tuple(
    None if struct is None else msgspec.json.Decoder(struct).decode for _, struct in GROUPS
)


_decode_when = msgspec.json.Decoder(When).decode
_decode_envelope = msgspec.json.Decoder(Envelope).decode


class _Sender(Struct):
    format: str
    source: str


_decode_sender = msgspec.json.Decoder(_Sender).decode
"""What every record is asked for: a fifth of the time that the whole envelope takes."""

_RAW = 6
_ENVELOPE = 7
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # msgspec lets two through


class Record:
    """One event of the ledger. Not safe for threads; `entry` is its index in the ledger.

    A group of bytes that are no event's is as if it were empty; `readable` tells whether those two
    are sound that every event has. Only `event` raises msgspec.DecodeError for such bytes.
    """

    __slots__ = ("_event", "_native", "_native_of", "_parts", "_sender", "entry", "groups")

    def __init__(self, entry: int, groups: tuple[bytes, ...], native_of: NativeOf) -> None:
        self.entry = entry
        self.groups = groups
        self._native_of = native_of
        self._parts: list[Any] = [None] * len(GROUPS)
        self._event: Event | None = None
        self._native: Any = msgspec.UNSET
        self._sender: tuple[str, str] | None = None

    def group(self, number: int) -> Any:
        """Return group `number` (0 to 7, not 6) as its struct."""
        found = self._parts[number]
        if found is None:
            decode = _decoders[number]
            assert decode is not None
            try:
                found = decode(self.groups[number] or b"{}")
            except _UNREADABLE:
                found = decode(b"{}")
            self._parts[number] = found
        return found

    @property
    def readable(self) -> bool:
        """Tell whether it says when it was and where it came from; if not, nothing may be asked."""
        parts, groups = self._parts, self.groups
        try:  # as `group` does: of each record that is read
            if parts[0] is None:
                parts[0] = _decode_when(groups[0])
            if parts[_ENVELOPE] is None:
                parts[_ENVELOPE] = _decode_envelope(groups[_ENVELOPE])
        except _UNREADABLE:
            return False
        return True

    @property
    def sender(self) -> tuple[str, str]:
        """The format of the record and the name of its source; two empty texts when unreadable."""
        found = self._sender
        if found is None:
            try:
                seen = self._parts[_ENVELOPE] or _decode_sender(self.groups[_ENVELOPE])
                found = seen.format, seen.source
            except _UNREADABLE:
                found = "", ""
            self._sender = found
        return found

    @property
    def native(self) -> Any:
        """The record as it was received, parsed; None when its format has no fields of its own."""
        if self._native is msgspec.UNSET:
            raw = self.groups[_RAW]
            self._native = self._native_of(raw, self.sender[0]) if raw else None
        return self._native

    def is_parsed(self, native_of: NativeOf) -> bool:
        """Tell whether `native` costs nothing more, or is another than `native_of` gives."""
        return self._native is not msgspec.UNSET or self._native_of is not native_of

    @property
    def event(self) -> Event:
        """The whole event."""
        if self._event is None:
            self._event = decode_groups(self.groups)
        return self._event

    @property
    def id(self) -> str:
        """The event's id."""
        found: str = self.group(0).id
        return found

    @property
    def time_us(self) -> int:
        """When it happened, else when it was received (µs UTC)."""
        when = self.group(0)
        found: int = when.received if when.time is None else when.time
        return found
