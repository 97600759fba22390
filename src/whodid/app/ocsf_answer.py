"""An answer with its events as OCSF, for SIEMs and data lakes (see `normalize.ocsf_export`)."""

import msgspec

from whodid.app.answer import Hit, SearchAnswer
from whodid.app.document import Document, answer_document
from whodid.limits import ANSWER_RAW_BYTES_MAX
from whodid.normalize.ocsf_export import ocsf_document
from whodid.query.names import RAW


def ocsf_event_document(hit: Hit) -> Document:
    """Return one event as OCSF; what is withheld from the reader is named in its labels."""
    return ocsf_document(hit.event, hit.withheld)


def ocsf_answer_document(answer: SearchAnswer) -> Document:
    """Return the JSON form of an answer, the same as `answer_document` but for the events.

    Raw records beyond ANSWER_RAW_BYTES_MAX are left out, which is then one of the warnings.
    """
    document = answer_document(msgspec.structs.replace(answer, events=[]))
    size_bytes = left_out = 0
    for hit in answer.events:
        size_bytes += len(hit.event.raw)
        event = ocsf_event_document(hit)
        if size_bytes > ANSWER_RAW_BYTES_MAX and RAW not in hit.withheld:
            left_out += event.pop("raw_data", None) is not None
        document["events"].append(event)
    if left_out:
        document["warnings"].append(
            f"The raw records of {left_out} events are left out: the answer would be too large. "
            "Ask for fewer."
        )
    return document
