"""whodid's own log: one line an event, and never what it must not tell."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings

import pytest

from running_server import RunningServer, wait_until
from whodid.config.settings import LogSettings
from whodid.errors import LedgerError, QueryError
from whodid.serve import own_log
from whodid.serve.own_log import ACCESS, Flood, say, set_up

SECRET = "hunter2 wd_5ecret"


@pytest.fixture
def logged(monkeypatch):
    """Set up a log as a process does; what was before is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def begin(**settings):
        stream = io.StringIO()
        set_up("door-1", LogSettings(**settings), stream)
        return stream

    yield begin
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_line_is_json_with_its_fields(logged):
    stream = logged(format="json")
    say(logging.getLogger("whodid.door"), logging.WARNING, "it\nended", status=-9, left=None)
    [line] = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "warning", "process": "door-1", "logger": "whodid.door", "event": "it ended",
        "status": -9,
    }  # fmt: skip


def test_or_text_for_people(logged):
    stream = logged()
    say(logging.getLogger("whodid.door"), logging.WARNING, "it ended", why="a b", status=3)
    assert stream.getvalue().endswith(' warning whodid door-1: it ended why="a b" status=3\n')


def test_levels_and_the_access_log(logged):
    stream = logged(level="error")
    logging.getLogger("whodid.door").warning("quiet")
    logging.getLogger(ACCESS).info("request")
    assert stream.getvalue() == ""
    stream = logged(level="error", access=True)
    logging.getLogger(ACCESS).info("request")
    assert "request" in stream.getvalue()


def _raise(error):
    def inner():
        raise error

    inner()


@pytest.mark.parametrize("settings", [{"format": "json"}, {"format": "text"}])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(f"invalid literal {SECRET!r}"), "ValueError"),
        (KeyError(SECRET), "KeyError"),
        (QueryError(f"unknown field {SECRET}"), "QueryError"),
        (LedgerError("the disk is gone"), "the disk is gone"),
        (OSError(28, "No space left on device", SECRET), "No space left on device"),
    ],
)
def test_an_error_is_one_line_without_what_it_met(logged, settings, error, said):
    stream = logged(**settings)
    log = logging.getLogger("whodid.door")
    try:
        _raise(error)
    except Exception:
        log.exception("a request failed")
    [line] = stream.getvalue().splitlines()
    assert said in line
    assert "test_own_log.py" in line
    assert "inner" in line
    assert not any(word in line for word in SECRET.split())


def test_what_nobody_caught_and_what_python_warns_of_is_there(logged):
    stream = logged(format="json")
    thread = threading.Thread(target=_raise, args=(ValueError(SECRET),))
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    try:
        _raise(ValueError(SECRET))
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)

    async def forgotten():
        task = asyncio.ensure_future(asyncio.sleep(0))
        await task
        loop = asyncio.get_running_loop()
        context = {"message": f"never retrieved\nfuture: {SECRET}", "exception": ValueError(SECRET)}
        loop.call_exception_handler(context)

    asyncio.run(forgotten())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["critical", "warning", "critical", "error"]
    assert "hunter2" not in stream.getvalue()


def test_a_flood_of_one_event_is_counted_not_written():
    now = [0.0]
    flood = Flood(lambda: now[0])

    def record(name="whodid.door", text="Invalid HTTP request"):
        return logging.LogRecord(name, logging.WARNING, "", 0, text, (), None)

    passed = sum(flood.filter(record()) for _ in range(1000))
    assert passed == own_log._SAME_MAX
    assert flood.filter(record(text="something else"))
    assert all(flood.filter(record(ACCESS, "request")) for _ in range(1000))
    now[0] += 61
    last = record()
    assert flood.filter(last)
    assert last.fields == {"not_said": 1000 - own_log._SAME_MAX}
    for number in range(5000):
        flood.filter(record(text=f"x{number}"))
    assert len(flood._seen) <= own_log._KEYS_MAX


def test_a_server_says_everything_as_json_and_nothing_secret(tmp_path):
    server = RunningServer(tmp_path).init()
    server.env["WHODID_LOG_ACCESS"] = "true"
    token = server.token("--user", "ann")
    server.run("source", "add", "crm", "--format", "json")
    writer = server.token("--source", "crm")
    try:
        process = server.spawn("--log-format", "json")
        server.process = process

        def address():
            for line in server.said().splitlines():
                if json.loads(line)["event"] == "serves":
                    server.url = json.loads(line)["url"].rstrip("/")
                    return True
            return False

        wait_until(address, "it says where it is")
        server.wait_ready()
        with server.client(token) as client:
            client.get("/v1/search", params={"q": "actor:hunter2"})
            client.get("/login/wdl_hunter2")
            client.get("/nothing/hunter2")
        with server.client(writer) as client:
            client.post("/v1/events", json={"userId": "hunter2", "action": "READ"})
        server.client("wd_hunter2").close()
        wait_until(lambda: "/v1/events" in server.said(), "requests are logged")
    finally:
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.said().splitlines()]
    requests = {line["route"]: line for line in lines if line["event"] == "request"}
    assert {"/v1/search", "/login/{token}", "/v1/events", "/healthz"} <= set(requests)
    assert requests["/v1/events"]["source"] == "crm"
    assert requests["/v1/search"]["status"] == 200
    said = server.said()
    assert not any(secret in said for secret in ("hunter2", token, writer))
