"""The load generator: one process, n connections, bodies that were made before.

HTTP/1.1 with keep-alive over plain sockets and one selector, so that it costs as little as it can:
it shares the machine with what it measures. Closed loop (`rate` 0: the next request follows the
reply) or open loop (`rate` events a second: requests are due on a clock, and latency counts from
when they were due, so a stall is not hidden).

`python -m benchmarks.load` reads a `Plan` as JSON on standard input and prints a `Result`.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.events import Corpus

_TIMEOUT_S = 30.0  # without any reply: something is broken


@dataclass(slots=True)
class Plan:
    """What to send: events [first, end) of a corpus, `batch` in a request.

    Numbers beyond the corpus begin it again with the next of `tokens`, which is another source's:
    an id is new there. `rate` is in events a second, 0 for as fast as replies come. Nothing new is
    sent after `seconds_max`.
    """

    port: int
    tokens: list[str]
    path: str
    offsets: str
    first: int
    end: int
    batch: int = 1000
    connections: int = 8
    rate: int = 0
    seconds_max: float = 120.0


@dataclass(slots=True)
class Result:
    """What came back. Latencies in ms; `cpu_s` is this process's own."""

    sent: int = 0
    requests: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    refused: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_s: float = 0.0
    p50_ms: float = 0.0
    p90_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0

    @property
    def events_per_s(self) -> float:
        """Events acknowledged a second."""
        return (self.accepted + self.duplicate + self.quarantined) / self.seconds


class _Connection:
    """One connection: a request on its way out, or a reply on its way in, or idle."""

    __slots__ = ("buffer", "due_s", "fileno", "header", "out", "socket", "span")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.socket.setblocking(False)
        self.fileno = self.socket.fileno()
        self.buffer = b""
        self.out: list[memoryview] = []
        self.span = (0, 0)
        self.due_s = 0.0


class _Load:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.data, self.offsets = Corpus(Path(plan.path), Path(plan.offsets)).open()
        self.heads = [
            f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/x-ndjson\r\n"
            "Content-Length: ".encode()
            for token in plan.tokens
        ]
        self.result = Result()
        self.latencies_s: list[float] = []
        self.again: deque[tuple[int, int]] = deque()
        self.next = plan.first
        self.selector = selectors.DefaultSelector()
        self.connections = [_Connection(plan.port) for _ in range(plan.connections)]

    def run(self) -> Result:
        plan, result = self.plan, self.result
        idle = deque(self.connections)  # in turns: the server closes what is idle for long
        for connection in idle:
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        busy = 0
        start_s = time.perf_counter()
        stop_s = start_s + plan.seconds_max
        due_s, step_s = start_s, plan.batch / plan.rate if plan.rate else 0.0
        last_reply_s = start_s
        while True:
            now_s = time.perf_counter()
            sending = (self.again or self.next < plan.end) and now_s < stop_s
            while sending and idle and due_s <= now_s:
                self._send(idle.popleft(), due_s if step_s else now_s)
                due_s += step_s
                busy += 1
                sending = bool(self.again) or self.next < plan.end
            if not busy and not sending:
                break
            wait_s = max(0.0, due_s - now_s) if sending and idle else 1.0
            for key, mask in self.selector.select(wait_s):
                connection = key.data
                if mask & selectors.EVENT_WRITE:
                    self._flush(connection)
                if mask & selectors.EVENT_READ and self._receive(connection):
                    idle.append(connection)
                    busy -= 1
                    last_reply_s = time.perf_counter()
            if busy and time.perf_counter() - last_reply_s > _TIMEOUT_S:
                result.failures["no reply"] = busy
                break
        result.seconds = last_reply_s - start_s
        result.cpu_s = time.process_time()
        self._percentiles()
        return result

    def _send(self, connection: _Connection, due_s: float) -> None:
        if self.again:
            span = self.again.popleft()
        else:
            span = (self.next, min(self.next + self.plan.batch, self.plan.end))
            self.next = span[1]
        turn, first = divmod(span[0], len(self.offsets) - 1)
        begin, end = self.offsets[first], self.offsets[first + span[1] - span[0]]
        head = b"%b%d\r\n\r\n" % (self.heads[turn], end - begin)
        connection.span = span
        connection.due_s = due_s
        connection.out = [memoryview(head), self.data[begin:end]]
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        out = connection.out
        waited = bool(self.selector.get_key(connection.socket).events & selectors.EVENT_WRITE)
        try:
            while out:
                size = connection.socket.sendmsg(out)
                while out and size >= len(out[0]):
                    size -= len(out.pop(0))
                if size:
                    out[0] = out[0][size:]
        except BlockingIOError:
            if not waited:
                both = selectors.EVENT_READ | selectors.EVENT_WRITE
                self.selector.modify(connection.socket, both, connection)
            return
        if waited:
            self.selector.modify(connection.socket, selectors.EVENT_READ, connection)

    def _receive(self, connection: _Connection) -> bool:
        """Read what is there; tell whether the reply is complete."""
        try:
            got = connection.socket.recv(65536)
        except BlockingIOError:
            return False
        if not got:
            raise ConnectionError("the server closed the connection")
        buffer = connection.buffer + got if connection.buffer else got
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or len(buffer) < end + 4 + _length(buffer, end):
            connection.buffer = buffer
            return False
        connection.buffer = b""
        self._count(connection, int(buffer[9:12]), buffer[end + 4 :])
        return True

    def _count(self, connection: _Connection, status: int, body: bytes) -> None:
        result = self.result
        result.requests += 1
        self.latencies_s.append(time.perf_counter() - connection.due_s)
        if status == 200:
            answer = json.loads(body)
            count = connection.span[1] - connection.span[0]
            result.sent += count
            result.accepted += answer["accepted"]
            result.duplicate += answer["duplicate"]
            result.quarantined += answer["quarantined"]
        elif status in {429, 503}:  # as asked: come back later with the same events
            result.refused += 1
            self.again.append(connection.span)
            time.sleep(0.05)
        else:
            reason = f"{status} {body[:200].decode(errors='replace')}"
            result.failures[reason] = result.failures.get(reason, 0) + 1

    def _percentiles(self) -> None:
        found = sorted(self.latencies_s)
        if not found:
            return

        def at(share: float) -> float:
            return round(found[min(len(found) - 1, int(share * len(found)))] * 1000, 3)

        result = self.result
        result.p50_ms, result.p90_ms, result.p99_ms = at(0.5), at(0.9), at(0.99)
        result.max_ms = round(found[-1] * 1000, 3)


def _length(buffer: bytes, end: int) -> int:
    at = buffer.lower().find(b"\r\ncontent-length:", 0, end)
    if at < 0:
        raise ConnectionError("a reply without Content-Length")
    return int(buffer[at + 17 : buffer.index(b"\r\n", at + 17)])


def run_load(plan: Plan) -> Result:
    """Run a plan in a process of its own. Raises RuntimeError unless all of it is acknowledged."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)), capture_output=True, text=True, check=False,
        timeout=plan.seconds_max + 3 * _TIMEOUT_S,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr.strip()[-500:]}")
    result = Result(**json.loads(done.stdout))
    if result.failures:
        raise RuntimeError(f"requests failed: {result.failures}")
    if result.accepted != result.sent or not result.sent:
        raise RuntimeError(f"{result.sent} events sent, but the replies say {result}")
    return result


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    result = _Load(plan).run()
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
