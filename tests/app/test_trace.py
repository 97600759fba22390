"""The story of an id: what belongs to it, in order, and what is said about what is not sure."""

import msgspec
import pytest

from whodid.app.answer import Caller
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.app.trace_document import trace_document
from whodid.errors import AccessDeniedError, UsageError
from whodid.ledger.batch import BatchBuilder
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
TRACE = "0af7651916cd43dd8448eb211c80319c"
STATEMENT = f"SELECT * FROM orders /*traceparent='00-{TRACE}-b7ad6b7169203331-01'*/"


class Log:
    """Sources that records are sent to, and the stories that are read of them."""

    def __init__(self, directory, keys, port, clock):
        self._port = port
        self._clock = clock
        self._intake = LedgerIntake(
            RowMaker(keys.identity_root(), port.sources),
            BatchBuilder(keys.ledger_id, keys.public_kek()), port,
        )  # fmt: skip
        self.reading = LedgerReading(directory, keys, port, clock)

    def add(self, source, at, action, **fields):
        self._port.declare_source(source, "json", source)
        minute, second = divmod(at, 60)
        record = {
            "timestamp": f"2026-11-17T10:{int(minute):02d}:{second:09.6f}Z", "userId": "alice",
            "action": action, "service": source,
        } | fields  # fmt: skip
        data = msgspec.json.encode({key: value for key, value in record.items() if value})
        self._intake.accept(Delivery(source, [data], self._clock()))

    def told(self, trace_id, caller=ALL, **how):
        answer = self.reading.trace(caller, trace_id, **how)
        steps = [(s.hit.event.what.action, s.link.field, s.link.inferred) for s in answer.steps]
        return answer, steps


@pytest.fixture
def log(directory, keys, port, clock):
    log = Log(directory, keys, port, clock)
    yield log
    log.reading._reader.close()


def test_ids_lead_on_across_systems_in_the_order_of_their_times(log):
    log.add("db", 3, "SELECT", statement=STATEMENT, userId="app")
    log.add("web", 1, "CHECKOUT", correlation_id="corr-123", request_id="req-777")
    log.add("api", 2, "PLACE", requestId="req-777", trace_id=TRACE)
    log.add("mail", 9, "SEND", correlation_id="corr-123")
    log.add("web", 5, "BROWSE", correlation_id="corr-999")
    for asked in ("corr-123", "req-777", TRACE):
        answer, steps = log.told(asked)
        assert [action for action, _, _ in steps] == ["CHECKOUT", "PLACE", "SELECT", "SEND"]
        assert answer.whole
        assert answer.lanes == ["web", "api", "db", "mail"]
        assert answer.actors == ["alice", "app"]
        assert answer.span_us == 8_000_000


def test_a_statement_names_its_trace(log):
    log.add("db", 1, "SELECT", statement=STATEMENT)
    log.add("db", 2, "SELECT", statement=f"SELECT '{TRACE}'")
    answer, steps = log.told(TRACE)
    assert steps == [("SELECT", "statement", False)]
    assert answer.steps[0].link.reason == "its statement names the trace"


def test_an_id_of_very_many_is_said_and_not_followed(log, monkeypatch):
    monkeypatch.setattr("whodid.app.tracing.TRACE_ID_EVENTS_MAX", 3)
    log.add("web", 0, "START", correlation_id="corr-123", request_id="proxy-1")
    for number in range(4):
        log.add("web", 100 + number, "OTHER", request_id="proxy-1")
    answer, steps = log.told("corr-123", inferred=False)
    assert [action for action, _, _ in steps] == ["START"]
    assert answer.warnings == ["request 'proxy-1' is that of 5 events and was not followed"]
    hub = answer.followed[-1]
    assert (hub.field, hub.value, hub.events, hub.followed) == ("request", "proxy-1", 5, False)


def test_short_ids_are_found_but_do_not_lead_on(log):
    log.add("web", 0, "START", correlation_id="corr-123", request_id="17")
    log.add("mail", 1, "OTHER", request_id="17")
    assert [a for a, _, _ in log.told("corr-123", inferred=False)[1]] == ["START"]
    assert [a for a, _, _ in log.told("17", inferred=False)[1]] == ["START", "OTHER"]


def test_a_story_that_is_too_large_says_so(log, monkeypatch):
    monkeypatch.setattr("whodid.app.tracing.TRACE_EVENTS_MAX", 3)
    for number in range(5):
        log.add("web", number, f"STEP{number}", correlation_id="corr-123")
    answer, steps = log.told("corr-123")
    assert [action for action, _, _ in steps] == ["STEP2", "STEP3", "STEP4"]
    assert not answer.whole
    assert answer.warnings == ["5 events have this id; the newest 3 are shown"]


def test_ids_without_end_are_bounded(log, monkeypatch):
    monkeypatch.setattr("whodid.app.tracing.IDS_MAX", 8)
    for number in range(30):
        ids = {"correlation_id": f"corr-{number:03}", "request_id": f"corr-{number + 1:03}"}
        log.add("web", number, "LINK", **ids)
    answer, steps = log.told("corr-000", inferred=False)
    assert 2 < len(steps) < 30
    assert not answer.whole
    assert "the story is larger than is shown" in answer.warnings[0]


