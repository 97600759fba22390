"""One real server for all tests of this folder; each test writes its own source."""

import itertools
import re

import pytest

from running_server import PASSWORD, RunningServer


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = RunningServer(tmp_path_factory.mktemp("server")).init()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def reader(server):
    """A client of the read API as ann."""
    with server.client(server.token("--user", "ann")) as client:
        yield client


@pytest.fixture(scope="session")
def numbers():
    return itertools.count(1)


class Source:
    """A declared source with a token: `send` posts to it, `search` looks at it."""

    def __init__(self, server, reader, name, format_name="json"):
        self.name = name
        server.run("source", "add", name, "--format", format_name)
        self.client = server.client(server.token("--source", name))
        self.reader = reader

    def send(self, body, rc=200, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        options = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = self.client.post("/v1/events", headers=headers, **options)
        assert answer.status_code == rc, answer.text
        return answer.json()

    def search(self, text="", **parameters):
        return search(self.reader, f"source:{self.name} {text}", **parameters)


def search(client, text, **parameters):
    answer = client.get("/v1/search", params={"q": text, **parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def source(server, reader, numbers):
    source = Source(server, reader, f"app{next(numbers)}")
    yield source
    source.client.close()


@pytest.fixture(scope="session")
def browser(server):
    """A client that is logged in to the pages by a one-time link, with its form's token."""
    link = server.run("login", "ann", "--link", "--server", server.url).stdout.strip()
    with server.client(follow_redirects=True) as client:
        page = client.get(link)
        assert page.status_code == 200
        client.post(link, data={"csrf": csrf(page)}, headers={"Origin": server.url})
        assert client.get("/about").status_code == 200
        yield client


def csrf(page):
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


@pytest.fixture(scope="session")
def password():
    return PASSWORD
