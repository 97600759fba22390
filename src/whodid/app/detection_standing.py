"""How detection stands: how far behind it is, its rules, its memory, what is still to be told.

It is what the detector told last of itself; no event, since it shows no content.
"""

from msgspec import Struct

from whodid.limits import DETECTION_LAG_S_MAX, OUTBOX_AGE_S_MAX

Document = dict[str, object]


class Telling(Struct, frozen=True):
    """Of a channel: messages that wait (the oldest so old, in s), were given up, were left out."""

    channel: str
    waiting: int
    oldest_s: float
    given_up: int
    lost: int


class DetectionStanding(Struct, frozen=True):
    """What the detector told `age_s` seconds ago. `up` False: its process does not run.

    `behind` entries wait to be looked at by rules, for `behind_s` seconds. `rules` are used, of
    which `blind` can never match here; `faulty` could not be read, `unusable` are not run.
    `state_bytes` is what they remember, `memory_bytes` that of the process (0: not known).
    `failures` are steps that failed, `failed_events` were left out. `trouble`: the outbox cannot
    do its work.
    """

    up: bool
    age_s: float
    behind: int
    behind_s: float
    rules: int
    blind: int
    faulty: int
    doubtful: int
    unusable: int
    state_bytes: int
    memory_bytes: int
    events: int
    findings: int
    failures: int
    failed_events: int
    channels: tuple[Telling, ...] = ()
    trouble: bool = False

    @property
    def waiting(self) -> int:
        """Messages that wait."""
        return sum(one.waiting for one in self.channels)

    @property
    def oldest_s(self) -> float:
        """Age of the oldest of these."""
        return max((one.oldest_s for one in self.channels), default=0.0)

    @property
    def given_up(self) -> int:
        """Messages that were given up."""
        return sum(one.given_up for one in self.channels)


def detection_attention(found: DetectionStanding | None) -> list[str]:
    """Return what of it asks for somebody, as sentences.

    Not what was given up: that stands until it is sent again, and was said while it waited.
    """
    if found is None:
        return []
    if not found.up:
        return ["The detector does not run: no rule looks at what comes."]
    said = []
    if found.behind and found.behind_s > DETECTION_LAG_S_MAX:
        said.append(
            f"Rules are {found.behind:,} entries behind, and have been for "
            f"{found.behind_s / 60:,.0f} minutes."
        )
    if found.faulty:
        said.append(f"{_many(found.faulty, 'rule')} cannot be read (`whodid rules check`).")
    if found.trouble:
        said.append("Messages about alerts cannot be made: the server's log says why.")
    if found.waiting and found.oldest_s > OUTBOX_AGE_S_MAX:
        said.append(
            f"{_messages(found.waiting, 'waits', 'wait')}, the oldest for "
            f"{found.oldest_s / 60:,.0f} minutes."
        )
    lost = sum(one.lost for one in found.channels)
    if lost:
        said.append(f"{_messages(lost, 'was left out', 'were left out')}: the outbox was full.")
    return said


def detection_document(found: DetectionStanding | None) -> Document | None:
    """Return the JSON form; seconds and bytes as they are called."""
    if found is None:
        return None
    return {
        "up": found.up, "age_seconds": round(found.age_s, 1),
        "behind": found.behind, "behind_seconds": round(found.behind_s, 1),
        "rules": found.rules, "blind": found.blind, "faulty": found.faulty,
        "doubtful": found.doubtful, "unusable": found.unusable,
        "state_bytes": found.state_bytes, "memory_bytes": found.memory_bytes,
        "events": found.events, "findings": found.findings, "failures": found.failures,
        "failed_events": found.failed_events,
        "outbox": {
            "waiting": found.waiting, "oldest_seconds": round(found.oldest_s, 1),
            "given_up": found.given_up, "trouble": found.trouble,
            "channels": [
                {
                    "name": one.channel, "waiting": one.waiting,
                    "oldest_seconds": round(one.oldest_s, 1), "given_up": one.given_up,
                    "lost": one.lost,
                }
                for one in found.channels
            ],
        },
    }  # fmt: skip


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _messages(number: int, one: str, many: str) -> str:
    return f"{_many(number, 'message')} about alerts {one if number == 1 else many}"
