import json

import anyio
import pytest

from whodid.app.answer import Hit
from whodid.errors import StoppedError
from whodid.limits import TAILS_MAX, TAILS_PER_USER_MAX


class Client:
    """One ASGI connection that reads a stream until told to go."""

    def __init__(self, server, query=b"q=alice", token=None, method="GET"):
        headers = [
            (b"host", b"x"),
            (b"authorization", b"Bearer " + (token or server.token).encode()),
        ]
        self.app = server.app
        self.scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "method": method,
            "path": "/v1/tail", "raw_path": b"/v1/tail", "query_string": query, "headers": headers,
            "client": ("10.0.0.1", 1), "scheme": "http", "root_path": "", "http_version": "1.1",
        }  # fmt: skip
        self.gone = anyio.Event()
        self.body = b""
        self.start = None
        self.ended = False
        self.broken = False

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if self.broken:
            raise OSError("client went away")
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message["body"]
            self.ended = not message.get("more_body")

    async def run(self):
        await self.app(self.scope, self.receive, self.send)

    async def until(self, condition):
        with anyio.fail_after(60):
            while not condition():  # noqa: ASYNC110 - what it waits for sets no event
                await anyio.sleep(0.001)

    def events(self):
        parts = self.body.decode().split("\n\n")
        return [json.loads(p.split("data: ")[1]) for p in parts if p.startswith("id: ")]


def playing(scene):
    """Run an async scene with a task group, in a fresh loop."""

    async def main():
        async with anyio.create_task_group() as group:
            await scene(group)

    anyio.run(main)


def another(hit, index):
    return Hit(index, hit.event, hit.appended_us, hit.flags)


def test_hits_flow_as_they_come_and_the_client_goes(server):
    hit = server.reading.hits[0]

    async def scene(group):
        client = Client(server)
        group.start_soon(client.run)
        await client.until(lambda: client.body)
        assert client.start["status"] == 200
        headers = dict(client.start["headers"])
        assert headers[b"content-type"].startswith(b"text/event-stream")
        assert headers[b"cache-control"] == b"no-store"
        assert b"content-length" not in headers
        server.reading.following.waiting = [hit, another(hit, 8)]
        await client.until(lambda: len(client.events()) == 2)
        server.reading.following.waiting = [another(hit, 9)] * 200
        await client.until(lambda: len(client.events()) == 202)
        assert client.events()[0]["actor.id"] == "alice"
        assert b"id: 7\nevent: hit\ndata: {" in client.body
        assert server.tails.open == 1
        client.gone.set()
        await client.until(lambda: server.tails.open == 0)

    playing(scene)
    assert server.reading.calls[0][0] == "follow"
    assert server.reading.calls[0][2] == "alice"


def test_a_heartbeat_is_a_comment(server):
    async def scene(group):
        client = Client(server)
        group.start_soon(client.run)
        await client.until(lambda: client.body.count(b": still here\n\n") >= 3)
        client.gone.set()

    playing(scene)


def test_a_broken_connection_ends_the_tail(server):
    async def scene(group):
        client = Client(server)
        group.start_soon(client.run)
        await client.until(lambda: client.body)
        client.broken = True
        await client.until(lambda: server.tails.open == 0)

    playing(scene)


def test_a_revoked_token_ends_the_tail(server):
    async def scene(group):
        client = Client(server)
        group.start_soon(client.run)
        await client.until(lambda: client.body)
        [info] = server.doorkeeper.read_tokens.all()
        server.doorkeeper.read_tokens.revoke(info.id)
        await client.until(lambda: client.ended)
        assert b"event: fault\ndata: " in client.body
        assert b"unauthenticated" in client.body

    playing(scene)
    assert server.tails.open == 0


def test_a_log_that_cannot_be_read_ends_the_tail_with_a_fault(server):
    async def scene(group):
        client = Client(server)
        group.start_soon(client.run)
        await client.until(lambda: client.body)
        server.reading.following.fault = StoppedError("fsync failed")
        await client.until(lambda: client.ended)
        assert b'"code":"stopped"' in client.body

    playing(scene)


def test_a_server_that_stops_ends_the_tail(server):
    async def scene(group):
        client = Client(server)
        group.start_soon(client.run)
        await client.until(lambda: client.body)
        server.stopping.set()
        await client.until(lambda: client.ended)
        assert b"fault" not in client.body

    playing(scene)


def test_tails_of_a_user_and_of_all_are_bounded(server):
    async def scene(group):
        clients = [Client(server) for _ in range(TAILS_PER_USER_MAX)]
        for client in clients:
            group.start_soon(client.run)
        await clients[0].until(lambda: server.tails.open == TAILS_PER_USER_MAX)
        one_more = Client(server)
        await one_more.run()
        assert one_more.start["status"] == 429
        bob = server.doorkeeper.users.add("bob", "correct horse", "investigator")
        other = Client(server, token=server.doorkeeper.read_tokens.issue(bob, "t"))
        group.start_soon(other.run)
        await other.until(lambda: other.body)
        server.tails._open["others"] = TAILS_MAX - TAILS_PER_USER_MAX - 1
        last = Client(server, token=server.doorkeeper.read_tokens.issue(bob, "u"))
        await last.run()
        assert last.start["status"] == 429
        for client in (*clients, other):
            client.gone.set()
        await other.until(lambda: server.tails.open == TAILS_MAX - TAILS_PER_USER_MAX - 1)

    playing(scene)


@pytest.mark.parametrize(
    ("query", "status"), [(b"q=actro:x", 400), (b"limit=1", 400), (b"q=" + b"a" * 20_000, 400)]
)
def test_a_tail_that_cannot_begin_says_so(server, query, status):
    async def scene(_group):
        client = Client(server, query)
        await client.run()
        assert client.start["status"] == status
        assert json.loads(client.body)["error"]["message"]

    playing(scene)
    assert server.tails.open == 0


def test_head_of_a_tail_ends(server):
    async def scene(_group):
        client = Client(server, method="HEAD")
        await client.run()
        assert client.start["status"] == 200

    playing(scene)
    assert server.reading.calls == []
