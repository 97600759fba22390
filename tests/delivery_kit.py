"""What tests of delivery share: an outbox over fakes, and receivers on this machine."""

import contextlib
import json
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from whodid.clock import system_clock
from whodid.detection.delivery.change import Change
from whodid.detection.delivery.channels.channel import NotTakenError
from whodid.detection.delivery.channels.make import make_channel
from whodid.detection.delivery.outbox import Outbox
from whodid.detection.delivery.settings import AppriseChannel, WebhookChannel
from whodid.errors import RefusedError

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_795_600_000 * SECOND  # a Wednesday


class Clock:
    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += round(seconds * SECOND)


class FakeChanges:
    def __init__(self, clock):
        self.clock = clock
        self.all = []
        self.fails = None

    def add(self, kind="opened", alert="a1", **more):
        values = {
            "position": len(self.all), "at_us": self.clock(), "kind": kind, "alert": alert,
            "fingerprint": f"f-{alert}", "level": "high", "rule": "r1", "title": "Guessed words",
            "count": 12, "first_us": START - HOUR, "last_us": START - MINUTE,
            "key": (("actor", "alice@example.com"),), "why": "12 failures, then success",
        }  # fmt: skip
        self.all.append(Change(**{**values, **more}))
        return self.all[-1]

    def changes(self, after, limit):
        if self.fails:
            raise self.fails
        return [change for change in self.all if change.position > after][:limit]


class FakeTold:
    """The ledger: an event of one name is kept once."""

    def __init__(self):
        self.attempts = {}
        self.written = 0
        self.beats = []
        self.losses = []
        self.stopped = False

    def _check(self):
        if self.stopped:
            raise RefusedError("the log has stopped")

    def attempt(self, attempt):
        self._check()
        self.written += 1
        self.attempts[attempt.once] = attempt

    def heartbeat(self, channel, *, ok, since_us, reason):
        self._check()
        self.beats.append((channel, ok, reason))

    def lost(self, channel, count, since_us):
        self._check()
        self.losses.append((channel, count))

    def outcomes(self, channel=None):
        return [one.outcome for one in self.attempts.values() if channel in {None, one.channel}]


class Killed(BaseException):
    """The process ended here; nothing after it ran."""


class FakeChannel:
    """Keeps what it is sent. `answers` are raised, first to last; then it takes all."""

    def __init__(self, like):
        self.groups, self.tells = like.groups, like.tells
        self.sent = []
        self.tried = 0
        self.answers = []
        self.closed = False

    def send(self, message):
        self.tried += 1
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Killed):
                self.sent.append(message)  # it arrived, and nobody noted that
            if answer is not None:
                raise answer
        self.sent.append(message)

    def close(self):
        self.closed = True


def refusals(count, **more):
    return [NotTakenError("HTTP 503", **more) for _ in range(count)]


def webhook(**more):
    return WebhookChannel(url="https://hooks.example/x", secret_envs=("S",), **more)


def chat(**more):
    return AppriseChannel(address_env="A", **more)


class Bench:
    """An outbox with its fakes; `again` is the next process over the same files."""

    def __init__(self, tmp_path, keys, settings, random=lambda: 0.0):
        self.path, self.keys, self.settings, self.random = tmp_path, keys, settings, random
        self.clock = Clock()
        self.changes = FakeChanges(self.clock)
        self.told = FakeTold()
        self.channels = {}
        self.outbox = self._open()

    def _open(self):
        return Outbox(
            self.path, self.keys, self.settings, changes=self.changes, told=self.told,
            make=self._make, clock=self.clock, random=self.random,
        )  # fmt: skip

    def _make(self, name, settings):
        from whodid.detection.delivery.channels.make import CLASSES

        like = CLASSES[type(settings.channels[name])]
        return self.channels.setdefault(name, FakeChannel(like))

    def again(self):
        with contextlib.suppress(Exception):
            self.outbox.close()
        self.outbox = self._open()
        return self.outbox

    def step(self, seconds=0.0):
        self.clock.pass_(seconds)
        self.outbox.step()
        assert self.outbox.trouble == "" or self.told.stopped or self.changes.fails

    def run(self, seconds, every=1.0):
        for _ in range(round(seconds / every)):
            self.step(every)


def real_channel(settings, *, environment=None, clock=system_clock, url="", **more):
    return make_channel(
        "it", settings, public_url=url, environment=environment or {}, clock=clock, **more
    )


# --- receivers ---------------------------------------------------------------------------------


class Receiver:
    """An HTTP server on 127.0.0.1 that keeps requests. `answer(handler)` may answer otherwise."""

    def __init__(self, answer=None, context=None):
        self.requests = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                receiver.requests.append((self.path, dict(self.headers.items()), body))
                if answer is not None:
                    answer(self)
                    return
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook?x=1"

    def json(self, number=-1):
        return json.loads(self.requests[number][2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class RawReceiver:
    """A TCP server on 127.0.0.1 whose connections are handled by `talk(socket)`."""

    def __init__(self, talk):
        self.taken = 0
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                receiver.taken += 1
                with contextlib.suppress(OSError):
                    talk(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def smtp_talk(mails, *, code_of_data=250):
    """Return the talk of a mail server that keeps what it was given as text."""

    def talk(connection: socket.socket):
        file = connection.makefile("rwb")

        def say(text):
            file.write(text.encode() + b"\r\n")
            file.flush()

        say("220 test")
        while line := file.readline():
            verb = line.split(b":")[0].strip().upper()
            if verb.startswith(b"EHLO"):
                say("250 test")
            elif verb == b"DATA":
                say("354 go on")
                lines = []
                while (one := file.readline()) not in {b".\r\n", b""}:
                    lines.append(one)
                mails.append(b"".join(lines).decode())
                say(f"{code_of_data} done")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    return talk
