"""`/v1/integrity`: what continuous validation found, and asking for it."""

import msgspec

from whodid.api.integrity_metrics import integrity_metrics
from whodid.app.integrity_answer import NOTHING_KNOWN, KnownFault
from whodid.metrics import render
from whodid.validation.report import Round

ROUND = Round(1_000_000, 3_500_000, 1.25, 10, 9, 8, 1, [], ["x"], "not checked", "compared")
FAULT = KnownFault("k", "wal", None, "gone", 1_000_000, 2_000_000, "Keep a copy.", None)
FOUND = msgspec.structs.replace(
    NOTHING_KNOWN, running=True, faults=[FAULT], rounds=[ROUND], alarms=["one fault"],
    doing="entries", done=1, total=4,
)  # fmt: skip


def test_it_is_shown_to_readers(server):
    server.reading.found = FOUND
    document = server.get("/v1/integrity").json()
    assert document["ok"] is False
    [fault] = document["faults"]
    assert (fault["where"], fault["problem"], fault["entry"]) == ("wal", "gone", None)
    assert document["rounds"][0]["ended"] == "1970-01-01T00:00:03.500000Z"
    assert document["round"] == {
        "doing": "entries", "done": 1, "total": 4, "asked": False, "next": None, "looked": None,
        "trouble": "",
    }  # fmt: skip
    assert server.get("/v1/integrity", token="").status_code == 401


def test_a_clean_ledger_is_ok(server):
    clean = msgspec.structs.replace(ROUND, faults=0)
    server.reading.found = msgspec.structs.replace(NOTHING_KNOWN, rounds=[clean])
    assert server.get("/v1/integrity").json()["ok"] is True
    server.reading.found = NOTHING_KNOWN
    assert server.get("/v1/integrity").json()["ok"] is False  # nothing known is not ok


def test_a_token_may_ask_for_a_round(server):
    assert server.get("/v1/integrity/verify", method="POST").status_code == 202
    assert [call[0] for call in server.reading.calls] == ["verify_now"]
    assert server.get("/v1/integrity/verify").status_code == 405
    assert server.get("/v1/integrity", method="POST").status_code == 405


def test_a_reader_may_not_ask_and_that_is_on_record(server):
    rita = server.doorkeeper.users.add("rita", "correct horse", "reader")
    token = server.doorkeeper.read_tokens.issue(rita, "test")
    answer = server.get("/v1/integrity/verify", method="POST", token=token)
    assert answer.status_code == 403
    assert server.reading.calls == []
    assert server.reading.records == [("rita", "request verification", "ledger", False)]


def test_a_cookie_may_not(server):
    """A form of a foreign page sends it too, where a browser does not say where it comes from."""
    cookies = {"whodid_session": server.doorkeeper.sessions.open(server.user)}
    assert server.get("/v1/integrity", cookies=cookies).status_code == 200
    answer = server.get("/v1/integrity/verify", method="POST", cookies=cookies, token=None)
    assert answer.status_code == 401
    assert server.reading.calls == []


def test_the_metrics():
    text = render(integrity_metrics(FOUND))
    for line in (
        "whodid_verify_faults 1",
        "whodid_verify_faults_unacknowledged 1",
        "whodid_verify_last_timestamp_seconds 3.5",
        "whodid_verify_last_success_timestamp_seconds 0",
        "whodid_verify_last_duration_seconds 2.5",
        "whodid_verify_progress_ratio 0.25",
    ):
        assert line in text.splitlines()
