"""Connecting a source: what is pasted works as it stands, and has the server's own address."""

import html
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from running_server import RunningServer, wait_until
from whodid.normalize.registry import FORMATS
from whodid.web.connect import guides

SAMPLES = Path(__file__).resolve().parents[1] / "docs" / "samples"
BIN = Path(__file__).resolve().parents[2] / ".venv" / "bin"


def pasted(text):
    """What the page shows to be pasted into a shell, as a browser copies it."""
    return [
        html.unescape(one)
        for one in re.findall(r"<pre[^>]* data-shell>(.*?)</pre>", text, re.DOTALL)
    ]


def test_a_log_without_events_says_how_to_connect_one(fake, visit):
    site = visit(fake.FakeLog([]), base="https://audit.example.com:9460")
    site.log_in()
    text = site.client.get("/").text
    assert "Nothing is recorded yet" in text
    assert text.count('href="/">Look again') == 2
    assert any("curl https://audit.example.com:9460/v1/events" in one for one in pasted(text))
    assert pasted(text) == pasted(site.client.get("/connect").text)
    for name in ("http", "nginx", "postgresql", "cloudtrail", "others"):
        assert f'href="#{name}"' in text
        assert f'id="{name}"' in text
    # a search that finds nothing, or a place behind the oldest event, is another matter
    assert "Nothing is recorded yet" not in site.client.get("/?q=actor:nobody").text


def test_each_format_is_named(fake, visit):
    site = visit(fake.FakeLog([]))
    site.log_in()
    text = site.client.get("/connect").text
    assert [known.name for known in FORMATS if known.name not in text] == []


def test_a_log_with_events_does_not(site):
    assert "Nothing is recorded yet" not in site.client.get("/").text
    assert "/connect" in site.client.get("/sources").text


def test_one_has_to_be_logged_in(fake, visit):
    answer = visit(fake.FakeLog([])).client.get("/connect")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fconnect"


@pytest.mark.parametrize("host", ["x;reboot", "a b", "$(id)", "x/y", "x'y", '"><script>'])
def test_a_strange_host_is_not_pasted_into_a_shell(fake, visit, host):
    site = visit(fake.FakeLog([]))
    site.log_in()
    text = site.client.get("/connect", headers={"host": host}).text
    assert host not in html.unescape(text)
    assert "THIS-SERVER" in text or "testserver" in text


# --- the commands --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RunningServer(tmp_path_factory.mktemp("connect")).init()
    server.start()
    yield server
    server.stop()


def run(server, folder, script, **env):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], check=False, cwd=folder, capture_output=True,
        text=True, timeout=120, stdin=subprocess.DEVNULL,
        env={**server.env, "PATH": f"{BIN}:{os.environ['PATH']}", **env},
    )  # fmt: skip
    assert done.returncode == 0, f"$ {script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def machine(tmp_path):
    """A folder with logs where the pages say that they are, under another root."""
    for folder, sample in (
        ("var/log/nginx", "access.log"), ("var/log/postgresql", "postgresql.json"),
        ("trail", "cloudtrail.json.gz"),
    ):  # fmt: skip
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy(SAMPLES / sample, tmp_path / folder / sample)
    shutil.copy(SAMPLES / "access.log", tmp_path / "var/log/nginx/access.log.1")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "source", "events"),
    [("http", "shop", 1), ("nginx", "nginx", 6), ("postgresql", "postgres-main", 3),
     ("cloudtrail", "aws", 2)],
)  # fmt: skip
def test_what_is_pasted_works(server, machine, name, source, events):
    [guide] = [guide for guide in guides(server.url) if guide.name == name]
    token = ""
    for step in guide.steps:
        script = step.paste.replace("/var/log", f"{machine}/var/log")
        if not step.shell or script.startswith("aws "):
            continue  # a settings file, and another's tool: its files are in `trail` already
        printed = run(server, machine, script, TOKEN=token)
        if "token issue" in script:
            token = printed.splitlines()[-1]
    find = f"source:{source}"
    found = wait_until(lambda: server.json("search", find)["events"] or None, "it is found")
    assert len(found) == events


@pytest.mark.slow
def test_the_page_of_a_new_server_has_its_address_and_then_the_event(tmp_path):
    server = RunningServer(tmp_path).init().start()
    try:
        link = server.run("login", "ann", "--link", "--server", server.url).stdout.strip()
        with server.client(follow_redirects=True) as client:
            page = client.get(link)
            csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
            client.post(link, data={"csrf": csrf}, headers={"Origin": server.url})
            text = client.get("/").text
            assert "Nothing is recorded yet" in text
            declare, send = pasted(text)[:2]
            assert f"curl {server.url}/v1/events" in send
            token = run(server, tmp_path, declare).splitlines()[-1]
            run(server, tmp_path, send, TOKEN=token)
            text = wait_until(
                lambda: (page := client.get("/").text) and "customers" in page and page, "it came"
            )
            assert "Nothing is recorded yet" not in text
    finally:
        server.stop()
