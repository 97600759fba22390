"""What the benchmarks share: how much to measure, the events, and one filled ledger."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.events import Corpus, corpus
from benchmarks.load import Plan, Result, run_load
from benchmarks.processes import MemorySampler
from benchmarks.report import say
from benchmarks.server import Server, new_server

CONNECTIONS = 8
_WARM_EVENTS = 5000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    events: int
    round_events: int
    rounds: int
    sustained_s: int
    current_s_max: float


FULL = Size(1_000_000, 200_000, 3, 60, 240.0)
SMALL = Size(60_000, 20_000, 1, 5, 60.0)


@dataclass(frozen=True, slots=True)
class Burst:
    """The first filling of the ledger."""

    result: Result
    current_s: float
    memory_bytes: int
    cpu_us: dict[str, float]
    cpu_after_us: dict[str, float]


@dataclass(slots=True)
class Lab:
    """Holds what several benchmarks use; `close` ends its processes and removes its ledger."""

    size: Size
    stack: ExitStack = field(default_factory=ExitStack)
    _server: Server | None = None
    _burst: Burst | None = None

    def events(self) -> tuple[Corpus, Corpus]:
        """Return the events as JSON and as lines of COPY."""
        return corpus(self.size.events)

    def server(self) -> Server:
        """Return a running server whose ledger holds all events, and nothing else but its own."""
        if self._server is None:
            server = self.stack.enter_context(new_server())
            self._burst = self._fill(server)
            self._server = server
        return self._server

    def burst(self) -> Burst:
        """Return what filling that ledger took."""
        self.server()
        assert self._burst is not None
        return self._burst

    def _fill(self, server: Server) -> Burst:
        tokens = [server.token("burst"), server.token("warm")]
        server.start()
        warm(server, tokens[1], self.events()[0])
        say(f"a burst of {self.size.events:,} events")
        plan = self.plan(server, [tokens[0]], 0, self.size.events)
        with MemorySampler(lambda: list(server.pids())) as memory:
            before = server.cpu()
            result = run_load(plan)
            between = server.cpu()
            current_s = server.wait_current(self.size.current_s_max)
            after = server.cpu()
        count = self.size.events

        def spent(late: Mapping[str, float], early: Mapping[str, float]) -> dict[str, float]:
            return {name: (late[name] - early[name]) / count * 1e6 for name in late}

        return Burst(
            result, current_s, memory.max_bytes, spent(between, before), spent(after, between)
        )

    def plan(self, server: Server, tokens: list[str], first: int, end: int, **more: float) -> Plan:
        """Return a plan over the events; see `Plan`."""
        json, _ = self.events()
        given = {"connections": CONNECTIONS} | more
        return Plan(server.port, tokens, str(json.path), str(json.offsets), first, end, **given)  # type: ignore[arg-type]

    def close(self) -> None:
        """End the server; it is made anew when it is asked for again."""
        self._server = None
        self.stack.close()


def warm(server: Server, token: str, json: Corpus) -> None:
    """Send a little first, so that no process is measured while it starts."""
    plan = Plan(
        server.port, [token], str(json.path), str(json.offsets), 0, _WARM_EVENTS, 100, CONNECTIONS
    )
    run_load(plan)
    server.wait_current(30.0)
