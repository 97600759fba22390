"""The JSON form of a profile."""

from whodid.app.count_document import facet_document, read_at
from whodid.app.document import Document
from whodid.app.instant import instant
from whodid.app.profile import ProfileAnswer


def profile_document(answer: ProfileAnswer) -> Document:
    """Return the JSON form of a profile; `news` is null when all of it is that new."""
    return {
        "kind": answer.kind,
        "value": answer.value,
        "events": answer.events,
        "first": instant(answer.first_us) if answer.events else None,
        "last": instant(answer.last_us) if answer.events else None,
        "heat": answer.heat,
        "facets": [facet_document(facet) for facet in answer.facets],
        "news": None if answer.news is None else [
            {
                "field": one.field, "value": one.value, "first": instant(one.first_us),
                "events": one.events,
            }
            for one in answer.news
        ],
        "peers": [
            {"value": peer.value, "shared": peer.shared, "events": peer.events}
            for peer in answer.peers
        ],
        "via": answer.via,
        "is_exact": answer.is_exact,
        **read_at(answer),
    }  # fmt: skip