def test_what_a_session_did_near_to_it_is_inferred(log):
    log.add("db", 10, "UPDATE", session_id="backend-9", correlation_id="corr-123", userId="app")
    log.add("db", 12, "COMMIT", session_id="backend-9", userId="app")
    log.add("db", 40, "VACUUM", session_id="backend-9", userId="app")
    log.add("other", 11, "COMMIT", session_id="backend-9", userId="app")
    answer, steps = log.told("corr-123")
    assert steps == [("UPDATE", "correlation", False), ("COMMIT", "actor.session", True)]
    assert answer.steps[1].link.reason == "same session, 2.0 s from a step"
    assert log.told("corr-123", inferred=False)[1] == steps[:1]


def test_what_the_actor_did_meanwhile_is_inferred_where_it_states_nothing(log):
    log.add("web", 10, "START", correlation_id="corr-123", ip="10.0.0.1")
    log.add("web", 30, "END", correlation_id="corr-123", ip="10.0.0.1")
    log.add("files", 20, "READ", ip="10.0.0.1")
    log.add("files", 21, "ELSEWHERE", ip="10.0.0.2")
    log.add("files", 22, "STATED", ip="10.0.0.1", correlation_id="corr-999")
    log.add("files", 90, "LATER", ip="10.0.0.1")
    _, steps = log.told("corr-123")
    assert steps == [
        ("START", "correlation", False), ("READ", "actor.id", True), ("END", "correlation", False),
    ]  # fmt: skip


def test_an_event_id_begins_a_story(log):
    log.add("web", 1, "CHECKOUT", correlation_id="corr-123")
    log.add("mail", 2, "SEND", correlation_id="corr-123")
    first = log.told("corr-123")[0].steps[0].hit.event.when.id
    assert [action for action, _, _ in log.told(first)[1]] == ["CHECKOUT", "SEND"]


def test_doubts_and_gaps(log, clock):
    log.add("web", 0, "START", correlation_id="corr-123")
    log.add("web", 1, "NEXT", correlation_id="corr-123")
    log.add("web", 301, "END", correlation_id="corr-123")
    log.add("odd", 0, "UNTIMED", correlation_id="corr-123", timestamp=None)
    log.add("odd", 0, "AHEAD", correlation_id="corr-123", timestamp="2031-01-01T00:00:00Z")
    answer, _ = log.told("corr-123")
    doubts = {step.hit.event.what.action: step.doubts for step in answer.steps}
    assert doubts["START"] == ()
    assert doubts["UNTIMED"] == ("no time of its own: that of its receipt",)
    assert doubts["AHEAD"][0].startswith("its clock is ahead: it came ")
    order = [step.hit.event.what.action for step in answer.steps]
    gaps = {order[gap.after]: gap.span_us for gap in answer.gaps}
    assert "START" not in gaps
    assert gaps[order[-2]] > 0, "years before the one whose clock is ahead"


def test_nothing_has_it_and_what_is_no_id(log):
    log.add("web", 0, "START", correlation_id="corr-123")
    answer, steps = log.told("corr-404")
    assert (steps, answer.followed, answer.gaps, answer.whole) == ([], [], [], True)
    for wrong in ("", "  ", "x" * 513):
        with pytest.raises(UsageError, match="characters"):
            log.told(wrong)


def test_it_is_an_event_before_it_is_shown(log):
    log.add("web", 0, "START", correlation_id="corr-123")
    log.told("corr-123")
    found = log.reading.search(ALL, "service:whodid action:trace")
    [own] = [hit.event.what for hit in found.events]
    assert (own.resource_name, own.rows) == ("corr-123", 1)
    assert log.told("corr-123")[1] == [("START", "correlation", False)], "not a part of itself"


def test_rights_hold_for_every_step_and_every_link(log):
    log.add("web", 0, "START", correlation_id="corr-123", request_id="req-777", ip="10.0.0.1")
    log.add("hr", 1, "PAY", request_id="req-777", ip="10.0.0.1")
    log.add("api", 2, "PLACE", request_id="req-777", ip="10.0.0.1")
    few = Caller("rita", "api", rights=rights("-source:hr", ["ip"]))
    answer, steps = log.told("corr-123", few)
    assert [action for action, _, _ in steps] == ["START", "PLACE"]
    assert all(step.hit.event.where.ip is None for step in answer.steps)
    no_request = Caller("rita", "api", rights=rights(None, ["request"]))
    assert [a for a, _, _ in log.told("corr-123", no_request, inferred=False)[1]] == ["START"]
    assert log.told("req-777", no_request)[1] == []
    with pytest.raises(AccessDeniedError):
        log.told("corr-123", Caller("nobody", "api", rights=NOTHING))


def test_the_document(log):
    log.add("web", 1, "CHECKOUT", correlation_id="corr-123")
    log.add("mail", 2.5, "SEND", correlation_id="corr-123")
    document = trace_document(log.told("corr-123")[0])
    assert [step["offset_seconds"] for step in document["steps"]] == [0.0, 1.5]
    assert document["steps"][1]["link"] == {
        "field": "correlation", "value": "corr-123", "reason": "same correlation",
        "inferred": False,
    }  # fmt: skip
    assert document["systems"] == ["web", "mail"]
    assert document["start"] == "2026-11-17T10:00:01.000000Z"
    assert (document["seconds"], document["whole"]) == (1.5, True)
    assert document["steps"][0]["event"]["action"] == "CHECKOUT"
