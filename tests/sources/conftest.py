"""ASGI driven by hand, a fake intake, and an event loop whose time passes at once."""

import asyncio
import selectors
from types import SimpleNamespace

import pytest

from whodid.errors import AccessDeniedError, UsageError
from whodid.sources.http import IngestApp, SourceGrant
from whodid.sources.intake import Tally


class FakeIntake:
    def __init__(self):
        self.deliveries = []
        self.error = None

    async def accept(self, delivery):
        if self.error is not None:
            raise self.error
        self.deliveries.append(delivery)
        count = len(delivery.records)
        return Tally(
            accepted=count - len(delivery.cut), quarantined=len(delivery.cut), first=0,
            last=count - 1, exactly_once=delivery.request_key is not None, checkpoint_size=count,
        )  # fmt: skip


class FakeTokens:
    """token → {source: format}"""

    def __init__(self, grants):
        self.grants = grants

    def source_of(self, token, name):
        if token not in self.grants:
            return None
        sources = self.grants[token]
        if name is None:
            if len(sources) > 1:
                raise UsageError("name the source")
            name = next(iter(sources))
        if name not in sources:
            raise AccessDeniedError(f"not for {name}")
        return SourceGrant(name, sources[name])


async def fallback(scope, receive, send):
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


class _NoWaiting(selectors.DefaultSelector):
    """Reports at once, and lets the time pass that it was to wait."""

    passed = 0.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.passed += timeout
        return ready


def run(coroutine):
    """Run on a loop of which each wait takes no time."""
    selector = _NoWaiting()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.passed
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(coroutine)


def call(
    app, parts=(b"",), headers=(), *, path="/v1/events", method="POST", query=b"", ends="body"
):
    """Drive one request; `parts` are the chunks of the body. Returns status, headers, body, left.

    `ends`: "body" a whole body · "gone" the client disconnects after the parts · "silent" it says
    nothing more.
    """
    left = list(parts)
    sent = []

    async def receive():
        if left:
            part = left.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(left) or ends != "body"}
        if ends == "silent":
            await asyncio.sleep(10**9)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "query_string": query,
        "headers": list(headers), "raw_path": path.encode(), "client": ("192.0.2.7", 5),
        "scheme": "http",
    }  # fmt: skip
    run(app(scope, receive, send))
    if not sent:
        return SimpleNamespace(status=None, headers={}, body=b"", left=len(left))
    body = b"".join(m.get("body", b"") for m in sent[1:])
    return SimpleNamespace(
        status=sent[0]["status"], headers=dict(sent[0]["headers"]), body=body, left=len(left),
        whole=not sent[-1].get("more_body", False),
    )  # fmt: skip


@pytest.fixture
def asgi():
    """The doubles: FakeIntake, FakeTokens, fallback, call, run."""
    return SimpleNamespace(
        FakeIntake=FakeIntake, FakeTokens=FakeTokens, fallback=fallback, call=call, run=run
    )


@pytest.fixture
def door():
    """(app, intake): the token `one` writes `app` (any format), `two` writes `app` and `db`."""
    from whodid.normalize.registry import format_by_name

    intake = FakeIntake()
    tokens = FakeTokens(
        {
            "one": {"app": None},
            "two": {"app": None, "db": format_by_name("json")},
            "trail": {"aws": format_by_name("cloudtrail")},
        }
    )
    return IngestApp(intake, tokens, lambda: 1234, fallback), intake
