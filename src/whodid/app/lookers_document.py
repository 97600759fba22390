"""The JSON form of who looked."""

from whodid.app.count_document import read_at
from whodid.app.document import Document, event_document
from whodid.app.instant import instant
from whodid.app.lookers import LookersAnswer


def lookers_document(answer: LookersAnswer) -> Document:
    """Return the JSON form of an answer; what is withheld is null."""
    subject = answer.subject
    return {
        "subject": None if subject is None else {"kind": subject[0], "value": subject[1]},
        "total": answer.total,
        "rows": answer.rows,
        "denied": answer.denied,
        "lookers": [
            {
                "actor": one.actor, "acts": one.acts, "looks": one.looks, "rows": one.rows,
                "denied": one.denied, "last": instant(one.last_us),
            }
            for one in answer.lookers
        ],
        "lookers_total": answer.lookers_total,
        "subjects": [
            {
                "kind": one.kind, "value": one.value, "looks": one.looks, "lookers": one.lookers,
                "last": instant(one.last_us),
            }
            for one in answer.subjects
        ],
        "subjects_total": answer.subjects_total,
        "refused": [event_document(hit) for hit in answer.refused],
        "looks": [event_document(hit) for hit in answer.looks],
        "next": answer.next,
        "only_own": answer.only_own,
        "is_exact": answer.is_exact,
        **read_at(answer),
    }  # fmt: skip
