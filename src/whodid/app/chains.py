"""Chains of events, as `| sequence` finds them: what a face gets, and its JSON form."""

from msgspec import Struct

from whodid.app.answer import Hit
from whodid.app.count_document import read_at
from whodid.app.document import Document, event_document
from whodid.app.instant import instant
from whodid.app.trace import doubts_of, time_of
from whodid.limits import ANSWER_RAW_BYTES_MAX


class Chain(Struct, frozen=True):
    """The event of each step, the first step first, and the value that they share."""

    value: str | int
    hits: list[Hit]

    @property
    def start_us(self) -> int:
        """Return the time of its first event (µs UTC)."""
        return time_of(self.hits[0].event)

    @property
    def span_us(self) -> int:
        """Return the time from its first event to its last (µs)."""
        return time_of(self.hits[-1].event) - self.start_us


class ChainsAnswer(Struct, frozen=True):
    """One page of chains, newest first by their last event; `total` counts all of them.

    `by` is the field whose value they share; the rest is as in `SearchAnswer`.
    """

    by: str
    chains: list[Chain]
    total: int
    total_is_exact: bool
    hidden_own: int
    next: str | None
    checkpoint: str
    size: int
    warnings: list[str]
    newer: int | None = None


def chains_document(answer: ChainsAnswer) -> Document:
    """Return the JSON form of a page of chains.

    Raw records beyond ANSWER_RAW_BYTES_MAX are left out, which is then one of the warnings.
    """
    size_bytes = left_out = 0
    chains: list[Document] = []
    for chain in answer.chains:
        steps = []
        for hit in chain.hits:
            size_bytes += len(hit.event.raw)
            with_raw = size_bytes <= ANSWER_RAW_BYTES_MAX
            left_out += not with_raw
            steps.append(
                {
                    "at": instant(time_of(hit.event)),
                    "doubts": list(doubts_of(hit.event)),
                    "event": event_document(hit, with_raw=with_raw),
                }
            )
        chains.append(
            {
                "value": chain.value,
                "start": instant(chain.start_us),
                "seconds": chain.span_us / 1e6,
                "steps": steps,
            }
        )
    document = {
        "by": answer.by,
        "chains": chains,
        "total": answer.total,
        "total_is_exact": answer.total_is_exact,
        "next": answer.next,
        **read_at(answer),
        "newer": answer.newer,
    }
    if left_out:
        said = f"The raw records of {left_out} events are left out; ask by their ids."
        document["warnings"] = [*answer.warnings, said]
    return document
