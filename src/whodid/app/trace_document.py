"""The JSON form of a story: one for the API and the command line."""

from whodid.app.document import Document, event_document
from whodid.app.instant import instant
from whodid.app.trace import Step, TraceAnswer
from whodid.limits import ANSWER_RAW_BYTES_MAX


def trace_document(answer: TraceAnswer) -> Document:
    """Return the JSON form of a story, oldest step first.

    Raw records beyond ANSWER_RAW_BYTES_MAX are left out, which is then one of the warnings.
    """
    steps: list[Document] = []
    size_bytes = left_out = 0
    for step in answer.steps:
        size_bytes += len(step.hit.event.raw)
        with_raw = size_bytes <= ANSWER_RAW_BYTES_MAX
        left_out += not with_raw
        steps.append(_step(step, answer.steps[0].at_us, with_raw=with_raw))
    warnings = list(answer.warnings)
    if left_out:
        warnings.append(f"The raw records of {left_out} events are left out; ask by their ids.")
    return {
        "id": answer.trace_id,
        "steps": steps,
        "gaps": [{"after": gap.after, "seconds": gap.span_us / 1e6} for gap in answer.gaps],
        "ids": [
            {
                "field": one.field, "value": one.value, "events": one.events,
                "followed": one.followed,
            }
            for one in answer.followed
        ],
        "systems": answer.lanes,
        "actors": answer.actors,
        "start": instant(answer.steps[0].at_us) if answer.steps else None,
        "seconds": answer.span_us / 1e6,
        "whole": answer.whole,
        "hidden_own": answer.hidden_own,
        "checkpoint": answer.checkpoint,
        "size": answer.size,
        "warnings": warnings,
    }  # fmt: skip


def _step(step: Step, start_us: int, *, with_raw: bool) -> Document:
    return {
        "at": instant(step.at_us),
        "offset_seconds": (step.at_us - start_us) / 1e6,
        "system": step.lane,
        "link": {
            "field": step.link.field, "value": step.link.value, "reason": step.link.reason,
            "inferred": step.link.inferred,
        },
        "doubts": list(step.doubts),
        "event": event_document(step.hit, with_raw=with_raw),
    }  # fmt: skip
