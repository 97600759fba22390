"""One access of a history, and the record of the ledger that it becomes."""

from typing import NamedTuple

from whodid.detection.record import Record
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    Envelope,
    Event,
    What,
    When,
    Where,
    Who,
    encode_groups,
)

DAY_US = 86_400_000_000


class Access(NamedTuple):
    """Who did what when; `network` is an address or a name, "" when the history has none."""

    time_us: int
    actor: str
    action: str
    resource: str
    parent: str = ""
    network: str = ""
    agent: str = ""
    rows: int | None = None
    groups: tuple[str, ...] = ()

    @property
    def day(self) -> int:
        """Days since 1970, UTC."""
        return self.time_us // DAY_US


def record_of(entry: int, access: Access) -> Record:
    """Return the access as the detector gets it: groups of bytes, decoded when asked for."""
    numeric = access.network[:1].isdigit()
    event = Event(
        When(id=f"{entry:032x}", received=access.time_us, time=access.time_us),
        Who(actor_id=access.actor, actor_groups=access.groups),
        What(
            action=access.action,
            resource_name=access.resource,
            resource_parent=access.parent or None,
            rows=access.rows,
            outcome="success",
        ),
        Where(
            ip=access.network if numeric else None,
            host=None if numeric else access.network or None,
            agent=access.agent or None,
        ),
        EMPTY_CONTEXT,
        EMPTY_CONTENT,
        b"",
        Envelope(source="swap", format="json"),
    )
    return Record(entry, encode_groups(event), lambda _raw, _format: None)
