"""`GET /v1/complete`: what is offered, and what of the log it tells to whom."""

import pytest

from whodid.api.completing import Completing
from whodid.app.answer import Caller
from whodid.app.counts import Facet, FacetsAnswer
from whodid.errors import LeftError
from whodid.query.rights import EVERYTHING, NOTHING, rights

ADA = Caller("ada", "api", rights=EVERYTHING)


class Counted:
    """Answers facets from a table, and remembers what was asked."""

    def __init__(self, values=(), distinct=None):
        self.values, self.distinct = list(values), distinct
        self.asked = []

    def facets(self, caller, text, fields, *, values=10, own=False):
        self.asked.append((text, fields))
        if caller.left():
            raise LeftError
        distinct = len(self.values) if self.distinct is None else self.distinct
        facet = Facet(fields[0], self.values, distinct, 0, True)
        return FacetsAnswer([facet], 9, True, 0, "note", 10, [])


def offered(reading, text, caller=ADA, at=None):
    document = Completing(reading).answer(caller, text, len(text) if at is None else at)
    return [item["text"] for item in document["items"]], document


def test_the_answer_over_http(server):
    document = server.get("/v1/complete", params={"q": "actor:al", "caret": "8"}).json()
    assert document == {
        "start": 6, "end": 8, "typed": "al", "field": "actor", "whole": True,
        "items": [{"text": "alice", "shown": "alice", "kind": "value", "about": "",
                   "field": "actor", "count": 3}],
    }  # fmt: skip
    [(name, caller, text, fields, _, own)] = server.reading.calls
    assert (name, text, fields, own) == ("facets", "actor:*al*", ("actor",), False)
    assert (caller.name, caller.face) == ("alice", "api")


def test_names_alone_need_no_read(server):
    items = server.get("/v1/complete", params={"q": "outcome:den"}).json()["items"]
    assert [item["text"] for item in items] == ["denied"]
    assert server.get("/v1/complete").json()["items"][0]["text"] == "actor:"
    assert server.reading.calls == []


@pytest.mark.parametrize("at", ["-1", "4", "x", "1.5", ""])
def test_a_place_that_is_none(server, at):
    answer = server.get("/v1/complete", params={"q": "abc", "caret": at})
    assert answer.status_code == 400
    assert server.get("/v1/complete", params={"q": "abc", "caret": "3"}).status_code == 200


def test_nobody_is_offered_nothing(server):
    server.token = None
    assert server.get("/v1/complete", cookies={}).status_code == 401


def test_values_that_begin_so_come_first_and_are_quoted():
    values = [("bob malice", 9), ("alice", 5), ('al "x"', 3), ("a\nl", 2)]
    texts, document = offered(Counted(values), "actor:al")
    assert texts == ["alice", '"al \\"x\\""', '"bob malice"']
    assert document["whole"]
    assert not offered(Counted(values, distinct=500), "actor:al")[1]["whole"]


def test_people_come_behind_the_fields():
    reading = Counted([("active.directory", 9)])
    texts, _ = offered(reading, "access:read act")
    assert texts[0] == "actor:"
    assert texts[-1] == "actor:active.directory"
    assert reading.asked == [("actor:*act*", ("actor",))]


def test_of_fields_with_several_values_only_those_that_fit():
    reading = Counted([("invoices", 9), ("customers", 5)])
    assert offered(reading, "resource:cus")[0] == ["customers"]
    assert offered(reading, "agent:cus")[0] == ["customers"]
    assert [text for text, _ in reading.asked] == ["resource:*cus*", ""]


def test_a_denied_field_is_neither_offered_nor_looked_at():
    rita = Caller("rita", "api", rights=rights("", ["actor.id", "outcome"]))
    reading = Counted([("alice", 5)])
    assert "actor:" not in offered(reading, "", rita)[0]
    assert offered(reading, "actor:al", rita)[0] == []
    assert offered(reading, "alice", rita)[0] == []
    assert offered(reading, "outcome:", rita)[0] == []
    assert not any(t.startswith("outcome") for t in offered(reading, "| stats by (o", rita)[0])
    assert reading.asked == []


def test_who_reads_no_content_is_offered_names_only():
    reading = Counted([("alice", 5)])
    nobody = Caller("nobody", "api", rights=NOTHING)
    assert offered(reading, "actor:al", nobody)[0] == []
    assert "access:" in offered(reading, "acc", nobody)[0]
    assert reading.asked == []


def test_a_log_that_takes_long_gives_no_values():
    ticks = iter(range(100))
    reading = Counted([("alice", 5)])
    found = Completing(reading, lambda: float(next(ticks) * 2)).answer(ADA, "actor:al", 8)
    assert found["items"] == []
    assert not found["whole"]
