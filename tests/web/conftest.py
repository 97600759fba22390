"""The fake log, a browser's worth of manners, and a client that is logged in."""

import asyncio
import importlib.util
import os
import re
import socket
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest


class Client:
    """A browser without a screen: keeps cookies, follows no redirect. Close it."""

    def __init__(self, app, base):
        self.app = app
        self._loop = asyncio.Runner()
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)
        self.cookies = self._http.cookies

    def get(self, path, **more):
        return self._loop.run(self._http.get(path, **more))

    def post(self, path, **more):
        return self._loop.run(self._http.post(path, **more))

    def close(self):
        self._loop.run(self._http.aclose())
        self._loop.close()


def _load(name):
    # By its file, because test folders are not packages.
    file = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"web_{name}", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"web_{name}"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake():
    """The module tests/web/fake_site.py."""
    return _load("fake_site")


@pytest.fixture(scope="session")
def browser_module():
    """The module tests/web/chromium.py."""
    return _load("chromium")


@pytest.fixture
def visit(fake, tmp_path):
    """visit(log) → the log, a client, and `log_in()`, `csrf(path)`, `user`, `doorkeeper`."""

    clients = []

    def begin(log, *, demo=False, base="http://testserver"):
        app, doorkeeper, user = fake.site_of(log, tmp_path, demo=demo)
        client = Client(app, base)
        clients.append(client)

        def csrf(path):
            return re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)[1]

        def log_in():
            form = {"csrf": csrf("/login"), "name": "admin", "password": fake.PASSWORD}
            return client.post("/login", data=form)

        return SimpleNamespace(
            log=log, client=client, csrf=csrf, log_in=log_in, user=user, doorkeeper=doorkeeper
        )

    yield begin
    for client in clients:
        client.close()


@pytest.fixture
def site(visit, fake):
    """A small log, looked at by somebody who is logged in."""
    found = visit(fake.small_log())
    found.log_in()
    found.log.calls.clear()
    found.log.recorded.clear()
    return found


@pytest.fixture
def tab(browser_module):
    path = browser_module.find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium, and CI needs one")
        pytest.skip("there is no Chromium on this machine")
    with browser_module.chromium(path) as tab:
        yield tab


@pytest.fixture
def served(fake, tmp_path):
    """served(log) → (base address, a login link); then `served.link_as(role)` is another."""
    import uvicorn

    running = []

    def serve(log):
        app, doorkeeper, admin = fake.site_of(log, tmp_path)
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()

        def link_as(role):
            user = doorkeeper.users.set_rights("admin", role=role)
            return f"{base}/login/{doorkeeper.sessions.issue_link(user)}"

        serve.link_as = link_as
        running.append((app, server, thread, listener))
        end = time.monotonic() + 120
        while not server.started:
            assert time.monotonic() < end
            time.sleep(0.02)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return base, f"{base}/login/{doorkeeper.sessions.issue_link(admin)}"

    yield serve
    for app, server, thread, listener in running:
        app.state.stop()
        server.should_exit = True
        thread.join(60)
        listener.close()
