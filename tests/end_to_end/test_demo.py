"""`whodid demo`: the story is in, the link works, the five things it prints find what they say."""

import re
import shlex
import signal
import subprocess
import time

import httpx
import pytest

from running_server import COMMAND, RunningServer, wait_until
from whodid.demo.plot import PLOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    server = RunningServer(tmp_path_factory.mktemp("demo"))
    out = server.folder / "stdout"
    began_s = time.monotonic()
    with out.open("wb") as output, server.errors.open("wb") as errors:
        server.process = subprocess.Popen(
            [*COMMAND, "demo", "--dir", str(server.directory), "--port", "0"],
            env=server.env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
        )  # fmt: skip

    def printed():
        assert server.process.poll() is None, server.said()
        return "Ctrl-C ends it." in out.read_text()

    wait_until(printed, "the demo says what to try", 600)
    print(f"the demo was ready after {time.monotonic() - began_s:.1f} s")
    server.text = out.read_text()
    server.url = re.search(r"(http://\S+)/login/", server.text)[1]
    yield server
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.said()


@pytest.fixture(scope="module")
def found(demo):
    """The answers to the five printed commands, each run as it is printed."""
    lines = re.findall(r"^ +whodid (search .+)$", demo.text, re.MULTILINE)
    answers = [demo.json(*shlex.split(line), "--limit", 1000) for line in lines]
    assert len(answers) == 5
    return [answer["events"] for answer in answers]


def test_the_link_logs_in_once_and_the_printed_addresses_answer(demo):
    """The first of these tests: the link holds for a quarter of an hour."""
    link = re.search(r"http://\S+/login/\S+", demo.text)[0]
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        token = re.search(r'name="csrf" value="([^"]+)"', browser.get(link).text)[1]
        page = browser.post(link, data={"csrf": token}, headers={"Origin": demo.url})
        assert page.status_code == 200
        for address in re.findall(r"^ +(http://\S+/\?q=\S+)$", demo.text, re.MULTILINE):
            page = browser.get(address)
            assert page.status_code == 200
            assert "/events/" in page.text
    with httpx.Client(follow_redirects=True, timeout=60) as another:
        token = re.search(r'name="csrf" value="([^"]+)"', another.get(link).text)[1]
        page = another.post(link, data={"csrf": token}, headers={"Origin": demo.url})
        assert page.status_code == 401


def test_the_story_is_large_and_whole(demo):
    demo.wait_ready()
    assert demo.json("search", "", "--limit", 1)["total"] >= 50_000
    sources = demo.json("source", "list")["sources"]
    assert len([source for source in sources if source["events"]]) >= 8 + 1
    assert demo.verified() == []


def test_each_of_the_five_is_printed_with_its_title(demo):
    for number, scene in enumerate(PLOT[:5], 1):
        assert f"{number}. {scene.title}" in demo.text


def test_a_leaver_who_is_still_active(found):
    assert found[0]
    assert len({event["actor.id"] for event in found[0]}) == 1


def test_a_bulk_export(found):
    assert sum(event["rows"] for event in found[1]) == 417_600
    assert {event["actor.type"] for event in found[1]} == {"agent"}
    assert {event["time"][11:13] for event in found[1]} <= {"02", "03", "04"}


def test_a_password_guessed(found):
    logins = [event for event in found[2] if event["access"] == "authenticate"]
    assert [event["outcome"] for event in logins].count("failure") >= 64
    assert logins[0]["outcome"] == "success", "newest first: the right one came last"


def test_an_account_in_two_countries(found):
    assert len({event["ip"] for event in found[3] if "ip" in event}) > 1


def test_one_request_four_witnesses(found):
    assert len({event["source"] for event in found[4]}) == 4


def test_its_own_acts_are_in_the_log(demo):
    events = demo.json("search", "service:whodid", "--limit", 1000)["events"]
    actions = [event["action"] for event in events]
    assert {"create user", "declare source", "issue login link"} <= set(actions)


def test_a_second_run_serves_what_is_there(demo):
    done = demo.run("demo", "--dir", demo.directory, "--no-serve")
    assert done.stdout == ""
