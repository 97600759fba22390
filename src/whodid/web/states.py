"""What stands of an entry beside its content: whether it is signed and verified, and its clock.

Nothing is verified here: it says what the newest signed head covers and what continuous validation
found. Whoever wants to know presses Verify.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from whodid.app.answer import Hit
from whodid.app.integrity_answer import Integrity
from whodid.app.trace import doubts_of
from whodid.merkle.checkpoint import Checkpoint
from whodid.web.html import lasting

_LATE_US = 3_600_000_000


class State(NamedTuple):
    """A word for it, how good that is, and what it means."""

    word: str
    kind: Literal["ok", "warn", "bad", "plain"]
    about: str


def states_of(hit: Hit, head: Checkpoint | None, integrity: Integrity) -> Iterator[State]:
    """Yield the states of an entry, those of the ledger before those of its clock."""
    for fault in integrity.faults:
        if fault.entry == hit.index:
            yield State("fault", "bad", f"{fault.problem}. {fault.remedy}")
    if head is None or head.size <= hit.index:
        yield State("not signed yet", "plain", "The newest signed head does not reach this entry.")
    else:
        yield State("signed", "ok", f"The signed head of {head.size:,} entries covers it.")
    clean = integrity.last_clean
    if clean is not None and clean.entries > hit.index:
        yield State("validated", "ok", "The last clean verification of the whole ledger had it.")
    yield from _clock(hit)


def _clock(hit: Hit) -> Iterator[State]:
    when = hit.event.when
    for doubt in doubts_of(hit.event):
        yield State("clock", "warn", f"{doubt[:1].upper()}{doubt[1:]}.")
    late_us = 0 if when.time is None else when.received - when.time
    if late_us > _LATE_US:
        yield State("came late", "plain", f"It was received {lasting(late_us)} after it happened.")
