"""An alert, a silence and a notice as the derived table knows them. Values only."""

from typing import Literal, TypeAlias

from msgspec import Struct

from whodid.detection.rule import Level

State: TypeAlias = Literal["open", "acknowledged", "closed"]
STATES: tuple[State, ...] = ("open", "acknowledged", "closed")

Disposition: TypeAlias = Literal["true positive", "benign", "false positive", "duplicate"]
DISPOSITIONS: tuple[Disposition, ...] = (
    "true positive", "benign", "false positive", "duplicate",
)  # fmt: skip
"""What a closed alert was: an attack, something allowed, a mistake of the rule, another alert."""

SilenceKind: TypeAlias = Literal["silence", "exclusion"]


class Alert(Struct, frozen=True):
    """An alert without what the events hold: that stands in the ledger, at `entry`.

    `entry` is the event that began it, `newest` the last one about it. `findings` of the rule were
    folded into it, about `events` events. Times are µs UTC: `raised_us` and `seen_us` of our clock,
    `first_us` and `last_us` of the events. `muted` is empty, `silence:ID` or `alert:ID` (a graver
    one). `quiet_us` is when it was over, None while it goes on. `tags` name the values of its key
    without telling them, each 16 bytes, sorted; `overflow`: the rule raised too many at a time, and
    this one stands for the rest. `previous` is the alert of the same fingerprint before it.
    """

    id: str
    rule: str
    version: str
    title: str
    level: Level
    fingerprint: bytes
    tags: tuple[bytes, ...]
    entry: int
    newest: int
    raised_us: int
    seen_us: int
    first_us: int
    last_us: int
    findings: int
    events: int
    noticed_us: int = 0
    state: State = "open"
    muted: str = ""
    quiet_us: int | None = None
    assignee: str = ""
    acted_by: str = ""
    acted_us: int = 0
    disposition: str = ""
    duplicate_of: str = ""
    previous: str = ""
    overflow: bool = False
    counted: int = 0
    early: bool = False

    @property
    def is_active(self) -> bool:
        """Tell whether findings of its fingerprint are folded into it."""
        return self.state != "closed" and self.quiet_us is None


class Silence(Struct, frozen=True):
    """What is muted: alerts of a rule (empty: of any), of at most a level (None: any), with tags.

    `expires_us` is None for an exclusion. `muted` counts findings that it muted.
    """

    id: str
    kind: SilenceKind
    rule: str
    level: Level | None
    tags: tuple[bytes, ...]
    author: str
    made_us: int
    expires_us: int | None
    entry: int
    ended_us: int | None = None
    ended_by: str = ""
    muted: int = 0
    last_us: int = 0
