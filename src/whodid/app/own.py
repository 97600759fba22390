"""whodid's own events: the log of the log. Written before the answer they are about is sent."""

import itertools
from collections.abc import Callable, Sequence
from typing import NoReturn

from msgspec import Struct
from msgspec.structs import replace

import whodid
from whodid.app.answer import Caller
from whodid.clock import Clock
from whodid.errors import AccessDeniedError
from whodid.event import (
    EMPTY_CONTENT,
    Access,
    Content,
    Context,
    Envelope,
    Event,
    Outcome,
    What,
    When,
    Where,
    Who,
    encode_groups,
)
from whodid.ledger.batch import BatchBuilder, Row
from whodid.ledger.leaf import LeafType
from whodid.ledger.port import SequencerPort
from whodid.ledger.sequenced import DUPLICATE
from whodid.ledger.state_db import OWN_SOURCE
from whodid.ledger.tags import Tagger, domain_key
from whodid.normalize.uuid7 import uuid7_many

_CLIENT_IDENTITY = 1


class Act(Struct, frozen=True):
    """What a caller did with whodid. `content` (the query text) goes into group 6 only.

    `outcome` where neither success nor denied is meant. `record` is a record of whodid's own, kept
    as the raw one is: withheld from whoever a field is withheld from. `others` are further
    resources, `labels` those of the resource, `story` what it shares with events of the same thing.
    """

    action: str
    access: Access
    resource_type: str
    resource: str | None
    content: str | None = None
    rows: int | None = None
    ok: bool = True
    reason: str | None = None
    outcome: Outcome | None = None
    record: bytes = b""
    parent: str | None = None
    others: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    story: str | None = None


class Written(Struct, frozen=True):
    """One event to be written: who did what, and the name under which it is there only once."""

    caller: Caller
    act: Act
    once: str | None = None


def refuse(write: Callable[[Caller, Act], None], caller: Caller, act: Act, reason: str) -> NoReturn:
    """Raise AccessDeniedError, after the event that tells of it."""
    write(caller, replace(act, ok=False, reason=reason))
    raise AccessDeniedError(f"Not allowed: {reason}.")


class OwnEvents:
    """Appends whodid's own events through the same sequencer as everything else."""

    def __init__(
        self, port: SequencerPort, builder: BatchBuilder, identity_root: bytes, clock: Clock
    ) -> None:
        self._port = port
        self._builder = builder
        self._tagger = Tagger(domain_key(identity_root, OWN_SOURCE))
        self._clock = clock
        self._source_id = b""

    def write(self, caller: Caller, act: Act, once: str | None = None) -> None:
        """Make the event durable; RefusedError or StoppedError means: give no answer.

        `once` is a name of what happened: a second event of that name is a duplicate.
        """
        self.write_all([Written(caller, act, once)])

    def write_all(self, events: Sequence[Written]) -> list[int | None]:
        """Make events durable together; their entries, None for one that was there already.

        At most BATCH_ROWS_MAX. Raises as `write`.
        """
        now = self._clock()
        if not self._source_id:
            self._source_id = self._port.sources()[OWN_SOURCE].source_id
        ids = uuid7_many(len(events), now)
        rows = [self._row(one, event_id, now) for one, event_id in zip(events, ids, strict=True)]
        receipt = self._port.submit(self._builder.build(rows))
        entries = itertools.count(receipt.first)
        return [None if v == DUPLICATE else next(entries) for v in receipt.verdicts]

    def _row(self, one: Written, event_id: str, now: int) -> Row:
        identity = one.once or event_id
        return Row(
            int(LeafType.EVENT), 0, 0, self._source_id, 0, 0,
            self._tagger.identity(_CLIENT_IDENTITY, identity.encode()),
            self._tagger.content(identity.encode()),
            encode_groups(_event(one.caller, one.act, event_id, now, identity)),
        )  # fmt: skip


def _text(text: str | None) -> str | None:
    """Make any text storable: an argument of a command may hold bytes that are no UTF-8."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _event(caller: Caller, act: Act, event_id: str, now: int, identity: str) -> Event:
    return Event(
        When(event_id, now, now),
        Who(
            actor_id=_text(caller.name),
            actor_type="system" if caller.face == "server" else "user",
            actor_session=caller.session,
        ),
        What(
            action=act.action,
            access=act.access,
            resource_type=act.resource_type,
            resource_name=_text(act.resource),
            resource_parent=_text(act.parent),
            resource_labels=act.labels,
            resources=act.others,
            outcome=act.outcome or ("success" if act.ok else "denied"),
            reason=_text(act.reason),
            rows=act.rows,
        ),
        Where(ip=caller.ip, agent=_text(caller.agent)),
        Context(
            service_name=OWN_SOURCE,
            service_version=whodid.__version__,
            endpoint=caller.face,
            request=caller.request,
            correlation=act.story,
        ),
        EMPTY_CONTENT if act.content is None else Content(statement=_text(act.content)),
        act.record,
        Envelope(OWN_SOURCE, "own", 1, "client", identity),
    )
