"""What stands in the ledger about alerts: the raw part of whodid's own events, as JSON.

An alert is the fold of its records in the order of the ledger. Everything that the events told
(values, sentences, notes) is in these records and nowhere else, so that it ends with its entry.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from whodid.detection.alerts.alert import Disposition, SilenceKind
from whodid.detection.finding import Match
from whodid.detection.rule import Head, Level
from whodid.errors import InputError

Pair: TypeAlias = tuple[str, str]


class Raised(Struct, frozen=True, tag="raised", tag_field="record", omit_defaults=True):
    """Findings of one rule about one entity: `fired` (told), `repeated` (folded) or `muted`.

    `fingerprint`, `tags` (of the key) and `finding_tags` are those of `fingerprint.Tagger`, in hex;
    `matches` are at most ALERT_MATCHES_MAX of `events`, the first and the newest. `notice`: a
    repetition that is told again. `whole`: every event is among the matches. `counted`, `early` as
    in `Alert`.
    """

    kind: Literal["fired", "repeated", "muted"]
    alert: str
    at_us: int
    rule: Head
    first_us: int
    last_us: int
    findings: int
    events: int
    matches: tuple[Match, ...]
    fingerprint: str
    tags: tuple[str, ...]
    finding_tags: tuple[str, ...]
    key: tuple[Pair, ...] = ()
    values: tuple[Pair, ...] = ()
    why: str = ""
    muted: str = ""
    notice: bool = False
    previous: str = ""
    overflow: bool = False
    counted: int = 0
    early: bool = False
    whole: bool = True


class Handled(Struct, frozen=True, tag="handled", tag_field="record", omit_defaults=True):
    """What somebody did with an alert; `quiet` is the detector's: nothing more came."""

    act: Literal["acknowledge", "assign", "close", "reopen", "note", "quiet"]
    alert: str
    at_us: int
    by: str
    assignee: str = ""
    disposition: Disposition | None = None
    duplicate_of: str = ""
    note: str = ""


class Silenced(Struct, frozen=True, tag="silenced", tag_field="record", omit_defaults=True):
    """What is muted from now on: all that is given must hold; `level` and lesser ones."""

    id: str
    kind: SilenceKind
    at_us: int
    by: str
    reason: str
    rule: str = ""
    level: Level | None = None
    key: tuple[Pair, ...] = ()
    tags: tuple[str, ...] = ()
    expires_us: int | None = None


class Unsilenced(Struct, frozen=True, tag="unsilenced", tag_field="record", omit_defaults=True):
    """The end of a silence, by somebody or because its time was over."""

    id: str
    at_us: int
    by: str
    note: str = ""


AlertRecord: TypeAlias = Raised | Handled | Silenced | Unsilenced

_encode = msgspec.json.Encoder().encode
_decode: Callable[[bytes], AlertRecord] = msgspec.json.Decoder(AlertRecord).decode


def encode_record(record: AlertRecord) -> bytes:
    """Return the bytes that the ledger keeps."""
    return _encode(record)


def decode_record(data: bytes) -> AlertRecord:
    """Read them back. Raises InputError for what whodid never wrote."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"a record of an alert that does not decode ({error})") from error
